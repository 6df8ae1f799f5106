"""Long answers: made and encoded a few rows at a time, with turns for the reactor in between."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.control import answers
from p2pd.control.answers import ROWS_AT_ONCE, SPELL, EncodedList, Pacer, encode, encode_rows


class Rows:
    """Rows that take some time to make, and know how many of them were made."""

    def __init__(self, clock: Clock, count: int, seconds: float) -> None:
        self.clock = clock
        self.count = count
        self.seconds = seconds
        self.made = 0

    def __iter__(self) -> Iterator[dict[str, int]]:
        for number in range(self.count):
            self.clock.rightNow += self.seconds
            self.made += 1
            yield {"id": number}


def turn(clock: Clock) -> None:
    """One turn of the reactor: what is due, not what is scheduled meanwhile."""
    (call,) = clock.calls
    clock.calls.remove(call)
    call.called = 1
    call.func(*call.args, **call.kw)


def test_the_reactor_gets_its_turn_after_each_spell() -> None:
    clock = Clock()
    rows = Rows(clock, 100, SPELL / 10)
    work = Deferred.fromCoroutine(encode_rows(rows, Pacer(clock)))
    turns = [rows.made]
    while not work.called:
        turn(clock)
        turns.append(rows.made - sum(turns))
    assert sum(turns) == 100
    assert max(turns) <= 12


def test_a_row_that_takes_long_is_followed_by_a_turn() -> None:
    clock = Clock()
    rows = Rows(clock, 3, SPELL * 2)
    work = Deferred.fromCoroutine(encode_rows(rows, Pacer(clock)))
    for made in (1, 2, 3):
        assert rows.made == made
        assert not work.called
        turn(clock)
    assert work.called


@pytest.mark.parametrize(
    "count", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 4 * ROWS_AT_ONCE]
)
def test_the_rows_are_one_list(count: int) -> None:
    done: list[EncodedList] = []
    rows = [{"id": number} for number in range(count)]
    work = Deferred.fromCoroutine(encode_rows(rows, Pacer(Clock())))
    work.addCallback(done.append)
    assert json.loads(b"".join(done[0].chunks)) == rows


def test_an_encoded_list_is_part_of_an_answer() -> None:
    done: list[list[bytes]] = []
    result = {"torrents": EncodedList([b"[", b'{"id":1}', b"]"]), "removed": [2]}
    answer = {"jsonrpc": "2.0", "id": 5, "result": result}
    Deferred.fromCoroutine(encode([answer], Pacer(Clock()))).addCallback(done.append)
    expected = {"torrents": [{"id": 1}], "removed": [2]}
    assert json.loads(b"".join(done[0])) == [{**answer, "result": expected}]


def test_few_rows_exist_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    dumps = answers.dumps

    def probe(value: object) -> bytes:
        assert isinstance(value, list)
        sizes.append(len(value))
        return dumps(value)

    monkeypatch.setattr(answers, "dumps", probe)
    rows = Rows(Clock(), 1000, 0)
    assert Deferred.fromCoroutine(encode_rows(rows, Pacer(Clock()))).called
    assert sum(sizes) == 1000
    assert max(sizes) <= ROWS_AT_ONCE


def test_many_at_a_time_share_the_spell_of_a_turn_and_take_turns() -> None:
    clock = Clock()
    many = [Rows(clock, 40, SPELL / 10) for _ in range(20)]
    works = [Deferred.fromCoroutine(encode_rows(rows, Pacer(clock))) for rows in many]
    turns = 0
    while not all(work.called for work in works):
        before = clock.seconds()
        turn(clock)
        turns += 1
        assert clock.seconds() - before <= 1.3 * SPELL
    assert turns >= 20 * 40 / 13
