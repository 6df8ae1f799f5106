"""p2pctl web-seeds: what is listed, and what is asked of the daemon."""

from __future__ import annotations

import json
from typing import Any

import pytest

ROW = {
    "url": "http://seed.test/f", "is_downloading": True, "download_bytes_per_second": 2_000_000,
    "connections": 1, "downloaded": 5_000_000, "error_string": "", "kind": "files",
    "next_time": 0, "state": "downloading",
}  # fmt: skip
BAD = ROW | {
    "url": "http://old.test/s", "kind": "pieces", "state": "dropped", "is_downloading": False,
    "error_string": "it sent wrong data of 3 pieces\x1b[2J",
}  # fmt: skip


@pytest.fixture
def seeded(daemon: Any) -> Any:
    """The daemon's first torrent has two."""
    daemon.torrents[0]["webseeds_ex"] = [ROW, BAD]
    return daemon


def test_they_are_listed(p2pctl: Any, seeded: Any) -> None:
    _, first, second = p2pctl("web-seeds", "1").stdout.splitlines()
    assert "http://seed.test/f" in first
    assert "downloading" in first
    assert "wrong data" in second
    assert "\x1b" not in second
    assert json.loads(p2pctl("web-seeds", "1", "--json").stdout) == [ROW, BAD]


def test_none_is_said(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[0]["webseeds_ex"] = []
    assert "it has no web seeds" in p2pctl("web-seeds", "1").output


@pytest.mark.parametrize(
    ("words", "params"),
    [
        (["--add", "http://x/"], {"webseed_add": ["http://x/"]}),
        (["--add-http-seed", "http://x/"], {"httpseed_add": ["http://x/"]}),
        (["--remove", "http://y/", "--remove", "http://z/"],
         {"webseed_remove": ["http://y/", "http://z/"]}),
        (["--change", "http://seed.test/f", "http://x/"], {"webseed_list": ["http://x/"]}),
    ],
)  # fmt: skip
def test_they_are_changed(p2pctl: Any, seeded: Any, words: list[str], params: Any) -> None:
    assert p2pctl("web-seeds", "1", *words).exit_code == 0
    (asked,) = [given for method, given in seeded.calls if method == "torrent_set"]
    assert asked == {"ids": [1], **params}


def test_one_that_is_not_there_cannot_be_changed(p2pctl: Any, seeded: Any) -> None:
    found = p2pctl("web-seeds", "1", "--change", "http://old.test/s", "http://x/")
    assert found.exit_code == 1
    assert "none of its web seeds" in found.output
