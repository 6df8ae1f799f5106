"""How many connections a port takes, and how fast."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.tcp import Port

from p2pd.transports.accepting import (
    ACCEPTS_PER_SECOND,
    ACCEPTS_PER_TURN,
    ACCEPTS_SAVED,
    PAUSE_SECONDS,
    TURNED_AWAY_COST,
    AcceptPace,
    PeerFactory,
    VectoredPort,
)
from p2pd.transports.tcp_counts import TcpCounts


def test_a_pace_saves_up_a_second_and_gives_a_few_a_turn() -> None:
    pace = AcceptPace(0.0)
    assert pace.allowed(1000.0) == ACCEPTS_PER_TURN
    taken = 0
    while allowed := pace.allowed(1000.0):
        pace.took(allowed)
        taken += allowed
    assert taken == ACCEPTS_SAVED
    assert pace.allowed(1000.0 + 4.5 / ACCEPTS_PER_SECOND) == 4


def test_who_is_busy_takes_fewer() -> None:
    spare = 0.25
    pace = AcceptPace(0.0, lambda: spare)
    pace.took(ACCEPTS_SAVED)
    assert pace.allowed(8.5 / ACCEPTS_PER_SECOND) == 2
    spare = 1.0
    assert pace.allowed(12.5 / ACCEPTS_PER_SECOND) == 6


class Crowd:
    """A port in front of which so many wait."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, waiting: int, *, admitted: bool = True
    ) -> None:
        self.clock = Clock()
        self.waiting = waiting
        self.admitted = admitted
        self.reading = True
        self.counts = TcpCounts()
        factory = PeerFactory(lambda stream: stream, lambda host: False, self.counts)  # type: ignore
        self.port = VectoredPort(0, factory, 50, "", self.clock)
        self.port.connected = True
        self.port.numberAccepts = 100
        self.port._pace = AcceptPace(0.0)
        monkeypatch.setattr(Port, "doRead", self._accept)
        monkeypatch.setattr(VectoredPort, "stopReading", lambda port: self._set(False))
        monkeypatch.setattr(VectoredPort, "startReading", lambda port: self._set(True))

    def _set(self, reading: bool) -> None:
        self.reading = reading

    def _accept(self, port: Any = None) -> None:
        """As Twisted does it."""
        taken = min(self.port.numberAccepts, self.waiting)
        self.waiting -= taken
        self.counts.accepted += taken
        self.counts.turned_away += 0 if self.admitted else taken
        self.port.numberAccepts += 20 if taken == self.port.numberAccepts else 0

    def turn(self) -> int:
        before = self.counts.accepted
        if self.reading:
            self.port.doRead()
        return self.counts.accepted - before


def test_a_flood_is_taken_in_small_batches_and_then_at_the_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd(monkeypatch, 10_000)
    batches = [crowd.turn() for _ in range(20)]
    assert max(batches) == ACCEPTS_PER_TURN
    assert sum(batches) == ACCEPTS_SAVED
    assert not crowd.reading
    assert crowd.counts.pauses == 1
    for _ in range(20):
        crowd.clock.advance(PAUSE_SECONDS)
        for _ in range(5):
            crowd.turn()
    assert crowd.counts.accepted == pytest.approx(ACCEPTS_SAVED + 2 * ACCEPTS_PER_SECOND, abs=2)


def test_more_are_taken_where_they_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, 10_000, admitted=False)
    for _ in range(100):
        crowd.turn()
    for _ in range(20):
        crowd.clock.advance(PAUSE_SECONDS)
        for _ in range(20):
            crowd.turn()
    expected = (ACCEPTS_SAVED + 2 * ACCEPTS_PER_SECOND) / TURNED_AWAY_COST
    assert crowd.counts.accepted == pytest.approx(expected, abs=ACCEPTS_PER_TURN)


def test_who_is_not_admitted_is_counted_and_nothing_is_made_for_him() -> None:
    counts = TcpCounts()
    factory = PeerFactory(lambda stream: stream, lambda host: host == "8.8.8.8", counts)  # type: ignore
    assert factory.buildProtocol(IPv4Address("TCP", "8.8.4.4", 1)) is None
    assert factory.buildProtocol(IPv4Address("TCP", "8.8.8.8", 1)) is not None
    assert (counts.accepted, counts.turned_away) == (2, 1)


def test_a_port_that_is_closed_in_its_pause_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, 10_000)
    while crowd.reading:
        crowd.turn()
    crowd.port.connected = False
    crowd.clock.advance(PAUSE_SECONDS)
    assert not crowd.reading
