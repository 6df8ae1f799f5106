"""Rows of torrents at rest, made of templates: never other than those that were asked for whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.control.answers import dumps
from p2pd.control.methods import row_form
from p2pd.control.methods.column import Column, Shown
from p2pd.control.methods.row_form import RestingRows, RowForm, json_text
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.control.older_dialect import older_columns
from p2pd.session.api import TorrentStatus, TorrentTrouble
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import NOW, OF_STATE, SUMMARY, FakeSharing, FakeTorrent

ALL = [
    column
    for columns in (TORRENT_COLUMNS, older_columns(TORRENT_COLUMNS))
    for column in columns.values()
    if not column.of_files
]
EVERY = [column for column in TORRENT_COLUMNS.values() if not column.of_files]
SOME = st.lists(st.sampled_from(ALL), unique_by=lambda column: column.name)
COLUMNS = SOME | st.just(EVERY)
WORDS = st.text(max_size=20) | st.sampled_from(['a "name" %s %% {} \\', "\ud800\0", "%(a)d\n"])
SIZES = st.integers(0, 1 << 62)
TIMES = st.floats(0, 1e11)
TORRENTS = st.builds(
    FakeTorrent,
    id=st.integers(1, 255),
    name=WORDS,
    rests=st.just(True),
    status=st.sampled_from(TorrentStatus),
    trouble=st.sampled_from(TorrentTrouble),
    error_string=WORDS,
    summary=st.builds(replace, st.just(SUMMARY), comment=st.none() | WORDS, files=SIZES),
    download_dir=WORDS,
    added_at=TIMES,
    active_at=TIMES,
    downloaded=SIZES,
    uploaded=SIZES,
    have_valid=SIZES,
    total_size=SIZES,
    left_until_done=SIZES,
    percent_done=st.floats(0, 1),
    rate_upload=st.floats(0, 1e9),
    labels=st.lists(WORDS, max_size=3).map(tuple),
    peers=st.just(()),
    sharing=st.builds(FakeSharing, eta=st.integers(-2, 9)),
)


@given(TORRENTS, st.lists(TORRENTS, min_size=1, max_size=4), COLUMNS, st.booleans())
def test_a_row_is_the_same_in_stretches_and_whole(
    first: FakeTorrent, others: list[FakeTorrent], columns: list[Column], table: bool
) -> None:
    state = {name: getattr(first, name) for name in OF_STATE}
    torrents = [first, *(replace(other, **state) for other in others), *others]
    form = RowForm(columns, table=table)
    rows = RestingRows(form, FakeSession())  # type: ignore[arg-type]
    for torrent in torrents:
        seen: Any = torrent
        row = rows.row(seen, NOW)
        assert row is not None
        told = row if isinstance(row, bytes) else row.filled(seen, NOW)
        assert told == form.whole(seen, NOW)
        values = {column.name: column.get(seen, NOW) for column in columns}
        as_asked: Any = list(values.values()) if table else values
        assert json.loads(told) == json.loads(json.dumps(as_asked))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from([*TorrentStatus]),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(JSON)
def test_a_value_has_the_text_that_it_has_elsewhere(value: object) -> None:
    assert json_text(value).encode("ascii") == dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_word_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text(value)


def test_who_is_at_work_has_no_row_that_lasts() -> None:
    rows = RestingRows(RowForm([TORRENT_COLUMNS["id"]]), FakeSession())  # type: ignore[arg-type]
    assert rows.row(FakeTorrent(rests=False), NOW) is None  # type: ignore[arg-type]


def test_what_is_shared_is_asked_of_the_first_in_each_state_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_form, "MOST_STATES", 2)
    asked = []

    def get(torrent: Any, now: float) -> str:
        asked.append(torrent.id)
        return str(torrent.error_string)

    columns = [Column("id", Shown("id"), lasts=True), Column("e", get, lasts=True, shared=True)]
    rows = RestingRows(RowForm(columns), FakeSession())  # type: ignore[arg-type]
    for number, error in enumerate(["", "no", "", "no", "", "else", ""]):
        torrent: Any = FakeTorrent(number, error_string=error, rests=True)
        assert rows.row(torrent, NOW) == b'{"id":%d,"e":"%s"}' % (number, error.encode())
    assert asked == [0, 1, 5, 6]  # a third state takes the room of the others
    rows.clear()
    again: Any = FakeTorrent(9, rests=True)
    assert rows.row(again, NOW) == b'{"id":9,"e":""}'
    assert asked[-1] == 9
