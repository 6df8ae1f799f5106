"""Transmission's state: resume/NAME.resume beside torrents/NAME.torrent or NAME.magnet.

2.20 to 3.00 keep when pieces were checked (`time-checked`), 4.x the times of change of complete
files (`mtimes`); names have hyphens up to 4.0 and underscores since. What it has is in
`progress.blocks`, a bit for each 16 KiB.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from p2pd.base.addresses import PeerAddress, unpack_compact
from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE
from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.entries import LATEST, Entries, in_words
from p2pd.formats.foreign.model import (
    MAX_PEERS,
    MOST_SPEED,
    NEVER,
    SLACK_SECONDS,
    ForeignGroup,
    ForeignStateError,
    ForeignTorrent,
    as_labels,
    group_name,
    limit_of,
    own_limit,
    read_metainfo,
    saved_by,
    seen_by_users,
    shown_name,
)
from p2pd.formats.foreign.placing import place
from p2pd.formats.magnet import Magnet, parse_magnet
from p2pd.formats.urls import tracker_tiers

PEER_SIZE = 24
"""Of a peer in `peers2`, up to 4.0. Since then they are dictionaries."""
PART = ".part"
USUAL_PEERS = 50
MAX_GROUPS = 1000


_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,20})?\Z")
_NOT_A_LETTER = re.compile(r"[-_]")


def read(
    resume: bytes, torrent: bytes, saved_at: float, *, usual_peers: int = USUAL_PEERS
) -> ForeignTorrent:
    """A torrent; `torrent` is the .torrent file or the link in a .magnet. Raises FormatError.

    `usual_peers` is the peer limit that its settings gave to all.
    """
    entries = _with_hyphens(Entries.decoded(resume, "its resume file"))
    found = ForeignTorrent(
        name=shown_name(entries.text(b"name"), "unknown"),
        folder=entries.text(b"destination"),
        other_folder=entries.text(b"incomplete-dir"),
        labels=as_labels([in_words(label) for label in entries.items(b"labels")]),
        paused=entries.flag(b"paused"),
        changed_before=saved_by(saved_at),
        uploaded=entries.number(b"uploaded"),
        downloaded=entries.number(b"downloaded"),
        corrupt=entries.number(b"corrupt"),
        added_at=entries.date(b"added-date"),
        completed_at=entries.date(b"done-date"),
        active_at=entries.date(b"activity-date"),
        seconds_downloading=entries.date(b"downloading-time-seconds"),
        seconds_seeding=entries.date(b"seeding-time-seconds"),
        sequential=entries.flag(b"sequentialdownload"),
        sequential_from=entries.number(b"sequential-download-from-piece", most=2**31 - 1),
        bandwidth_priority=entries.number(b"bandwidth-priority", least=-1, most=1),
        group=group_name(entries.text(b"group")),
        partial_suffix=PART,
    )
    found.sequential = found.sequential or entries.flag(b"sequential-download")
    peers = entries.number(b"max-peers", most=65535)
    found.peer_limit = peers if peers not in (0, usual_peers) else None
    _read_limits(found, entries)
    _read_peers(found, entries)
    found.magnet = _magnet(torrent)
    if found.magnet is None:
        found.metainfo = read_metainfo(torrent)
        found.name = found.metainfo.name
        _read_files(found, FileLayout.of(found.metainfo), entries)
    return found


def _with_hyphens(entries: Entries) -> Entries:
    return Entries(
        {name.replace(b"_", b"-").lower(): entries.get(name) for name in entries.names()}
    )


def _read_files(found: ForeignTorrent, layout: FileLayout, entries: Entries) -> None:
    progress = _with_hyphens(entries.inner(b"progress"))
    found.pieces = _pieces(progress, layout)
    found.file_times = tuple(_times(progress, layout, found.pieces))
    unwanted = seen_by_users(entries.items(b"dnd"), layout, 0)
    levels = seen_by_users(entries.items(b"priority"), layout, 0)
    if unwanted is not None and levels is not None:
        found.priorities = tuple(
            None if skip else level if level in (-1, 1) else 0
            for skip, level in zip(unwanted, levels, strict=True)
        )
    if names := entries.items(b"files"):
        paths = seen_by_users([in_words(name) for name in names], layout, "")
        place(found, layout, paths or [])
        found.partial_suffix = found.partial_suffix or PART


def _pieces(progress: Entries, layout: FileLayout) -> PieceSet | None:
    """The pieces of which all blocks are there."""
    count = layout.piece_count
    if progress.raw(b"have") == b"all":
        return PieceSet.full(count)
    name = b"blocks" if b"blocks" in progress else b"bitfield"
    if name not in progress or layout.piece_length % BLOCK_SIZE:
        return None  # of such pieces its blocks are of another size
    last = layout.files[-1]
    had = _bits(progress, name, -(-(last.offset + last.length) // BLOCK_SIZE))
    each = layout.piece_length // BLOCK_SIZE
    flags = had.flags
    starts = range(0, len(flags), each)
    whole = [piece for piece, at in enumerate(starts) if 0 not in flags[at : at + each]]
    return PieceSet(count, whole)


def _bits(progress: Entries, name: bytes, size: int) -> PieceSet:
    """A bitfield, or the word that all or none of its bits are set."""
    raw = progress.raw(name)
    if raw == b"all":
        return PieceSet.full(size)
    if raw in (b"none", b""):
        return PieceSet(size)
    try:
        return PieceSet.from_bitfield(raw, size)
    except FormatError as problem:
        raise ForeignStateError(f"what it has makes no sense: {problem}") from None


def _times(progress: Entries, layout: FileLayout, pieces: PieceSet | None) -> list[int | None]:
    """Up to when files may have changed; None for those that were being written.

    4.x says which pieces it found right since their files changed: a file with others is not
    vouched for, as in 3.00 one of which a piece was found right before it changed.
    """
    values = progress.items(b"mtimes") or progress.items(b"time-checked")
    times = seen_by_users([_oldest(value) for value in values], layout, 0)
    shown = [file for file in layout.files if not file.pad]
    if times is None or pieces is None:
        return [NEVER] * len(shown)
    right = _bits(progress, b"pieces", layout.piece_count) if b"pieces" in progress else None
    found: list[int | None] = []
    for file, time in zip(shown, times, strict=True):
        span = range(file.first_piece, file.end_piece)
        had = [piece for piece in span if pieces.flags[piece]]
        if right is not None and not all(piece in right for piece in had):
            found.append(NEVER)
        elif len(had) == len(span):
            found.append(time + SLACK_SECONDS if time else NEVER)
        else:
            found.append(None)
    return found


def _oldest(value: Any) -> int:
    """When a file was found to be right: one time, or one of each piece after the first number."""
    if isinstance(value, list):
        numbers = [one for one in value if isinstance(one, int)]
        if len(numbers) < max(len(value), 2) or not min(numbers[1:]):
            return 0
        value = numbers[0] + min(numbers[1:])
    return value if isinstance(value, int) and 0 <= value < LATEST else 0


def _read_limits(found: ForeignTorrent, entries: Entries) -> None:
    for name, field in (
        (b"speed-limit-down", "download_limit"),
        (b"speed-limit-up", "upload_limit"),
    ):
        limit = _with_hyphens(entries.inner(name))
        rate = limit.number(b"speed-bps") or limit.number(b"speed") * 1000
        if limit.flag(b"use-speed-limit"):
            setattr(found, field, limit_of(rate) if rate else 0)
        if not limit.flag(b"use-global-speed-limit", True):
            found.honors_session_limits = False
    for name, kind in ((b"ratio-limit", "ratio"), (b"seed-ratio-limit", "ratio"),
                       (b"idle-limit", "idle")):  # fmt: skip
        limit = _with_hyphens(entries.inner(name))
        mode = limit.number(kind.encode() + b"-mode")  # numbers that are p2pd's, too
        found.share_limits |= own_limit(kind, _decimal(limit.get(name)), mode)


def _decimal(value: Any) -> float | None:
    """A number; bencode has no fractions, they are written out."""
    if isinstance(value, int):
        return float(value) if value >= 0 else None
    match = _DECIMAL.match(in_words(value))
    return float(match[0]) if match else None


def read_groups(data: bytes) -> list[ForeignGroup]:
    """The groups in bandwidth-groups.json (4.0 and later). Raises ForeignStateError."""
    try:
        groups = json.loads(data)
    except (ValueError, RecursionError):
        groups = None
    if not isinstance(groups, dict):
        raise ForeignStateError("bandwidth-groups.json cannot be read")
    found = []
    for name, group in list(groups.items())[:MAX_GROUPS]:
        if isinstance(group, dict) and group_name(name):
            values = {_NOT_A_LETTER.sub("", key).lower(): value for key, value in group.items()}
            found.append(_group(group_name(name), values))
    return found


def _group(name: str, values: Mapping[str, Any]) -> ForeignGroup:
    """Names were in camelCase, with hyphens, and have underscores now."""

    def limit(way: str) -> int | None:
        speed = values.get(f"{way}limit")
        if values.get(f"{way}limited") is not True or not isinstance(speed, int):
            return None
        return min(max(0, speed), MOST_SPEED)

    honors = values.get("honorssessionlimits") is not False
    return ForeignGroup(name, limit("download"), limit("upload"), honors)


def read_queue(data: bytes) -> list[str]:
    """The names of torrents in queue.json (4.1 and later), the first one first."""
    try:
        names = json.loads(data)
    except (ValueError, RecursionError):
        return []
    texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [name.rpartition(".")[0] for name in texts]


def _read_peers(found: ForeignTorrent, entries: Entries) -> None:
    peers: list[PeerAddress] = []
    for name, ipv6 in ((b"peers2", False), (b"peers2-6", True)):
        for one in entries.items(name)[:MAX_PEERS]:
            address = _with_hyphens(Entries(one if isinstance(one, dict) else {}))
            peers += unpack_compact(address.raw(b"socket-address"), ipv6=ipv6, limit=1)
        raw = entries.raw(name)[: MAX_PEERS * PEER_SIZE]
        for start in range(0, len(raw) - PEER_SIZE + 1, PEER_SIZE):
            compact = _compact(raw[start : start + PEER_SIZE], ipv6=ipv6)
            peers += unpack_compact(compact, ipv6=ipv6)
    found.peers = tuple(peers[:MAX_PEERS])


def _compact(peer: bytes, *, ipv6: bool) -> bytes:
    """An address in its struct: the family in 4 bytes, the address in 16, the port in 2."""
    address = peer[4:20] if ipv6 else peer[4:8]
    return address + peer[20:22]


def _magnet(data: bytes) -> str | None:
    """The link in a .magnet file, or of a .torrent file that is only one (up to 3.00)."""
    if data[:7].lower() == b"magnet:":
        return parse_magnet(data.decode("utf-8", "replace").strip()).to_uri()
    try:
        root = bencode.decode(data, strict_order=False, max_size=bencode.MAX_TORRENT_SIZE)
    except bencode.BencodeError:
        return None
    if not isinstance(root, dict) or b"info" in root or b"magnet-info" not in root:
        return None
    outer, info = Entries(root), Entries(root).inner(b"magnet-info")
    info_hash = info.raw(b"info_hash") or info.raw(b"info-hash")
    if len(info_hash) != hashlib.sha1().digest_size:
        raise ForeignStateError("its magnet link has no info-hash")
    urls = [url for tier in tracker_tiers(outer.get(b"announce-list")) for url in tier]
    urls += [url for tier in tracker_tiers([outer.get(b"announce")]) for url in tier]
    name = info.text(b"display-name") or None
    return Magnet(
        InfoHashes(info_hash, None), name=name, trackers=tuple(dict.fromkeys(urls))
    ).to_uri()
