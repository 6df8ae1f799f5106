"""rtorrent's session: HASH.torrent, HASH.torrent.rtorrent and HASH.torrent.libtorrent_resume.

Up to 0.8 the latter two are dictionaries in the .torrent itself. Of each file the time of change is
kept, or why there is none (below zero). ruTorrent keeps its label in `custom1`, percent-encoded.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any
from urllib.parse import unquote

from p2pd.base.addresses import PeerAddress, unpack_compact
from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.entries import LATEST, Entries
from p2pd.formats.foreign.model import (
    MAX_PEERS,
    NEVER,
    ForeignGroup,
    ForeignStateError,
    ForeignTorrent,
    as_labels,
    group_name,
    limit_of,
    read_metainfo,
    saved_by,
    seen_by_users,
    with_addresses,
)
from p2pd.formats.foreign.placing import place
from p2pd.formats.magnet import Magnet
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.urls import tracker_tiers

MAX_SESSION = 96 * 1024 * 1024
HIGH = 2
USUAL, HIGHEST = 2, 3
"""Priorities of torrents; below are off and low."""
NO_THROTTLE = "NULL"
"""The throttle of who is under none, that of all neither."""
_UNITS = {"": 1024, "k": 1024**2, "m": 1024**3, "g": 1024**4}
"""What a number counts, in bytes per second: it is in KiB."""
_THROTTLE = re.compile(
    r"^\s*throttle[._](up|down)\s*=\s*\"?([^\s\",]{1,255})\"?\s*,\s*\"?(\d{1,9})([kKmMgG]?)",
    re.MULTILINE,
)


def read(
    torrent: bytes, rtorrent: bytes | None, resume: bytes | None, saved_at: float, booted_at: float
) -> ForeignTorrent:
    """A torrent of the folder. Raises ForeignStateError.

    What it had for less than 15 minutes when it saved its state is believed if the machine was not
    started since (`booted_at`): it may not have been on the disk then.
    """
    outer = Entries.decoded(torrent, "its torrent file", max_size=MAX_SESSION)
    kept = _part(outer, rtorrent, b"rtorrent")
    progress = _part(outer, resume, b"libtorrent_resume")
    found = ForeignTorrent(
        name="unknown",
        folder=kept.text(b"directory"),
        labels=as_labels([unquote(kept.text(b"custom1"))]),
        paused=not kept.flag(b"state", True),
        changed_before=saved_by(saved_at),
        exact_times=True,
        uploaded=kept.number(b"total_uploaded"),
        downloaded=kept.number(b"total_downloaded"),
        added_at=kept.date(b"timestamp.started"),
        completed_at=kept.date(b"timestamp.finished"),
        peers=tuple(_peers(progress)),
    )
    level = kept.number(b"priority", USUAL, most=HIGHEST)
    found.bandwidth_priority = max(-1, level - USUAL)
    throttle = group_name(kept.text(b"throttle_name"))
    if throttle == NO_THROTTLE:
        found.honors_session_limits = False
    else:
        found.group = throttle
    if b"rtorrent_meta_download" in outer.inner(b"info"):
        found.magnet = _magnet(outer)
        return found
    found.metainfo = _with_trackers(read_metainfo(torrent), progress)
    found.name = found.metainfo.name
    _read_files(found, progress, booted_at)
    return found


def read_throttles(configuration: str) -> list[ForeignGroup]:
    """The throttles that a configuration file makes, with the last limits that it gives them."""
    limits: dict[str, dict[str, int | None]] = {}
    for way, name, number, unit in _THROTTLE.findall(configuration):
        speed = limit_of(int(number) * _UNITS[unit.lower()])  # 0 is none
        limits.setdefault(group_name(name), {})[way] = speed
    return [
        ForeignGroup(name, found.get("down"), found.get("up")) for name, found in limits.items()
    ]


def _part(outer: Entries, data: bytes | None, name: bytes) -> Entries:
    if data is None:
        return outer.inner(name)
    return Entries.decoded(data, f"its .{name.decode()} file", max_size=MAX_SESSION)


def _read_files(found: ForeignTorrent, progress: Entries, booted_at: float) -> None:
    assert found.metainfo is not None
    layout = FileLayout.of(found.metainfo)
    found.pieces = _pieces(progress, layout)
    files = [Entries(one if isinstance(one, dict) else {}) for one in progress.items(b"files")]
    levels = seen_by_users([one.number(b"priority", 1, most=HIGH) for one in files], layout, 1)
    if levels is not None:
        found.priorities = tuple(None if not x else 1 if x == HIGH else 0 for x in levels)
    times = seen_by_users([_time(one) for one in files], layout, NEVER)
    shown = [index for index, file in enumerate(layout.files) if not file.pad]
    unsure = _unsure(progress, layout, booted_at)
    if times is not None:
        found.file_times = tuple(
            NEVER if index in unsure else time for index, time in zip(shown, times, strict=True)
        )
    if not found.metainfo.single_file:
        inside = ["/".join(layout.files[index].path[1:]) for index in shown]
        paths = [posixpath.join(found.folder, path) for path in inside]
        found.folder = posixpath.dirname(found.folder)  # what it names is the torrent's own
        place(found, layout, paths)


def _pieces(progress: Entries, layout: FileLayout) -> PieceSet | None:
    count, kept = layout.piece_count, progress.get(b"bitfield")
    if kept == count:
        return PieceSet.full(count)
    if kept == 0:
        return PieceSet(count)
    if not isinstance(kept, bytes):
        return None
    try:
        return PieceSet.from_bitfield(kept, count)
    except FormatError as problem:
        raise ForeignStateError(f"its pieces make no sense: {problem}") from None


def _time(file: Entries) -> int | None:
    """The time of change; None if the file was being written when the state was saved."""
    written = ~3
    value = file.get(b"mtime")
    if value == written:
        return None
    return value if isinstance(value, int) and 0 <= value < LATEST else NEVER


def _unsure(progress: Entries, layout: FileLayout, booted_at: float) -> set[int]:
    """The files with pieces that may not have been on the disk when the machine stopped."""
    if progress.date(b"uncertain_pieces.timestamp") > booted_at:
        return set()
    raw, files = progress.raw(b"uncertain_pieces"), set[int]()
    for start in range(0, len(raw) - 3, 4):
        piece = int.from_bytes(raw[start : start + 4], "big")
        if piece < layout.piece_count:
            files.update(layout.files_of_piece(piece))
    return files


def _with_trackers(metainfo: Metainfo, progress: Entries) -> Metainfo:
    """With those that were added, and without those that were switched off."""
    settings = progress.inner(b"trackers")
    tiers: list[list[str]] = [list(tier) for tier in metainfo.trackers]
    known = {url for tier in tiers for url in tier}
    for url in settings.names():
        (text,), *_ = tracker_tiers([url]) or (("",),)
        if text and text not in known and settings.inner(url).flag(b"extra_tracker"):
            tiers.append([text])
    off = {url for url in settings.names() if not settings.inner(url).flag(b"enabled", True)}
    kept = (tuple(url for url in tier if url.encode() not in off) for tier in tiers)
    return with_addresses(metainfo, tuple(filter(None, kept)), None)


def _peers(progress: Entries) -> list[PeerAddress]:
    compact = b"".join(_address(one) for one in progress.items(b"peers")[:MAX_PEERS])
    return unpack_compact(compact, ipv6=False, limit=MAX_PEERS)


def _address(peer: Any) -> bytes:
    entries = Entries(peer if isinstance(peer, dict) else {})
    address = entries.raw(b"inet")
    return address if len(address) == 6 and not entries.number(b"failed") else b""


def _magnet(outer: Entries) -> str:
    """What it keeps while it has no metadata: a torrent whose only file is HASH.meta."""
    name = outer.inner(b"info").text(b"name").removesuffix(".meta")
    try:
        info_hash = bytes.fromhex(name[:40])
    except ValueError:
        info_hash = b""
    if len(info_hash) != 20:
        raise ForeignStateError("its magnet link has no info-hash")
    tiers = tracker_tiers(outer.get(b"announce-list")) or tracker_tiers([outer.get(b"announce")])
    urls = tuple(url for tier in tiers for url in tier)
    return Magnet(InfoHashes(info_hash, None), trackers=urls).to_uri()
