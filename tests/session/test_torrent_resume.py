"""What is believed of a torrent's data after a clean stop, a crash, and changes by others."""

from __future__ import annotations

from typing import Sequence

import pytest

from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.torrents.torrent_resume import (
    ResumePlan,
    decode_states,
    encode_states,
    plan_resume,
)
from p2pd.storage.interfaces import FileState
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import make_torrent

PIECE = 16 * 1024
LAYOUT = FileLayout.of(
    parse_torrent(make_torrent({"a": bytes(4 * PIECE), "b": bytes(4 * PIECE)}, piece_length=PIECE))
)
FULL = [FileState(4 * PIECE, 5), FileState(4 * PIECE, 6)]


class Disk(MemoryStorage):
    """Files that look as the test says; every piece may hold data."""

    def __init__(self, states: Sequence[FileState | None], holds: range = range(8)) -> None:
        super().__init__(LAYOUT)
        self.states = list(states)
        self.pieces = {piece: bytes(PIECE) for piece in holds}

    def file_states(self) -> list[FileState | None]:
        """As the test says."""
        return self.states


def recorded(*pieces: int) -> bytes:
    """A bitfield of these."""
    made = PieceSet(8)
    for piece in pieces:
        made.add(piece)
    return made.to_bitfield()


def plan(
    disk: Disk,
    pieces: bytes | None = recorded(0, 1, 4),
    *,
    clean: bool = True,
    before: Sequence[FileState | None] | None = FULL,
) -> ResumePlan:
    """What is to be done."""
    states = None if before is None else encode_states(before)
    return plan_resume(LAYOUT, disk, recorded=pieces, clean=clean, recorded_states=states)


def test_after_a_clean_stop_the_record_is_believed() -> None:
    found = plan(Disk(FULL))
    assert list(found.have) == [0, 1, 4]
    assert found.check == []


def test_after_a_crash_what_is_recorded_is_believed_and_the_rest_is_looked_at() -> None:
    found = plan(Disk(FULL), clean=False)
    assert list(found.have) == [0, 1, 4]
    assert found.check == [2, 3, 5, 6, 7]


def test_holes_are_not_looked_at() -> None:
    found = plan(Disk(FULL, holds=range(3)), clean=False)
    assert found.check == [2]


def test_a_torrent_without_a_record_is_looked_at_where_there_is_data() -> None:
    found = plan(Disk(FULL), None, clean=False, before=None)
    assert list(found.have) == []
    assert found.check == list(range(8))
    found = plan(Disk([None, None], holds=range(0)), None, clean=False, before=None)
    assert found.check == []


def test_a_changed_file_is_hashed_anew_and_the_other_is_not() -> None:
    found = plan(Disk([FULL[0], FileState(4 * PIECE, 77)]))
    assert list(found.have) == [0, 1]
    assert found.check == [4, 5, 6, 7]


@pytest.mark.parametrize("clean", [True, False])
def test_a_shrunk_file_is_not_believed(clean: bool) -> None:
    found = plan(Disk([FileState(PIECE, 5), FULL[1]], holds=range(1)), clean=clean)
    assert list(found.have) == [4]
    assert found.check == [0]


@pytest.mark.parametrize("clean", [True, False])
def test_a_vanished_file_is_not_believed(clean: bool) -> None:
    found = plan(Disk([None, FULL[1]], holds=range(4, 8)), clean=clean)
    assert list(found.have) == [4]
    assert 0 not in found.check


def test_a_file_that_never_was_is_no_change() -> None:
    found = plan(Disk([FULL[0], None]), recorded(0), before=[FULL[0], None])
    assert list(found.have) == [0]
    assert found.check == []


@pytest.mark.parametrize(
    "text", ["", "{", "[[1]]", '["x"]', "[null, 5]", '[["a", 1]]', None, "7", "[[]]"]
)
def test_a_broken_record_of_files_is_no_record(text: str | None) -> None:
    assert decode_states(text) is None
    found = plan_resume(LAYOUT, Disk(FULL), recorded=recorded(0), clean=True, recorded_states=text)
    assert list(found.have) == [0], "the sizes are right"


def test_a_record_of_other_files_is_no_record() -> None:
    found = plan(Disk(FULL), before=FULL[:1])
    assert list(found.have) == [0, 1, 4]


def test_a_broken_bitfield_is_no_record() -> None:
    found = plan(Disk(FULL), b"\xff\xff\xff", clean=False)
    assert list(found.have) == []
    assert found.check == list(range(8))


def test_states_are_read_as_they_were_written() -> None:
    assert decode_states(encode_states([*FULL, None])) == [(4 * PIECE, 5), (4 * PIECE, 6), None]
