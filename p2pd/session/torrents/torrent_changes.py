"""Applying what a client changes on a torrent: all of it, or nothing if part of it is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable

from p2pd.base.errors import P2pdError
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges, check_pieces
from p2pd.swarm.share_limits import ShareLimits


def apply_changes(torrent: Torrent, changes: TorrentChanges) -> None:
    """Change the torrent and its record, which the caller saves.

    Raises IndexError for a file index out of range, PieceIndexError for that of a piece, P2pdError
    when there are no files yet.
    """
    _check_indices(torrent, changes)
    _check_pieces(torrent, changes)
    record = torrent.record
    if changes.peer_limit is not None:
        record.peer_limit = changes.peer_limit
    if changes.labels is not None:
        torrent.telling.labelled(record.labels, changes.labels)
        record.labels = changes.labels
    if changes.owner is not None:
        record.owner = changes.owner
    _set_sequence(torrent, changes)
    if changes.super_seeding is not None:
        record.super_seeding = changes.super_seeding
        torrent.exchange.super_seeding.changed()
    if changes.trusted_only is not None:
        record.trusted_only = changes.trusted_only
        torrent.hang_up_on_untrusted()
    if changes.seed_choking is not None:
        record.seed_choking = changes.seed_choking
        torrent.rechoke_soon()
    _set_limits(torrent, changes)
    if changes.share_limits:
        record.share_limits = replace(record.share_limits or ShareLimits(), **changes.share_limits)
    if changes.tracker_tiers is not None:
        torrent.trackers.replace(changes.tracker_tiers)
    _set_web_seeds(torrent, changes)
    if _file_lists(changes):
        _select_files(torrent, changes)
    if changes.deadlines is not None:
        torrent.exchange.set_deadlines(changes.deadlines)
    record.edited_at = torrent.host.wall()
    torrent.host.activity.changed(torrent)


def needs_content(changes: TorrentChanges) -> bool:
    """Whether they concern files or pieces: then a torrent at rest has to be woken before."""
    pieces = changes.deadlines is not None or bool(changes.sequential_from)
    return pieces or bool(_file_lists(changes))


def _set_sequence(torrent: Torrent, changes: TorrentChanges) -> None:
    record = torrent.record
    if changes.sequential is not None:
        record.sequential = changes.sequential
    if changes.sequential_from is not None:
        record.sequential_from = changes.sequential_from
    if torrent.content is not None:
        torrent.content.set_sequence(record.sequential, record.sequential_from)


def _set_web_seeds(torrent: Torrent, changes: TorrentChanges) -> None:
    record = torrent.record
    if changes.web_seeds is not None:
        record.web_seeds = changes.web_seeds
    if changes.http_seeds is not None:
        record.http_seeds = changes.http_seeds
    if changes.web_seeds is not None or changes.http_seeds is not None:
        torrent.web_seeds_changed()


def _set_limits(torrent: Torrent, changes: TorrentChanges) -> None:
    names = (
        "download_limit", "download_limited", "upload_limit", "upload_limited",
        "honors_session_limits", "bandwidth_group", "bandwidth_priority",
    )  # fmt: skip
    given = {name: getattr(changes, name) for name in names if getattr(changes, name) is not None}
    for name, value in given.items():
        setattr(torrent.record, name, value)
    if given or changes.labels is not None:
        torrent.host.rates.torrent_changed(torrent)


def _file_lists(changes: TorrentChanges) -> list[tuple[int, ...]]:
    lists = (
        changes.files_wanted,
        changes.files_unwanted,
        changes.priority_low,
        changes.priority_normal,
        changes.priority_high,
    )
    return [indices for indices in lists if indices is not None]


def _check_indices(torrent: Torrent, changes: TorrentChanges) -> None:
    named: Iterable[tuple[int, ...]] = _file_lists(changes)
    if not named:
        return
    if torrent.content is None:
        raise P2pdError("the torrent has no metadata yet, so its files are not known")
    count = len(torrent.content.selection.levels)
    for indices in named:
        for index in indices:
            if not 0 <= index < count:
                raise IndexError(index)


def _check_pieces(torrent: Torrent, changes: TorrentChanges) -> None:
    windows, content = changes.deadlines or (), torrent.content
    if content is None:
        if windows:
            raise P2pdError("the torrent has no metadata yet, so its pieces are not known")
        return
    ends = [window.first_piece + window.piece_count for window in windows]
    if changes.sequential_from:
        ends.append(changes.sequential_from + 1)
    check_pieces(content.layout, torrent.record.name, max(ends, default=0))


def _select_files(torrent: Torrent, changes: TorrentChanges) -> None:
    content = torrent.content
    assert content is not None
    selection = content.selection

    def files(named: tuple[int, ...] | None) -> Iterable[int]:
        return range(len(selection.levels)) if named == () else named or ()

    selection.set_wanted(files(changes.files_wanted), True)
    selection.set_wanted(files(changes.files_unwanted), False)
    selection.set_priority(files(changes.priority_low), -1)
    selection.set_priority(files(changes.priority_normal), 0)
    selection.set_priority(files(changes.priority_high), 1)
    torrent.record.priorities = bytes(selection.levels)
    content.apply_selection()
    torrent.selection_changed()
