"""What nodes of the DHT send together is under one rate: it waits a while, and is dropped then."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht_service.paced_sending import (
    BURST_SECONDS,
    LONGEST_WAIT,
    WAKE_SECONDS,
    PacedSending,
)
from p2pd.transports.datagram_batches import Datagram

THERE = PeerAddress("192.0.2.1", 6881)


class Socket:
    """Notes when what was sent."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.closed = False
        self.sent: list[tuple[float, bytes]] = []

    def send_all(self, datagrams: Any) -> None:
        self.sent += [(self.clock.seconds(), data) for data, _ in datagrams]


def datagrams(count: int, size: int = 100) -> list[Datagram]:
    return [(bytes([number % 256]) * size, THERE) for number in range(count)]


def test_without_a_rate_everything_goes_at_once() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock)
    sending.send(socket, datagrams(1000))
    assert len(socket.sent) == sending.sent == 1000
    assert clock.getDelayedCalls() == []
    sending.rate = 1000.0
    clock.advance(1)
    sending.send(socket, datagrams(1))
    assert len(socket.sent) == 1001, "what went before is not owed"


def test_the_rate_is_kept_and_the_order_too() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock, 1000.0)
    sending.send(socket, datagrams(10))
    assert len(socket.sent) == 1000 * BURST_SECONDS / 100
    clock.pump([WAKE_SECONDS] * 40)
    assert [data[0] for _, data in socket.sent] == list(range(10))
    assert socket.sent[-1][0] >= 0.4
    assert clock.getDelayedCalls() == []
    assert (sending.sent_bytes, sending.dropped) == (1000, 0)


def test_what_would_wait_for_long_is_dropped() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock, 1000.0)
    for _ in range(100):
        sending.send(socket, datagrams(1))
    most = 1000 * (BURST_SECONDS + LONGEST_WAIT) / 100
    clock.pump([WAKE_SECONDS] * 100)
    assert len(socket.sent) == most
    assert sending.dropped == 100 - most


def test_our_own_questions_go_before_answers_and_have_room_of_their_own() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock, 1000.0)
    for _ in range(100):
        sending.send(socket, datagrams(1))
    question = b"d1:q4:ping1:y1:qe"
    sending.send(socket, [(question, THERE)] * 3)
    went = len(socket.sent)
    assert sending.dropped == 100 - 15
    clock.pump([WAKE_SECONDS] * 100)
    assert [data for _, data in socket.sent[went : went + 3]] == [question] * 3
    assert len(socket.sent) == 15 + 3


def test_a_rate_that_is_lifted_lets_go_of_what_waits() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock, 1000.0)
    sending.send(socket, datagrams(10))
    sending.rate = 0.0
    clock.advance(WAKE_SECONDS)
    assert len(socket.sent) == 10


def test_nothing_goes_by_a_socket_that_is_closed_or_after_the_end() -> None:
    clock = Clock()
    socket: Any = Socket(clock)
    sending = PacedSending(clock, 1000.0)
    sending.send(socket, datagrams(10))
    before = len(socket.sent)
    socket.closed = True
    clock.pump([WAKE_SECONDS] * 20)
    assert len(socket.sent) == before
    socket.closed = False
    sending.send(socket, datagrams(10))
    sending.close()
    assert clock.getDelayedCalls() == []
