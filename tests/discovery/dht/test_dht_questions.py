"""Questions under way, and how long they are waited for (RFC 6298)."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.round_trips import (
    LEAST_LOST,
    LEAST_SLOW,
    MOST_LOST,
    MOST_SLOW,
    RoundTrips,
)
from p2pd.discovery.dht.transactions import Asked, Transactions
from p2pd.protocols.krpc.messages import KrpcError, Response

WHERE = PeerAddress("81.2.3.4", 6881)


class Recorder:
    """Hears of what becomes of questions."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        self.heard.append(("answered", now))

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        self.heard.append(("refused", now))

    def slow(self, asked: Asked, now: float) -> None:
        self.heard.append(("slow", now))

    def lost(self, asked: Asked, now: float) -> None:
        self.heard.append(("lost", now))

    def resume(self, now: float) -> None:
        self.heard.append(("resume", now))


def transactions(limit: int = 10) -> tuple[Transactions, list[Asked]]:
    lost: list[Asked] = []
    return Transactions(random.Random(1), limit, lambda asked, now: lost.append(asked)), lost


def test_a_question_is_slow_first_and_then_lost() -> None:
    made, lost = transactions()
    recorder = Recorder()
    asked = made.start(WHERE, recorder, 10.0, 0.0)
    assert made.next_deadline() == 11.0
    made.handle_due(10.9)
    assert recorder.heard == []
    made.handle_due(11.0)
    assert recorder.heard == [("slow", 11.0)]
    assert made.next_deadline() == asked.lost_at == 14.0
    made.handle_due(14.0)
    assert recorder.heard == [("slow", 11.0), ("lost", 14.0)]
    assert lost == [asked]
    assert made.next_deadline() is None
    assert made.take(asked.transaction, WHERE, 15.0) is None


def test_an_answer_ends_it_once_and_from_its_address_alone() -> None:
    made, lost = transactions()
    recorder = Recorder()
    asked = made.start(WHERE, recorder, 10.0, 0.0)
    assert made.take(asked.transaction, PeerAddress("81.2.3.4", 1), 10.1) is None
    assert made.take(b"none", WHERE, 10.1) is None
    assert made.take(asked.transaction, WHERE, 10.1) is asked
    assert made.take(asked.transaction, WHERE, 10.1) is None
    assert made.next_deadline() is None
    made.handle_due(100.0)
    assert recorder.heard == []
    assert lost == []


def test_there_are_at_most_so_many() -> None:
    made, _ = transactions(limit=2)
    made.start(WHERE, Recorder(), 1.0, 0.0)
    assert not made.full
    made.start(WHERE, Recorder(), 1.0, 0.0)
    assert made.full
    assert len(made) == 2


def test_what_is_slow_follows_what_was_measured() -> None:
    trips = RoundTrips()
    assert trips.slow_after() == 1.0
    for _ in range(200):
        trips.took(0.1)
    assert LEAST_SLOW <= trips.slow_after() < 0.35
    assert trips.slow_after(known=0.5) == 1.0
    for _ in range(200):
        trips.took(1.5)
    assert trips.slow_after() > 1.5


@given(st.lists(st.floats(0.001, 1000.0), max_size=50), st.floats(0.0, 1000.0))
def test_waiting_is_bounded_whatever_was_measured(seconds: list[float], known: float) -> None:
    trips = RoundTrips()
    for each in seconds:
        trips.took(each)
    assert LEAST_SLOW <= trips.slow_after(known) <= MOST_SLOW
    assert LEAST_LOST <= trips.lost_after(known) <= MOST_LOST
    assert trips.slow_after(known) < trips.lost_after(known)
