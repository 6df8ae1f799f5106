"""Resume data of libtorrent (Rasterbar's), as qBittorrent and Deluge keep it: versions 1 and 2.

Version 1 has one byte a piece and a bit of it for "verified", version 2 a bitfield. No times of the
files are kept. What the two programs add is read in their own modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from p2pd.base.addresses import PeerAddress, unpack_compact
from p2pd.base.errors import FormatError
from p2pd.base.ids import V1_SIZE, V2_SIZE, InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.entries import Entries, in_words
from p2pd.formats.foreign.libtorrent_files import of_files
from p2pd.formats.foreign.libtorrent_trees import piece_layers
from p2pd.formats.foreign.model import (
    MAX_PEERS,
    ForeignStateError,
    ForeignTorrent,
    limit_of,
    read_metainfo,
    saved_by,
    shown_name,
    with_addresses,
)
from p2pd.formats.foreign.placing import place
from p2pd.formats.magnet import Magnet
from p2pd.formats.urls import tracker_tiers, web_seeds

FORMAT = b"libtorrent resume file"
MAX_RESUME = 64 * 1024 * 1024


def decoded(resume: bytes) -> Entries:
    """The dictionary of resume data. Raises ForeignStateError."""
    entries = Entries.decoded(resume, "its resume data", max_size=MAX_RESUME)
    if entries.raw(b"file-format") != FORMAT or entries.number(b"file-version", 1) not in (1, 2):
        raise ForeignStateError("its resume data is of a kind that is not known")
    return entries


def read_resume(
    entries: Entries,
    torrent: bytes | None,
    saved_at: float,
    priority: Callable[[int], int | None],
) -> ForeignTorrent:
    """What is in it; `priority` says what a number stands for. Raises ForeignStateError."""
    found = ForeignTorrent(
        name=shown_name(entries.text(b"name"), "unknown"),
        folder=entries.text(b"save_path"),
        changed_before=saved_by(saved_at),
        paused=entries.flag(b"paused") and not entries.flag(b"auto_managed"),
        uploaded=entries.number(b"total_uploaded"),
        downloaded=entries.number(b"total_downloaded"),
        added_at=entries.date(b"added_time"),
        completed_at=entries.date(b"completed_time"),
        active_at=max(entries.date(b"last_upload"), entries.date(b"last_download")),
        seconds_seeding=entries.date(b"finished_time"),
        download_limit=limit_of(entries.number(b"download_rate_limit")),
        upload_limit=limit_of(entries.number(b"upload_rate_limit")),
        sequential=entries.flag(b"sequential_download"),
        super_seeding=entries.flag(b"super_seeding"),
        peers=tuple(_peers(entries)),
    )
    active = entries.date(b"active_time")
    found.seconds_downloading = max(0, active - found.seconds_seeding)
    trackers = tracker_tiers(entries.get(b"trackers")) if b"trackers" in entries else None
    if torrent is None:
        found.magnet = _magnet(entries, trackers or ())
        return found
    seeds = web_seeds(entries.items(b"url-list")) if b"url-list" in entries else None
    found.metainfo = with_addresses(read_metainfo(torrent), trackers, seeds)
    if b"httpseeds" in entries:
        http_seeds = web_seeds(entries.items(b"httpseeds"))
        found.metainfo = replace(found.metainfo, http_seeds=http_seeds)
    _check_hashes(entries, found.metainfo.info_hashes)
    found.name = found.metainfo.name
    layout = FileLayout.of(found.metainfo)
    if found.metainfo.missing_piece_layers():
        layers = {**piece_layers(entries, found.metainfo, layout), **found.metainfo.piece_layers}
        found.metainfo = replace(found.metainfo, piece_layers=layers)
    _read_files(found, layout, entries, priority)
    return found


def _read_files(
    found: ForeignTorrent,
    layout: FileLayout,
    entries: Entries,
    priority: Callable[[int], int | None],
) -> None:
    found.pieces = _pieces(entries, layout)
    levels = [x if isinstance(x, int) else 4 for x in entries.items(b"file_priority")]
    found.priorities = tuple(priority(level) for level in of_files(levels, layout, 4))
    if mapped := entries.items(b"mapped_files"):
        place(found, layout, of_files([in_words(name) for name in mapped], layout, ""))


def _pieces(entries: Entries, layout: FileLayout) -> PieceSet | None:
    """None where nothing is said, as before the first check of a torrent."""
    count, raw = layout.piece_count, entries.raw(b"pieces")
    if not raw:
        return None
    if entries.number(b"file-version", 1) == 1:
        if len(raw) != count:
            raise ForeignStateError(f"it has {count} pieces, its resume data {len(raw)}")
        return PieceSet(count, [piece for piece, state in enumerate(raw) if state & 1])
    try:
        return PieceSet.from_bitfield(raw, count)
    except FormatError as problem:
        raise ForeignStateError(f"its pieces make no sense: {problem}") from None


def _peers(entries: Entries) -> list[PeerAddress]:
    v4 = unpack_compact(entries.raw(b"peers"), ipv6=False, limit=MAX_PEERS)
    v6 = unpack_compact(entries.raw(b"peers6"), ipv6=True, limit=MAX_PEERS)
    return (v4 + v6)[:MAX_PEERS]


def _hashes(entries: Entries) -> InfoHashes:
    kept = entries.raw(b"info-hash"), entries.raw(b"info-hash2")
    v1, v2 = (
        found if len(found) == size and any(found) else None
        for found, size in zip(kept, (V1_SIZE, V2_SIZE), strict=True)
    )
    if v1 is None and v2 is None:
        raise ForeignStateError("its resume data has no info-hash")
    return InfoHashes(v1, v2)


def _check_hashes(entries: Entries, ours: InfoHashes) -> None:
    theirs = _hashes(entries)
    if theirs.v1 not in (None, ours.v1) or theirs.v2 not in (None, ours.v2):
        raise ForeignStateError("its resume data is of another torrent than its torrent file")


def _magnet(entries: Entries, trackers: tuple[tuple[str, ...], ...]) -> str:
    urls = tuple(url for tier in trackers for url in tier)
    return Magnet(_hashes(entries), name=entries.text(b"name") or None, trackers=urls).to_uri()
