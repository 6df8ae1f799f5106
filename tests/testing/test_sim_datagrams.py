"""Datagrams of the simulator: late, lost, and timers that come when they are wanted."""

from __future__ import annotations

import random

from p2pd.base.addresses import PeerAddress
from p2pd.testing.sim.datagrams import DatagramNetwork
from p2pd.testing.sim.event_clock import EventClock

HERE, THERE = PeerAddress("192.0.2.1", 1), PeerAddress("192.0.2.2", 2)


class Party:
    def __init__(self) -> None:
        self.sends: list[tuple[bytes, PeerAddress]] = []
        self.received: list[tuple[bytes, PeerAddress, float]] = []
        self.deadlines: list[float] = []
        self.woken: list[float] = []

    def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
        self.received.append((data, address, now))

    def datagrams_to_send(self) -> list[tuple[bytes, PeerAddress]]:
        sends, self.sends = self.sends, []
        return sends

    def next_deadline(self) -> float | None:
        return min(self.deadlines, default=None)

    def handle_timer(self, now: float) -> None:
        self.woken.append(now)
        self.deadlines = [at for at in self.deadlines if at > now]


def network(loss: float = 0.0) -> DatagramNetwork:
    return DatagramNetwork(EventClock(), random.Random(1), loss)


def test_a_datagram_arrives_after_both_ways_to_the_middle() -> None:
    net, one, other = network(), Party(), Party()
    endpoint = net.join(HERE, one, 0.01)
    net.join(THERE, other, 0.03)
    one.sends = [(b"a", THERE), (b"b", PeerAddress("192.0.2.3", 3)), (b"c", THERE)]
    net.carry(endpoint)
    net.clock.run_to(0.039)
    assert not other.received
    net.clock.run_to(1.0)
    assert other.received == [(b"a", HERE, 0.04), (b"c", HERE, 0.04)]
    assert (net.sent, net.sent_bytes) == (3, 3)


def test_an_answer_goes_out_by_itself() -> None:
    class Echo(Party):
        def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
            self.sends.append((data.upper(), address))

    net, one = network(), Party()
    endpoint = net.join(HERE, one, 0.01)
    net.join(THERE, Echo(), 0.01)
    one.sends = [(b"a", THERE)]
    net.carry(endpoint)
    net.clock.run_to(1.0)
    assert one.received == [(b"A", THERE, 0.04)]


def test_who_left_gets_nothing_and_is_not_woken() -> None:
    net, one, other = network(), Party(), Party()
    endpoint = net.join(HERE, one, 0.01)
    other.deadlines = [0.5]
    gone = net.join(THERE, other, 0.01)
    one.sends = [(b"a", THERE)]
    net.carry(endpoint)
    net.leave(gone)
    net.clock.run_to(1.0)
    assert not other.received
    assert not other.woken
    assert len(net) == 1


def test_a_share_of_datagrams_is_lost() -> None:
    net, one, other = network(loss=0.25), Party(), Party()
    endpoint = net.join(HERE, one, 0.0)
    net.join(THERE, other, 0.0)
    one.sends = [(b"a", THERE)] * 4000
    net.carry(endpoint)
    net.clock.run_to(1.0)
    assert 2850 < len(other.received) < 3150


def test_timers_come_at_the_earliest_deadline_and_once() -> None:
    net, one = network(), Party()
    one.deadlines = [5.0, 7.0]
    endpoint = net.join(HERE, one, 0.0)
    one.deadlines.append(2.0)
    net.carry(endpoint)
    net.clock.run_to(10.0)
    assert one.woken == [2.0, 5.0, 7.0]


def test_a_deadline_that_was_put_off_does_not_wake() -> None:
    net, one = network(), Party()
    one.deadlines = [2.0]
    net.join(HERE, one, 0.0)
    one.deadlines = [6.0]
    net.clock.run_to(10.0)
    assert one.woken == [6.0]
