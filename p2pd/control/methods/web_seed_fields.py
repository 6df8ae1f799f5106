"""What torrent_get tells of web seeds, and how torrent_set changes them (BEP 19, BEP 17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from p2pd.control.errors import RpcError
from p2pd.control.schema import Param, described, list_of, refuse, text
from p2pd.formats.urls import MAX_URL, MAX_WEB_SEEDS
from p2pd.formats.urls import web_seed_url as usable
from p2pd.session.api import TorrentView
from p2pd.session.web_seeds.seed_report import SeedReport, SeedState

Urls = tuple[str, ...]


def web_seed_row(seed: SeedReport) -> dict[str, Any]:
    """The first two and the last are Transmission's, the others p2pd's own."""
    return {
        "download_bytes_per_second": int(seed.rate),
        "is_downloading": seed.state is SeedState.SENDS,
        "connections": seed.connections,
        "downloaded": seed.downloaded,
        "error_string": seed.error,
        "kind": seed.kind.value,
        "next_time": int(seed.next_at),
        "state": seed.state.value,
        "url": seed.url,
    }


def sending(torrent: TorrentView) -> int:
    """How many of its web seeds send something."""
    return sum(seed.state is SeedState.SENDS for seed in torrent.seed_reports)


@described({"type": "string", "maxLength": MAX_URL})
def web_seed_url(name: str, value: object) -> str:
    """A URL of a web seed. Raises RpcError."""
    found = usable(text(MAX_URL)(name, value))
    if found is None:
        raise refuse(f"no address of a web seed: {value!r:.100}")
    return found


_URLS = list_of(web_seed_url, MAX_WEB_SEEDS)

WEB_SEED_PARAMS = (
    Param("httpseed_add", _URLS, None),
    Param("webseed_add", _URLS, None),
    Param("webseed_list", _URLS, None),
    Param("webseed_remove", list_of(text(MAX_URL), 2 * MAX_WEB_SEEDS), None),
)


def web_seed_changes(torrent: TorrentView, changes: Mapping[str, Any]) -> dict[str, Urls]:
    """What becomes of its web seeds of both kinds, if anything. Raises RpcError."""
    given, gone = changes["webseed_list"], changes["webseed_remove"] or ()
    before = {"web_seeds": torrent.web_seeds, "http_seeds": torrent.http_seeds}
    if unknown := set(gone) - {url for urls in before.values() for url in urls}:
        raise refuse(f"none of its web seeds: {min(unknown)[:100]!r}")
    own = before["web_seeds"] if given is None else given
    after = {
        "web_seeds": checked_web_seeds([*_less(own, gone), *(changes["webseed_add"] or ())]),
        "http_seeds": checked_web_seeds(
            [*_less(before["http_seeds"], gone), *(changes["httpseed_add"] or ())]
        ),
    }
    return {name: urls for name, urls in after.items() if urls != before[name]}


def checked_web_seeds(urls: Iterable[str]) -> Urls:
    """Each once. Raises RpcError for too many."""
    found = tuple(dict.fromkeys(urls))
    if len(found) > MAX_WEB_SEEDS:
        raise too_many()
    return found


def too_many() -> RpcError:
    """More than a torrent may have."""
    return refuse(f"more than {MAX_WEB_SEEDS} web seeds")


def _less(urls: Iterable[str], gone: Iterable[str]) -> list[str]:
    without = set(gone)
    return [url for url in urls if url not in without]
