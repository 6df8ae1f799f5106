"""What of a torrent's data may be believed when it is opened, and what has to be hashed again.

What is recorded was on disk before it was recorded, so it is believed while its file still has the
size (and, after a clean stop, the time of change) that was recorded. After a crash only the pieces
that are *not* recorded are hashed: those that were written behind the last record are found again,
and nothing that was verified is asked of peers twice.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Sequence

from p2pd.base.errors import FormatError, MissingError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.interfaces import FileState, Storage


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """`have` is believed as it is; `check` lists the pieces to hash."""

    have: PieceSet
    check: list[int]
    as_recorded: bool = False
    """Whether no file changed since the record was closed: `recorded_states` describes them."""


def plan_resume(
    layout: FileLayout,
    storage: Storage,
    *,
    recorded: bytes | None,
    clean: bool,
    recorded_states: str | None,
) -> ResumePlan:
    """Look at the files (blocking: call it in a thread) and decide.

    Raises MissingError if there are files that hold what is recorded, and none of them is there.
    """
    have = recorded_pieces(recorded, layout.piece_count)
    before = decode_states(recorded_states) if clean else None
    if before is not None and len(before) != len(layout.files):
        before = None
    states = _located(layout, storage, have, before)
    suspect = _changed(layout, states, before)
    trusted = clean and recorded is not None
    check: set[int] = set()
    for index in suspect:
        for piece in layout.pieces_of_file(index):
            if have.flags[piece] or _present(states[index]):
                check.add(piece)
            have.discard(piece)
    if not trusted:
        check.update(have.missing())
    as_recorded = before is not None and not suspect
    return ResumePlan(have, storage.with_data(sorted(check)), as_recorded)


def _located(
    layout: FileLayout, storage: Storage, have: PieceSet, before: Sequence[FileState | None] | None
) -> list[FileState | None]:
    """The files as they are, each under the one of its names that it has.

    Where all is had and is as it was there is nothing to be asked.
    """
    if have.is_full:
        with suppress(MissingError):
            raise_if_missing(layout, storage, have)
            states = storage.file_states()
            if all(
                file.pad
                or not file.length
                or _as_recorded(states[index], file.length, before, index)
                for index, file in enumerate(layout.files)
            ):
                return states
    storage.locate(_begun(layout, have), before)
    raise_if_missing(layout, storage, have)
    return storage.file_states()


def _changed(
    layout: FileLayout,
    states: Sequence[FileState | None],
    before: Sequence[FileState | None] | None,
) -> list[int]:
    """The files that are not as the record left them."""
    return [
        index
        for index, file in enumerate(layout.files)
        if not file.pad
        and file.length
        and not _as_recorded(states[index], file.length, before, index)
    ]


def _begun(layout: FileLayout, have: PieceSet) -> set[int]:
    """The files of which something is had, and not all."""
    flags = have.flags
    return {
        index
        for index, file in enumerate(layout.files)
        if flags.find(1, file.first_piece, file.end_piece) >= 0
        and flags.find(0, file.first_piece, file.end_piece) >= 0
    }


def least_sizes(layout: FileLayout, have: PieceSet) -> list[tuple[int, int]]:
    """The files that hold something of these pieces, and the bytes that each has at the least."""
    sizes = []
    for index, file in enumerate(layout.files):
        if file.pad or not file.length or file.symlink is not None:
            continue
        last = have.flags.rfind(1, file.first_piece, file.end_piece)
        if last >= 0:
            end = (last + 1) * layout.piece_length - file.offset
            sizes.append((index, min(end, file.length)))
    return sizes


def raise_if_missing(layout: FileLayout, storage: Storage, have: PieceSet) -> None:
    """Blocks. Raises MissingError if some file should hold something, and none is there."""
    problem = ""
    for index, _ in least_sizes(layout, have):
        seen = storage.presence([(index, 1)])
        if seen.there:
            return
        problem = problem or seen.problem
    if problem:
        raise MissingError(problem)


def encode_states(states: Sequence[FileState | None]) -> str:
    """File sizes and times of change, for the record."""
    return json.dumps([None if s is None else [s.size, s.mtime_ns] for s in states])


def decode_states(text: str | None) -> list[FileState | None] | None:
    """What `encode_states` wrote, or None if there is nothing usable."""
    if not text:
        return None
    try:
        return [
            None if entry is None else FileState(int(entry[0]), int(entry[1]))
            for entry in json.loads(text)
        ]
    except (ValueError, TypeError, IndexError):
        return None


def recorded_pieces(recorded: bytes | None, size: int) -> PieceSet:
    """What a record says; nothing if it makes no sense."""
    if recorded is None:
        return PieceSet(size)
    try:
        return PieceSet.from_bitfield(recorded, size)
    except FormatError:
        return PieceSet(size)


def _present(state: FileState | None) -> bool:
    return state is not None and state.size > 0


def _as_recorded(
    state: FileState | None, length: int, before: Sequence[FileState | None] | None, index: int
) -> bool:
    """Whether a file is as the record left it; after a crash only its size can be judged."""
    if before is None:
        return state is not None and state.size == length
    was = before[index]
    return was == state
