"""Rows of torrents at rest: kept until they changed, bounded, and never other than made anew."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.control.methods.column import Column
from p2pd.control.methods.kept_rows import (
    LINGER_SECONDS,
    MOST_FORMS,
    WORTH_KEEPING,
    KeptRows,
)
from tests.control.fake_session import FakeSession
from tests.control.fake_torrents import NOW, FakeTorrent

MANY = WORTH_KEEPING
ASKED: Counter[str] = Counter()


def asked(name: str) -> Any:
    """A getter that counts its questions."""

    def get(torrent: Any, now: float) -> Any:
        ASKED[name] += 1
        return getattr(torrent, name)

    return get


ID, NAME = (Column(name, asked(name), lasts=True) for name in ("id", "name"))
ETA = Column("eta", asked("eta"))
OF_SOME = Column("eta", asked("eta"), stays=lambda torrent: torrent.rate_upload == 0)


class Asking:
    """A client that polls."""

    def __init__(self, count: int = MANY, **options: Any) -> None:
        ASKED.clear()
        self.clock = Clock()
        self.session = FakeSession()
        self.session.all = [FakeTorrent(number, rests=True) for number in range(count)]
        self.kept = KeptRows(self.session, self.clock, **options)  # type: ignore[arg-type]

    def poll(self, *columns: Column, table: bool = True) -> list[Any]:
        """The rows; ASKED is what they took."""
        ASKED.clear()
        rows = self.kept.rows(self.session.all, columns, NOW, table=table)  # type: ignore[arg-type]
        return [json.loads(row) for row in rows]


def test_what_stays_of_some_torrents_is_asked_for_again_of_the_others_alone() -> None:
    asking = Asking()
    for torrent in asking.session.all[::2]:
        torrent.rate_upload, torrent.eta = 0.0, -1
    first = asking.poll(ID, OF_SOME, table=False)
    assert asking.poll(ID, OF_SOME, table=False) == first
    assert ASKED == {"eta": MANY // 2}
    assert first[2:4] == [{"id": 2, "eta": -1}, {"id": 3, "eta": 33}]
    assert asking.poll(ID, OF_SOME) == [[row["id"], row["eta"]] for row in first]


def test_who_asks_again_costs_only_what_does_not_last() -> None:
    asking = Asking()
    first = asking.poll(ID, ETA, NAME)
    assert ASKED == {"id": MANY, "eta": MANY, "name": MANY}
    asking.session.all[5].eta = 77
    second = asking.poll(ID, ETA, NAME)
    assert ASKED == {"eta": MANY}
    assert second[5] == [5, 77, "some torrent"]
    assert [row for row in second if row[0] != 5] == [row for row in first if row[0] != 5]


def test_what_changed_is_asked_again() -> None:
    asking = Asking()
    asking.poll(ID, NAME)
    asking.session.put(FakeTorrent(7, name="renamed", rests=True))
    assert [7, "renamed"] in asking.poll(ID, NAME)
    assert ASKED == {"id": 1, "name": 1}
    for follower in asking.session.followers:
        follower.watch.note_everything()
    asking.poll(ID, NAME)
    assert ASKED["name"] == MANY


def test_what_changes_in_the_middle_of_an_answer_is_told_as_it_is_then() -> None:
    asking = Asking()
    asking.poll(ID, NAME)
    rows = asking.kept.rows(asking.session.all, (ID, NAME), NOW, table=True)  # type: ignore[arg-type]
    next(rows)
    last = asking.session.all[-1]
    last.name = "other"
    for follower in asking.session.followers:
        follower.watch.note(last)
    assert json.loads([*rows][-1]) == [last.id, "other"]


def test_a_torrent_that_is_gone_takes_no_room() -> None:
    asking = Asking(MANY + 1)
    asking.poll(ID)
    before = asking.kept.size
    asking.session.drop(asking.session.all[3])
    asking.poll(ID)
    assert 0 < asking.kept.size < before
    for torrent in list(asking.session.all):
        asking.session.drop(torrent)
    asking.session.all = [FakeTorrent(number, rests=False) for number in range(MANY)]
    asking.poll(ID)
    assert asking.kept.size == 0


def test_of_torrents_at_work_nothing_is_kept() -> None:
    asking = Asking()
    asking.session.all = [replace(torrent, rests=False) for torrent in asking.session.all]
    for _ in range(2):
        asking.poll(ID, NAME)
        assert ASKED == {"id": MANY, "name": MANY}
    assert asking.kept.size == 0


@pytest.mark.parametrize(("count", "columns"), [(MANY - 1, [ID]), (MANY, [ETA]), (MANY, [])])
def test_where_little_is_won_nobody_follows(count: int, columns: list[Column]) -> None:
    asking = Asking(count)
    assert len(asking.poll(*columns)) == count
    assert asking.session.followers == []


def test_what_is_kept_is_bounded() -> None:
    asking = Asking(most_bytes=20_000)
    for _ in range(2):
        rows = asking.poll(NAME, ID, table=False)
        assert rows[-1] == {"name": "some torrent", "id": MANY - 1}
        assert 19_000 < asking.kept.size < 21_000
    assert 0 < ASKED["name"] < MANY
    asking.poll(ID)
    assert ASKED["id"] == MANY
    asking.poll(ID)  # the others made room
    assert 0 < asking.kept.size < 21_000
    assert ASKED["id"] < MANY


def test_who_always_asks_for_something_else_fills_nothing() -> None:
    asking = Asking()
    sizes = set()
    for number in range(MOST_FORMS + 5):
        asking.poll(ID._replace(name=f"id{number:02}"))
        sizes.add(asking.kept.size)
    assert len(sizes) == MOST_FORMS


def test_it_is_forgotten_when_nobody_asks_any_more() -> None:
    asking = Asking()
    asking.poll(ID)
    asking.clock.advance(LINGER_SECONDS - 1)
    asking.poll(ID)
    asking.clock.advance(LINGER_SECONDS - 1)
    assert asking.kept.size
    asking.clock.advance(2)
    assert (asking.kept.size, asking.session.followers, asking.clock.calls) == (0, [], [])
    assert asking.poll(ID)[3] == [3]
    assert len(asking.session.followers) == 1
