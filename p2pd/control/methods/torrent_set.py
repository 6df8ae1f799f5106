"""torrent_set: change files, priorities, labels, trackers and limits (rpc-spec, 3.2).

`piece_deadlines`, `seed_choking`, `seed_limit_action`, `seed_time_*`, `super_seeding`,
`trusted_only` and what changes web seeds are p2pd's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.methods.group_methods import group_name
from p2pd.control.methods.secret_param import MAX_SECRET
from p2pd.control.methods.selection import ids
from p2pd.control.methods.share_params import SHARE_PARAMS, share_changes
from p2pd.control.methods.web_seed_fields import WEB_SEED_PARAMS, web_seed_changes
from p2pd.control.schema import (
    FILE_INDICES,
    PIECE,
    QUEUE_POSITION,
    SPEED,
    Param,
    absolute_path,
    bind,
    boolean,
    described,
    integer,
    json_object,
    labels,
    list_of,
    number,
    object_of,
    one_of,
    refuse,
    schema_of,
    text,
)
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.settings.session_settings import TORRENT_SEEDING_MODES
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.deadlines import DeadlineWindow
from p2pd.swarm.super_seeding import MODES

MAX_TRACKERS = 500
MAX_TRACKER_URL = 2048
MAX_WINDOWS = 100
MAX_DUE = 1000
"""Pieces that can be due at one time: those further off come soon enough in their order."""
TRACKER_SCHEMES = ("http", "https", "udp", "ws", "wss")

Tiers = tuple[tuple[str, ...], ...]

_TRACKER_ID = integer(0, 2**31 - 1)


@described({"type": "string", "maxLength": MAX_TRACKER_URL})
def tracker_url(name: str, value: object) -> str:
    """An announce URL. Raises RpcError (INVALID_TRACKER_LIST)."""
    url: str = text(MAX_TRACKER_URL)(name, value).strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in TRACKER_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise RpcError(RpcCode.INVALID_TRACKER_LIST, f"no announce address: {url[:100]!r}")
    return url


@described({"type": "string"})
def tracker_list(name: str, value: object) -> Tiers:
    """Tiers from text: one URL a line, a blank line between tiers. Raises RpcError."""
    tiers: list[list[str]] = [[]]
    for line in text(MAX_TRACKERS * (MAX_TRACKER_URL + 2))(name, value).splitlines():
        if line.strip():
            tiers[-1].append(tracker_url(name, line))
        elif tiers[-1]:
            tiers.append([])
    return checked_tiers(tiers)


def checked_tiers(tiers: Iterable[Iterable[str]]) -> Tiers:
    """Tiers without empty ones, with each tracker once. Raises RpcError."""
    checked = tuple(filter(None, (tuple(tier) for tier in tiers)))
    urls = [url for tier in checked for url in tier]
    if len(urls) > MAX_TRACKERS:
        raise RpcError(RpcCode.INVALID_TRACKER_LIST, f"more than {MAX_TRACKERS} trackers")
    if len(set(urls)) != len(urls):
        raise RpcError(RpcCode.INVALID_TRACKER_LIST, "a tracker is in the list twice")
    return checked


_WINDOW = (
    Param("first_piece", PIECE),
    Param("piece_count", integer(1, MAX_DUE), 1),
    Param("seconds", number(0, 24 * 3600), 0.0),
    Param("pieces_per_second", number(0.001, 1e6), 1.0),
)


@described(object_of(*_WINDOW))
def _window(name: str, value: object) -> DeadlineWindow:
    given = json_object(name, value)
    if unknown := sorted(given.keys() - {param.name for param in _WINDOW}):
        raise refuse(f"{name} cannot have {', '.join(unknown)[:300]}")
    return DeadlineWindow(**bind(given, _WINDOW))


_WINDOWS = list_of(_window, MAX_WINDOWS)


@described(schema_of(_WINDOWS))
def piece_deadlines(name: str, value: object) -> tuple[DeadlineWindow, ...]:
    """Windows of pieces that are due, not too many in all."""
    windows: tuple[DeadlineWindow, ...] = _WINDOWS(name, value)
    if sum(window.piece_count for window in windows) > MAX_DUE:
        raise refuse(f"{name} holds more than {MAX_DUE} pieces")
    return windows


_PAIR_ITEM = {"type": ["integer", "string"]}


@described({"type": "array", "items": _PAIR_ITEM, "maxItems": 2 * MAX_TRACKERS})
def tracker_replace(name: str, value: object) -> tuple[tuple[int, str], ...]:
    """Ids of trackers, each with the URL that is to be in its place behind it."""
    if not isinstance(value, list) or len(value) > 2 * MAX_TRACKERS or len(value) % 2:
        raise refuse(f"{name} must be a list of ids, each with a URL behind it")
    ids = [_TRACKER_ID(f"an id in {name}", one) for one in value[::2]]
    return tuple(zip(ids, (tracker_url(name, one) for one in value[1::2]), strict=True))


SET_PARAMS = (
    Param("ids", ids, None),
    Param("files_wanted", FILE_INDICES, None),
    Param("files_unwanted", FILE_INDICES, None),
    Param("priority_high", FILE_INDICES, None),
    Param("priority_normal", FILE_INDICES, None),
    Param("priority_low", FILE_INDICES, None),
    Param("bandwidth_priority", integer(-1, 1), None),
    Param("download_limit", SPEED, None),
    Param("download_limited", boolean, None),
    Param("group", group_name, None),
    Param("honors_session_limits", boolean, None),
    Param("upload_limit", SPEED, None),
    Param("upload_limited", boolean, None),
    *SHARE_PARAMS,
    Param("labels", labels, None),
    Param("location", absolute_path, None),
    Param("peer_limit", integer(0, 65535), None),
    Param("queue_position", QUEUE_POSITION, None),
    Param("sequential_download", boolean, None),
    Param("sequential_download_from_piece", PIECE, None),
    Param("secret", text(MAX_SECRET), None),
    Param("super_seeding", one_of(*MODES), None),
    Param("trusted_only", boolean, None),
    Param("seed_choking", one_of(*TORRENT_SEEDING_MODES), None),
    Param("piece_deadlines", piece_deadlines, None),
    Param("tracker_list", tracker_list, None),
    Param("tracker_add", list_of(tracker_url, MAX_TRACKERS), None),
    Param("tracker_remove", list_of(_TRACKER_ID, MAX_TRACKERS), None),
    Param("tracker_replace", tracker_replace, None),
    *WEB_SEED_PARAMS,
)

_SAME_NAME = (
    "bandwidth_priority", "download_limit", "download_limited", "honors_session_limits", "labels",
    "peer_limit", "queue_position", "secret", "seed_choking", "super_seeding", "trusted_only",
    "upload_limit", "upload_limited",
)  # fmt: skip
_FILE_PARAMS = (
    "files_wanted", "files_unwanted", "priority_high", "priority_normal", "priority_low"
)  # fmt: skip


async def change_torrents(
    api: SessionApi, torrents: Iterable[TorrentView], changes: Mapping[str, Any]
) -> None:
    """Make the same changes to every torrent. Raises RpcError for a file that is not there."""
    for torrent in torrents:
        try:
            await api.change(torrent, _changes_for(torrent, changes))
            if changes["location"] is not None:
                await api.set_location(torrent, changes["location"], move=False)
        except IndexError:
            sentence = f"{torrent.name} has no file of that index"
            raise RpcError(RpcCode.FILE_INDEX_OUT_OF_RANGE, sentence) from None


def _changes_for(torrent: TorrentView, changes: Mapping[str, Any]) -> TorrentChanges:
    given: dict[str, Any] = {name: changes[name] for name in (*_FILE_PARAMS, *_SAME_NAME)}
    given |= web_seed_changes(torrent, changes)
    return TorrentChanges(
        **given,
        share_limits=share_changes(changes) or None,
        sequential=changes["sequential_download"],
        sequential_from=changes["sequential_download_from_piece"],
        bandwidth_group=changes["group"],
        deadlines=changes["piece_deadlines"],
        tracker_tiers=_tiers(torrent, changes),
    )


def _tiers(torrent: TorrentView, changes: Mapping[str, Any]) -> Tiers | None:
    """What becomes of its trackers: those of the list or its own, less some, others, and more."""
    names = ("tracker_list", "tracker_remove", "tracker_replace", "tracker_add")
    given, removed, replaced, added = (changes[name] for name in names)
    if removed is replaced is added is None:
        return given  # type: ignore[no-any-return]
    by_id = {state.id: state.url for state in torrent.tracker_states}
    others: dict[str, str | None] = {by_id.get(id_, ""): None for id_ in removed or ()}
    others |= {by_id.get(id_, ""): url for id_, url in replaced or ()}
    if "" in others:
        raise RpcError(RpcCode.INVALID_TRACKER_LIST, "there is no tracker of that id")
    own = torrent.tracker_tiers if given is None else given
    tiers = [[others.get(url, url) for url in tier] for tier in own]
    kept = [[url for url in tier if url is not None] for tier in tiers]
    known = {url for tier in kept for url in tier}
    more = [(url,) for url in dict.fromkeys(added or ()) if url not in known]
    return checked_tiers([*kept, *more])
