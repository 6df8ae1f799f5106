"""Addresses of trackers and web seeds: only what can be asked, bounded, each once."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.formats import urls


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (b"http://t/announce", "http://t/announce"),
        (" udp://t:80 ", "udp://t:80"),
        ("WSS://t/", "WSS://t/"),
        ("http://t/é", "http://t/é"),
        ("ftp://t/", None),
        ("http://", None),
        ("http:///x", None),
        ("http://t/a b", None),
        ("http://t/\r\nHost: x", None),
        ("http://t/\ud800", None),
        (b"http://t/\xff", None),
        ("http://t/" + "x" * 2048, None),
        (7, None),
        (None, None),
    ],
)
def test_tracker_urls(value: Any, url: str | None) -> None:
    assert urls.tracker_url(value) == url


def test_web_seeds_are_http_and_few() -> None:
    assert urls.web_seeds([b"http://a/", "udp://b", "http://a/", 5]) == ("http://a/",)
    assert len(urls.web_seeds(f"http://a/{n}" for n in range(1000))) == urls.MAX_WEB_SEEDS


def test_tiers_take_any_shape_and_are_bounded() -> None:
    assert urls.tracker_tiers(5) == ()
    assert urls.tracker_tiers([["http://a/"], "http://b/", [["http://c/"]], ["http://a/"]]) == (
        ("http://a/",),
        ("http://b/",),
    )
    many = urls.tracker_tiers([[f"http://a/{n}/{m}" for m in range(100)] for n in range(100)])
    assert sum(map(len, many)) == urls.MAX_TRACKERS
