"""TCP streams over real loopback sockets: order, partial writes, closing, refusals."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import PeerStream
from p2pd.transports.tcp_transport import TcpTransport


class Ear:
    """Collects what a stream brings."""

    def __init__(self, expect: int = 0) -> None:
        self.data = bytearray()
        self.expect = expect
        self.full: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.writable = 0

    def stream_received(self, data: memoryview) -> None:
        before = len(self.data)
        self.data += data
        if before < self.expect <= len(self.data):
            self.full.callback(None)

    def stream_writable(self) -> None:
        self.writable += 1

    def stream_lost(self, reason: str) -> None:
        self.lost.callback(reason)


class Places:
    """A landing of 64 pairs of places; keeps what was read to them, in order."""

    def __init__(self, *sizes: int) -> None:
        self.data = bytearray()
        self.places = [memoryview(bytearray(size)) for size in sizes * 64]

    def buffers(self) -> list[memoryview]:
        return self.places

    def filled(self, size: int) -> None:
        self.data += b"".join(self.places)[:size]


class TcpTests(TestCase):
    """One transport dials itself."""

    async def pair(self, expect: int) -> tuple[PeerStream, Ear, PeerStream, Ear]:
        transport = TcpTransport(reactor, "127.0.0.1")
        there, here = Ear(expect), Ear()
        accepted: Deferred[PeerStream] = Deferred()
        dialled: Deferred[PeerStream] = Deferred()

        def on_accept(stream: PeerStream) -> Ear:
            accepted.callback(stream)
            return there

        def on_dial(stream: PeerStream) -> Ear:
            dialled.callback(stream)
            return here

        listening = transport.listen(0, on_accept)
        self.addCleanup(lambda: Deferred.fromCoroutine(listening.close()))
        transport.dial(PeerAddress("127.0.0.1", listening.port), on_dial, self.fail, 5)
        return await dialled, here, await accepted, there

    async def test_many_buffers_arrive_in_order_and_the_writer_hears_of_room(self) -> None:
        parts = [bytes([n % 251]) * (n * 37 % 9000 + 1) for n in range(3000)]
        whole = b"".join(parts)
        ours, here, _theirs, there = await self.pair(len(whole))
        for start in range(0, len(parts), 100):
            ours.write([memoryview(part) for part in parts[start : start + 100]])
        assert ours.pending > 0
        await there.full
        assert bytes(there.data) == whole
        assert ours.pending == 0
        assert here.writable > 0
        ours.close()
        await there.lost
        await here.lost

    async def test_close_sends_what_is_pending_first(self) -> None:
        ours, here, _theirs, there = await self.pair(8_000_000)
        ours.write([b"x" * 8_000_000])
        ours.close()
        ours.write([b"dropped"])
        await there.full
        await there.lost
        assert len(there.data) == 8_000_000
        await here.lost

    async def test_abort_drops_what_is_pending(self) -> None:
        ours, here, _theirs, there = await self.pair(0)
        ours.write([b"x" * 50_000_000])
        ours.abort()
        await here.lost
        await there.lost
        assert len(there.data) < 50_000_000

    async def test_close_ends_although_room_was_asked_for(self) -> None:
        ours, here, _theirs, there = await self.pair(0)
        ours.call_when_writable()
        ours.close()
        await here.lost
        await there.lost
        assert here.writable == 0

    async def test_a_sender_waits_while_the_other_end_is_paused(self) -> None:
        ours, here, theirs, there = await self.pair(30_000_000)
        theirs.pause()
        ours.write([bytes(30_000_000)])
        for _ in range(20):
            await deferLater(reactor, 0)
        assert ours.pending > 0
        assert not there.data
        theirs.resume()
        await there.full
        assert ours.pending == 0
        ours.close()
        await there.lost
        await here.lost

    async def test_a_hang_up_while_paused_is_heard_behind_what_came_before(self) -> None:
        ours, here, theirs, there = await self.pair(1000)
        theirs.pause()
        ours.write([bytes(1000)])
        ours.close()
        await here.lost
        theirs.resume()
        await there.full
        assert not there.lost.called
        await there.lost

    async def test_reads_are_scattered_over_the_places_that_are_offered(self) -> None:
        whole = random.Random(1).randbytes(3_000_000)
        ours, here, theirs, there = await self.pair(0)
        places = Places(13, 16384)
        theirs.landing = places
        ours.write([whole])
        ours.close()
        await here.lost
        await there.lost
        assert bytes(places.data) == whole
        assert not there.data

    async def test_a_refused_dial_says_why(self) -> None:
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        failed: Deferred[str] = Deferred()
        transport = TcpTransport(reactor, "127.0.0.1")
        target = PeerAddress("127.0.0.1", free.getsockname()[1])
        transport.dial(target, lambda stream: Ear(), failed.callback, 5)
        assert "refused" in (await failed).lower()
        free.close()

    async def test_who_is_not_admitted_is_hung_up_on_and_nothing_is_made_for_him(self) -> None:
        transport = TcpTransport(reactor, "127.0.0.1")
        asked: list[str] = []

        def nobody(host: str) -> bool:
            asked.append(host)
            return False

        listening = transport.listen(0, lambda stream: self.fail("accepted"), nobody)
        self.addCleanup(lambda: Deferred.fromCoroutine(listening.close()))
        here = Ear()
        address = PeerAddress("127.0.0.1", listening.port)
        transport.dial(address, lambda stream: here, self.fail, 5)
        await here.lost
        assert asked == ["127.0.0.1"]

    async def test_a_taken_port_is_refused(self) -> None:
        transport = TcpTransport(reactor)
        listening = transport.listen(0, lambda stream: Ear())
        with self.assertRaises(CannotListenError):
            transport.listen(listening.port, lambda stream: Ear())
        await listening.close()


class NoDescriptorsTests(TestCase):
    """What happens when the process has no file descriptor left."""

    async def test_who_comes_is_hung_up_on_and_the_reactor_has_its_rest(self) -> None:
        said: list[str] = []
        accepted: list[PeerStream] = []

        def on_accept(stream: PeerStream) -> Ear:
            accepted.append(stream)
            return Ear()

        def observe(event: LogEvent) -> None:
            if event["log_namespace"].startswith("p2pd.transports"):
                said.append(event["log_format"])

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        await deferLater(reactor, 0)  # it has its own descriptors by now
        listening = TcpTransport(reactor, "127.0.0.1").listen(0, on_accept)
        callers = [socket.socket() for _ in range(5)]
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir("/proc/self/fd")))
        fillers = []
        try:
            # every number below the limit is taken
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
            with contextlib.suppress(OSError):
                while True:
                    fillers.append(os.dup(0))
            for caller in callers:
                caller.connect(("127.0.0.1", listening.port))
            turns = await self.turns_of_the_reactor(0.1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for filler in fillers:
                os.close(filler)
        for caller in callers:
            caller.settimeout(1)
            self.assertEqual(caller.recv(1), b"")
            caller.close()
        self.assertEqual(accepted, [])
        self.assertLess(turns, 20)
        self.assertEqual(len(said), 1, said)
        self.assertIn("no file descriptor is left", said[0])
        await listening.close()

    async def turns_of_the_reactor(self, seconds: float) -> int:
        """How often it woke up in this time: a busy loop does so thousands of times."""
        turns = 0
        original = reactor.doIteration  # type: ignore[attr-defined]

        def counted(delay: float) -> None:
            nonlocal turns
            turns += 1
            original(delay)

        reactor.doIteration = counted  # type: ignore[attr-defined]
        await deferLater(reactor, seconds)
        reactor.doIteration = original  # type: ignore[attr-defined]
        return turns
