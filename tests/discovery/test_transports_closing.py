"""Closing: nothing is asked any more, and no socket is opened again by what was under way."""

from __future__ import annotations

import random
import struct

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.discovery.tracker_client.transports import PER_TRACKER, TrackerTransports
from p2pd.protocols.tracker.announce import AnnounceRequest
from tests.discovery.fake_network import FakeReactor
from tests.transports.fake_udp import FakeUdp, udp_port

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, 1, 2, 3)
URL = "udp://192.0.2.9:80/announce"
ADDRESS = ("192.0.2.9", 80)


class World:
    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.udp = FakeUdp()
        self.transports = TrackerTransports(self.reactor, random.Random(1), udp_port(self.udp))
        self.outcomes: list[object] = []

    def announce(self) -> None:
        asking = Deferred.fromCoroutine(self.transports.announce(URL, REQUEST))
        asking.addBoth(self.outcomes.append)

    def close(self) -> None:
        Deferred.fromCoroutine(self.transports.close())

    def words(self) -> set[str]:
        assert all(isinstance(outcome, Failure) for outcome in self.outcomes)
        return {str(outcome.value) for outcome in self.outcomes if isinstance(outcome, Failure)}

    def assert_quiet(self) -> None:
        self.reactor.advance(60)
        assert self.reactor.getDelayedCalls() == []


def test_an_announce_over_an_older_connection_id_does_not_connect_again() -> None:
    world = World()
    world.announce()
    socket = world.udp.sockets[0]
    transaction = struct.unpack_from(">I", socket.sent[0][0], 12)[0]
    socket.receive(struct.pack(">IIQ", 0, transaction, 99), ADDRESS)
    transaction = struct.unpack_from(">I", socket.sent[1][0], 12)[0]
    socket.receive(struct.pack(">IIIII", 1, transaction, 900, 0, 0), ADDRESS)
    assert len(world.outcomes) == 1
    world.outcomes.clear()
    world.announce()
    world.close()
    assert len(socket.sent) == 3
    assert world.words() == {"shutting down"}
    world.assert_quiet()


def test_those_that_wait_for_their_turn_are_refused_too() -> None:
    world = World()
    for _ in range(PER_TRACKER["udp"] + 5):
        world.announce()
    assert len(world.udp.sockets[0].sent) == PER_TRACKER["udp"]
    world.close()
    assert len(world.outcomes) == PER_TRACKER["udp"] + 5
    assert world.words() == {"shutting down"}
    world.assert_quiet()


def test_who_asks_after_the_end_is_refused() -> None:
    world = World()
    world.close()
    world.announce()
    assert world.words() == {"shutting down"}
    assert [each.sent for each in world.udp.sockets] == [[], []]
