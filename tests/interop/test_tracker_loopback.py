"""The tracker client over real sockets: to p2pd's own tracker, to opentracker, and to the dead."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.ssl import KeyPair
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from p2pd.base.addresses import PeerAddress
from p2pd.base.ids import InfoHashes
from p2pd.clients.free_port import free_port
from p2pd.discovery.tracker_client.announcer import Announcer, Totals
from p2pd.discovery.tracker_client.transports import TrackerTransports
from p2pd.protocols.tracker.announce import AnnounceRequest, TrackerError
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore
from p2pd.transports.udp_port import UdpPort

HASH = bytes(range(0, 200, 10))
PATIENCE = 10
"""Seconds a test may take: less than the first time-out of an announce that is not answered."""


class Loop:
    """A reactor of the test's own, run until one coroutine is done."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        self._udp: list[UdpPort] = []
        self.transports = self.new_transports()
        self._ports: list[Any] = []

    def new_transports(self, **options: Any) -> TrackerTransports:
        udp = UdpPort(self.reactor, options.get("interface", ""))
        udp.open(0)
        self._udp.append(udp)
        return TrackerTransports(self.reactor, random.Random(1), udp, **options)

    def listen(self, factory: Any, interface: str = "127.0.0.1") -> int:
        return self._listening(self.reactor.listenTCP(0, factory, interface=interface))

    def listen_tls(self, factory: Any, options: Any) -> int:
        return self._listening(self.reactor.listenSSL(0, factory, options, interface="127.0.0.1"))

    def _listening(self, port: Any) -> int:
        self._ports.append(port)
        number: int = port.getHost().port
        return number

    def run(self, work: Callable[[], Any]) -> Any:
        """What the coroutine function returns; its exceptions are the test's."""
        results: list[Any] = []

        def ended(result: Any) -> None:
            results.append(result)
            self.reactor.stop()

        def begin() -> None:
            done = Deferred.fromCoroutine(self._work(work))
            done.addTimeout(PATIENCE, self.reactor)
            done.addBoth(ended)

        self.reactor.callWhenRunning(begin)
        self.reactor.run(installSignalHandlers=False)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    async def _work(self, work: Callable[[], Any]) -> Any:
        try:
            return await work()
        finally:
            await self.transports.close()
            for udp in self._udp:
                udp.close()
            for port in self._ports:
                await port.stopListening()

    def sleep(self, seconds: float) -> Any:
        return deferLater(self.reactor, seconds, lambda: None)


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    for reader in made.reactor.removeAll():
        reader.connectionLost(Failure(ConnectionError("the test ended")))


def request(port: int, *, left: int = 5, event: str = "started") -> AnnounceRequest:
    return AnnounceRequest(HASH, b"-XX0000-" + b"%012d" % port, port, 1, 2, left, event, key=port)


async def meet(transports: TrackerTransports, url: str, host: str = "127.0.0.1") -> None:
    """A seed and a leecher find each other at `url`, and one of them leaves."""
    await transports.announce(url, request(7001, left=0))
    answer = await transports.announce(url, request(7002))
    assert PeerAddress(host, 7001) in answer.peers
    assert (answer.seeders, answer.leechers) == (1, 1)
    assert answer.interval >= 30
    counts = (await transports.scrape(url, [HASH]))[HASH]
    assert (counts.seeders, counts.leechers) == (1, 1)
    await transports.announce(url, request(7001, left=0, event="stopped"))
    answer = await transports.announce(url, request(7002, event=""))
    assert [peer for peer in answer.peers if peer.port == 7001] == []


@pytest.mark.parametrize(("interface", "host"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_our_own_tracker(loop: Loop, interface: str, host: str) -> None:
    site = make_tracker_site(MemorySwarmStore(), loop.reactor)
    port = loop.listen(site, interface)
    url = f"http://{host}:{port}/announce"
    loop.run(lambda: meet(loop.transports, url, interface))


def test_a_name_is_resolved(loop: Loop) -> None:
    port = loop.listen(make_tracker_site(MemorySwarmStore(), loop.reactor))
    loop.run(lambda: meet(loop.transports, f"http://localhost:{port}/announce"))


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_opentracker(loop: Loop, tracker: Any, protocol: str) -> None:
    tracker.serve([HASH])
    loop.run(lambda: meet(loop.transports, tracker.url(protocol)))


def test_opentracker_over_udp_from_one_interface(loop: Loop, tracker: Any) -> None:
    tracker.serve([HASH])
    bound = loop.new_transports(interface="127.0.0.2")

    async def work() -> None:
        try:
            await bound.announce(tracker.udp_url, request(7001))
            answer = await bound.announce(tracker.http_url, request(7002))
        finally:
            await bound.close()
        assert PeerAddress("127.0.0.2", 7001) in answer.peers

    loop.run(work)


def test_opentracker_refuses_in_its_words(loop: Loop, tracker: Any) -> None:
    tracker.serve([bytes(20)])

    async def work() -> str:
        with pytest.raises(TrackerError) as caught:
            await loop.transports.announce(tracker.http_url, request(7001))
        return str(caught.value)

    assert "not authorized" in loop.run(work)


class Drip(Resource):
    """Answers a byte now and then, for ever."""

    isLeaf = True

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self.gone: list[object] = []

    def render_GET(self, asked: Any) -> int:
        asked.notifyFinish().addBoth(self.gone.append)
        self._write(asked)
        return NOT_DONE_YET

    def _write(self, asked: Any) -> None:
        if not self.gone:
            asked.write(b"d")
            self._reactor.callLater(0.05, self._write, asked)


def test_a_connection_that_drips_is_cut_when_the_time_is_up(loop: Loop) -> None:
    drip = Drip(loop.reactor)
    port = loop.listen(Site(drip, reactor=loop.reactor))
    hasty = loop.new_transports(timeout=0.5)

    async def work() -> None:
        with pytest.raises(TrackerError, match="no answer within"):
            await hasty.announce(f"http://127.0.0.1:{port}/announce", request(1))
        while not drip.gone:
            await loop.sleep(0.02)

    loop.run(work)


def test_a_certificate_of_nobody_is_not_believed(loop: Loop) -> None:
    certificate = KeyPair.generate(size=2048).selfSignedCert(1, CN="localhost")
    site = make_tracker_site(MemorySwarmStore(), loop.reactor)
    port = loop.listen_tls(site, certificate.options())
    url = f"https://localhost:{port}/announce"

    async def work() -> None:
        with pytest.raises(TrackerError, match="its TLS certificate cannot be verified"):
            await loop.transports.announce(url, request(1))

    loop.run(work)


class Torrent:
    info_hashes = InfoHashes(v1=HASH)

    def totals(self) -> Totals:
        return Totals(0, 0, 1)

    def credentials(self) -> None:
        """Nothing of its own."""

    def announced(self) -> None:
        """Nobody watches."""


def test_the_dead_hold_nothing_up(loop: Loop) -> None:
    """Refusing ports, an address that never answers, a name that is none, and one good tracker."""
    port = loop.listen(make_tracker_site(MemorySwarmStore(), loop.reactor))
    good = f"http://127.0.0.1:{port}/announce"
    dead = [
        f"http://127.0.0.1:{free_port()}/announce",
        f"udp://127.0.0.1:{free_port()}/announce",
        "http://nowhere.invalid/announce",
        "wss://127.0.0.1/announce",
        "udp://[::1]:9/announce",
    ]
    found: list[Any] = []
    announcer = Announcer(
        Torrent(),
        [[url] for url in (*dead, good)],
        lambda peers, source: found.extend(peers),
        clock=loop.reactor,
        wall=time.time,
        rng=random.Random(1),
        transports=loop.transports,
        peer_id=b"-XX0000-abcdefghijkl",
        port=lambda: 7003,
    )

    async def work() -> None:
        await loop.transports.announce(good, request(7001))
        announcer.start()
        while not found:
            await loop.sleep(0.02)
        await announcer.stop()

    loop.run(work)
    assert found == [PeerAddress("127.0.0.1", 7001)]
    states = {state.url: state for state in announcer.states()}
    assert "not supported" in states["wss://127.0.0.1/announce"].last_announce_result
    assert states[dead[0]].last_announce_result.startswith("cannot connect")
