"""What lists show of a torrent, as a column of the database."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.state.summaries import TorrentSummary, from_text, full_bitfield, to_text

SUMMARY = TorrentSummary(10, 9, 16384, 1, 2, True, "näme", None, 5, ("http://s.test/",))
WHOLE = st.integers(0, 2**63 - 1)
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


SUMMARIES = st.builds(
    TorrentSummary,
    total=WHOLE,
    wanted=WHOLE,
    piece_length=WHOLE,
    pieces=WHOLE,
    files=WHOLE,
    private=st.booleans(),
    comment=st.none() | WORDS,
    created_by=st.none() | WORDS,
    created_at=st.none() | WHOLE,
    web_seeds=st.lists(WORDS).map(tuple),
    tls=st.booleans(),
    unreadable_ca=st.booleans(),
)


@given(SUMMARIES)
def test_it_comes_back_as_it_was_written(summary: TorrentSummary) -> None:
    assert from_text(to_text(summary)) == summary
    assert to_text(None) is None


@pytest.mark.parametrize(("number", "wrong"), [
    (0, -1), (0, 1.5), (0, True), (1, 2**63), (3, "x"), (5, 1), (6, 7), (7, []), (8, "x"),
    (9, "x"), (9, [1]), (9, None),
])  # fmt: skip
def test_what_makes_no_sense_is_no_summary(number: int, wrong: Any) -> None:
    values = json.loads(to_text(SUMMARY) or "")
    assert from_text(json.dumps(values)) == SUMMARY
    values[number] = wrong
    assert from_text(json.dumps(values)) is None


def test_those_of_open_torrents_are_as_they_were_before_there_were_others() -> None:
    assert len(json.loads(to_text(SUMMARY) or "")) == 10
    closed = json.loads(to_text(replace(SUMMARY, tls=True)) or "")
    assert closed[10:] == [True]
    assert from_text(json.dumps([*closed[:10], 1])) is None
    never = json.loads(to_text(replace(SUMMARY, tls=True, unreadable_ca=True)) or "")
    assert never[10:] == [True, True]
    assert from_text(json.dumps([*never[:11], 1])) is None


@pytest.mark.parametrize("text", [None, 7, b"x", "", "x", "[]", "{}", "[1, 2, 3]", "[" * 100_000])
def test_anything_else_is_none_either(text: Any) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize("pieces", [0, 1, 7, 8, 9, 1000])
def test_all_pieces_are_a_bitfield_that_equal_torrents_share(pieces: int) -> None:
    assert full_bitfield(pieces) == PieceSet.full(pieces).to_bitfield()
    one, other = (replace(SUMMARY, pieces=pieces, total=total) for total in (1, 2))
    assert one.all_pieces is other.all_pieces
