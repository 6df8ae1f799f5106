"""Simulated links: rates are held and shared, nothing is lost or overtaken, and senders wait."""

from __future__ import annotations

import random

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.testing import Link, SimNetwork
from p2pd.testing.sim.streams import SOCKET_BUFFER, SimStream

KB = 1000
SEED, LEECH, OTHER = "21.0.0.1", "22.0.0.1", "23.0.0.1"


class Ear:
    """Keeps what it hears, and when."""

    def __init__(self, network: SimNetwork) -> None:
        self.data = bytearray()
        self.at: list[float] = []
        self.lost: str | None = None
        self.writable = 0
        self._network = network

    def stream_received(self, data: memoryview) -> None:
        self.data += data
        self.at.append(self._network.clock.now)

    def stream_writable(self) -> None:
        self.writable += 1

    def stream_lost(self, reason: str) -> None:
        assert self.lost is None
        self.lost = reason


def pair(
    network: SimNetwork, here: str = SEED, there: str = LEECH
) -> tuple[SimStream, Ear, SimStream, Ear]:
    """A connection: the dialler's end and its ear, the other end and its."""
    ends: list[SimStream] = []
    ears = Ear(network), Ear(network)

    def opened(ear: Ear):  # type: ignore[no-untyped-def]
        def keep(stream):  # type: ignore[no-untyped-def]
            ends.append(stream)
            return ear

        return keep

    network.transport(there).listen(6881, opened(ears[1]))
    failed: list[str] = []
    network.transport(here).dial(PeerAddress(there, 6881), opened(ears[0]), failed.append, 15.0)
    network.run(1.0)
    assert not failed
    return ends[1], ears[0], ends[0], ears[1]


def placed(**links: Link) -> SimNetwork:
    network = SimNetwork()
    for host, link in links.items():
        network.place({"seed": SEED, "leech": LEECH, "other": OTHER}[host], link)
    return network


def test_a_stream_alone_has_the_rate_of_the_uplink() -> None:
    network = placed(seed=Link(up=100 * KB))
    ours, _, _, there = pair(network)
    began = network.clock.now
    ours.write([bytes(1000 * KB)])
    network.run_until(lambda: len(there.data) == 1000 * KB)
    assert network.clock.now - began == pytest.approx(10.0, abs=0.1)


def test_streams_share_an_uplink_equally_whatever_they_have_queued() -> None:
    network = placed(seed=Link(up=100 * KB))
    first, _, _, one = pair(network)
    second, _, _, two = pair(network, SEED, OTHER)
    first.write([bytes(16 * KB)] * 100)
    second.write([bytes(16 * KB)] * 20)
    network.run(3.0)
    assert len(one.data) == pytest.approx(len(two.data), abs=33 * KB)
    assert len(one.data) + len(two.data) == pytest.approx(300 * KB, abs=35 * KB)


def test_what_is_small_does_not_wait_for_others_but_never_overtakes_its_own_stream() -> None:
    network = placed(seed=Link(up=10 * KB))
    first, _, _, _ = pair(network)
    second, _, _, two = pair(network, SEED, OTHER)
    first.write([bytes(16 * KB)] * 10)
    second.write([b"have"])
    network.run(0.2)
    assert two.data == b"have"
    second.write([b"x" * 5000])
    second.write([b"end"])
    network.run(60)
    assert two.data == b"have" + b"x" * 5000 + b"end"


def test_a_slow_downlink_holds_up_its_senders_and_shares_itself() -> None:
    network = placed(leech=Link(down=50 * KB))
    first, _, _, one = pair(network)
    second, _, _, two = pair(network, OTHER, LEECH)
    for stream in (first, second):
        stream.write([bytes(16 * KB)] * 100)
    network.run(10.0)
    assert len(one.data) + len(two.data) == pytest.approx(500 * KB, rel=0.1)
    assert len(one.data) == pytest.approx(len(two.data), abs=33 * KB)
    assert first.pending > 500 * KB


def test_a_sender_waits_for_a_paused_receiver_and_loses_nothing() -> None:
    network = placed(seed=Link(up=200 * KB), leech=Link())
    ours, here, theirs, there = pair(network)
    data = random.Random(1).randbytes(600 * KB)
    theirs.pause()
    ours.write([data[start : start + 10_000] for start in range(0, len(data), 10_000)])
    network.run(100)
    assert not there.data
    waiting = ours.pending
    assert waiting > 0
    network.run(100)
    assert ours.pending == waiting
    theirs.resume()
    network.run(10)
    assert bytes(there.data) == data
    assert ours.pending == 0
    assert here.writable


def test_the_writer_hears_when_there_is_room_again() -> None:
    network = placed(seed=Link(up=100 * KB))
    ours, here, _, _ = pair(network)
    ours.write([bytes(SOCKET_BUFFER)])
    network.run(1)
    assert here.writable == 0
    ours.call_when_writable()
    network.run(1)
    assert here.writable == 1
    ours.write([bytes(16 * KB)] * 30)
    assert ours.pending == 480 * KB - 32 * KB - SOCKET_BUFFER
    network.run(5)
    assert here.writable > 1
    assert ours.pending == 0


def test_closing_sends_what_is_queued_and_aborting_does_not() -> None:
    network = placed(seed=Link(up=100 * KB))
    ours, here, _, there = pair(network)
    ours.write([bytes(200 * KB)])
    ours.close()
    ours.write([b"too late"])
    network.run(10)
    assert len(there.data) == 200 * KB
    assert here.lost is not None
    assert there.lost is not None
    ours, here, _, there = pair(network, SEED, OTHER)
    ours.write([bytes(200 * KB)])
    network.run(0.5)
    ours.abort()
    network.run(10)
    assert 0 < len(there.data) < 200 * KB
    assert here.lost is not None
    assert there.lost is not None


def test_nobody_answers_behind_a_nat_or_where_nobody_is() -> None:
    network = placed(leech=Link(dialable=False), other=Link(dial_loss=1.0))
    for host in (LEECH, OTHER, "99.0.0.1"):
        failed: list[str] = []
        address = PeerAddress(host, 6881)
        network.transport(SEED).dial(address, lambda _: Ear(network), failed.append, 7)
        network.run(6.9)
        assert not failed
        network.run(0.2)
        assert failed == ["timed out"]


def test_a_dial_is_refused_where_nobody_listens_and_can_be_given_up() -> None:
    network = placed(leech=Link())
    failed: list[str] = []
    for give_up in (True, False):
        dial = network.transport(SEED).dial(
            PeerAddress(LEECH, 1), lambda _: Ear(network), failed.append, 7
        )
        if give_up:
            dial.cancel()
        network.run(1)
    assert failed == ["connection refused"]


def test_connections_break_after_their_lifetime_and_both_ends_hear_of_it() -> None:
    network = placed(seed=Link(lifetime=30.0))
    _, here, _, there = pair(network)
    network.run(1000)
    assert here.lost == there.lost == "connection reset"


def test_of_a_node_that_is_cut_off_nobody_hears() -> None:
    network = placed(seed=Link(up=100 * KB))
    ours, here, theirs, there = pair(network)
    ours.write([bytes(200 * KB)])
    network.run(0.5)
    network.cut_off(LEECH)
    received = len(there.data)
    network.run(100)
    assert len(there.data) == received
    assert here.lost is None
    theirs.write([b"never"])
    network.run(1)
    assert not here.data
