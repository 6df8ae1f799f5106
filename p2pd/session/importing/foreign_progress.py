"""What of another program's progress is believed: as p2pd believes its own after a clean stop.

A piece counts as had if every file that it lies in has the size that it needs, and was not changed
since the program vouched for it. Files that are not as they were are checked; of files that are not
there nothing is had.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.base.errors import FormatError, MissingError, P2pdError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.session.importing.import_requests import Believed, ImportTorrent
from p2pd.session.torrents.file_selection import FileSelection
from p2pd.session.torrents.torrent_resume import (
    encode_states,
    least_sizes,
    plan_resume,
    raise_if_missing,
)
from p2pd.state.resume import TorrentRecord
from p2pd.storage.interfaces import FileState, Storage

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is recorded of a torrent's progress, and what that comes to."""

    pieces: bytes
    file_states: str
    counts: Believed
    absent: tuple[str, ...] = ()
    """Wanted files that should hold something and are not there."""


def judge(
    layout: FileLayout, storage: Storage, request: ImportTorrent, record: TorrentRecord
) -> Judgement:
    """Look at the files. Blocks. Raises P2pdError if this cannot be the torrent's data."""
    claimed = _claimed(request, layout)
    count = claimed.count
    try:
        raise_if_missing(layout, storage, claimed)
    except MissingError as problem:
        raise P2pdError(f"its data is not there: {problem}") from None
    least = dict(least_sizes(layout, claimed))
    states = storage.file_states()
    absent = [index for index in least if states[index] is None]
    for index in absent:
        for piece in layout.pieces_of_file(index):
            claimed.discard(piece)
    recorded = encode_states(_as_recorded(layout, states, least, request))
    plan = plan_resume(
        layout, storage, recorded=claimed.to_bitfield(), clean=True, recorded_states=recorded
    )
    if plan.have.count:
        storage.read(next(iter(plan.have)), 0, 1)  # or it is not for us to read
    return Judgement(
        claimed.to_bitfield(),
        recorded,
        Believed(count, plan.have.count, len(plan.check), count - claimed.count),
        _wanted(layout, absent, record),
    )


def _claimed(request: ImportTorrent, layout: FileLayout) -> PieceSet:
    try:
        return PieceSet.from_bitfield(request.pieces or b"", layout.piece_count)
    except FormatError as problem:
        raise P2pdError(f"its pieces make no sense: {problem}") from None


def _as_recorded(
    layout: FileLayout,
    states: list[FileState | None],
    least: dict[int, int],
    request: ImportTorrent,
) -> list[FileState | None]:
    """The files as they are, where they are vouched for; the others as they never were."""
    times = iter(request.file_times or ())
    recorded: list[FileState | None] = []
    for index, file in enumerate(layout.files):
        latest = None if file.pad else next(times, None)
        state = states[index]
        if state is not None and not (
            least.get(index, 0) <= state.size <= file.length and _unchanged(state, latest, request)
        ):
            state = None
        recorded.append(state)
    return recorded


def _unchanged(state: FileState, latest: int | None, request: ImportTorrent) -> bool:
    changed = state.mtime_ns // SECOND
    if latest is None:
        return request.changed_before is None or changed <= request.changed_before
    return changed == latest if request.exact_times else changed <= latest


def _wanted(layout: FileLayout, files: list[int], record: TorrentRecord) -> tuple[str, ...]:
    selection = FileSelection(layout, record.priorities)
    wanted = {at for index, at in enumerate(selection.visible) if selection.wanted(index)}
    return tuple("/".join(layout.files[index].path) for index in files if index in wanted)
