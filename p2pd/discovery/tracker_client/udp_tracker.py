"""UDP trackers (BEP 15): what is asked, asked again, and given up.

An answer counts only with the transaction id that was sent and from the address it was sent to. The
socket is the one of the port that peers dial, which is not ours to open or close.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Callable, Sequence, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import DelayedCall
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import split_url
from p2pd.protocols.tracker import udp
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
    TrackerTimeoutError,
)
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.udp_port import OTHER, UdpPort
from p2pd.transports.udp_socket import UdpSocket

T = TypeVar("T")
MAX_CONNECTIONS = 1000
MAX_ATTEMPTS = 8


@dataclass(slots=True)
class _Waiting:
    address: PeerAddress
    done: Deferred[bytes]
    give_up: DelayedCall


class UdpTracker:
    """Asks UDP trackers. `timeout` (seconds) bounds a question with all its repetitions."""

    def __init__(
        self,
        reactor: Any,
        rng: random.Random,
        names: Names,
        udp: UdpPort,
        timeout: float = 30.0,
    ) -> None:
        self._reactor = reactor
        self._rng = rng
        self._names = names
        self._timeout = timeout
        self._udp = udp
        self._closed = False
        udp.claim(OTHER, self._received)
        self._waiting: dict[int, _Waiting] = {}
        self._connections: dict[PeerAddress, tuple[int, float]] = {}

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError with a sentence."""
        url_data = _url_data(url)
        return await self._bounded(
            url,
            lambda connection, transaction: udp.announce_packet(
                connection, transaction, request, url_data
            ),
            lambda packet, address: udp.parse_announce(packet, ipv6=address.is_ipv6),
        )

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""
        asked = info_hashes[: udp.MAX_SCRAPE]
        counts = await self._bounded(
            url,
            lambda connection, transaction: udp.scrape_packet(connection, transaction, asked),
            lambda packet, _: udp.parse_scrape(packet, len(asked)),
        )
        return dict(zip(asked, counts, strict=True))

    async def close(self) -> None:
        """Ask no more; questions under way fail."""
        self._closed = True  # at once: what fails here may want to ask once more
        for transaction in list(self._waiting):
            self._fail(transaction, TrackerError("shutting down"))

    # -- one question -------------------------------------------------------------------------

    async def _bounded(
        self,
        url: str,
        make: Callable[[int, int], bytes],
        parse: Callable[[bytes, PeerAddress], T],
    ) -> T:
        asking = Deferred.fromCoroutine(self._ask(url, make, parse))
        asking.addTimeout(self._timeout, self._reactor, self._timed_out)
        return await asking

    async def _ask(
        self,
        url: str,
        make: Callable[[int, int], bytes],
        parse: Callable[[bytes, PeerAddress], T],
    ) -> T:
        """Connect and ask, each time waiting twice as long as before (BEP 15, Time outs)."""
        address = await self._resolve(url)
        for attempt in range(MAX_ATTEMPTS):
            wait = udp.FIRST_TIMEOUT * 2.0**attempt
            fresh = True
            try:
                connection, fresh = await self._connect(address, wait)
                transaction = self._new_transaction()
                packet = make(connection, transaction)
                answer = await self._exchange(transaction, address, packet, wait)
                return parse(answer, address)
            except TrackerTimeoutError:
                self._connections.pop(address, None)
            except TrackerError:
                self._connections.pop(address, None)
                # Perhaps it only forgot an older connection id: ask once more with a new one.
                if fresh:
                    raise
        raise TrackerTimeoutError("it does not answer")

    async def _connect(self, address: PeerAddress, wait: float) -> tuple[int, bool]:
        """A connection id, and whether it was made just now."""
        known = self._connections.get(address)
        if known is not None and self._reactor.seconds() < known[1]:
            return known[0], False
        transaction = self._new_transaction()
        packet = udp.connect_packet(transaction)
        answer = await self._exchange(transaction, address, packet, wait)
        connection = udp.parse_connect(answer)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._connections.clear()
        expires = self._reactor.seconds() + udp.CONNECTION_SECONDS
        self._connections[address] = connection, expires
        return connection, True

    async def _resolve(self, url: str) -> PeerAddress:
        parts = split_url(url)
        if parts.port is None:
            raise TrackerError("its URL has no port, which UDP trackers need")
        hosts = await self._names.addresses(parts.hostname or "")
        return PeerAddress(self._usable(hosts), parts.port)

    def _usable(self, hosts: Sequence[str]) -> str:
        """The host to talk to: the first that there is a way to, IPv4 before IPv6."""
        for ipv6 in (False, True):
            if self._udp.socket_for(ipv6) is not None:
                for host in hosts:
                    if (":" in host) is ipv6:
                        return host
        shown = f"{self._udp.shown}, the interface in use" if self._udp.shown else "this machine"
        raise TrackerError(f"it cannot be reached from {shown}")

    # -- packets ------------------------------------------------------------------------------

    def _exchange(
        self, transaction: int, address: PeerAddress, packet: bytes, wait: float
    ) -> Deferred[bytes]:
        done: Deferred[bytes] = Deferred(lambda _: self._forget(transaction))
        no_answer = TrackerTimeoutError("it does not answer")
        give_up = self._reactor.callLater(wait, self._fail, transaction, no_answer)
        self._waiting[transaction] = _Waiting(address, done, give_up)
        try:
            self._send(packet, address)
        except TrackerError as problem:
            self._fail(transaction, problem)
        return done

    def _send(self, packet: bytes, address: PeerAddress) -> None:
        if self._closed:
            raise TrackerError("shutting down")
        try:
            self._udp.send(packet, address)
        except OSError as problem:
            raise TrackerError(f"cannot be asked: {problem.strerror or problem}"[:200]) from None

    def _received(self, _: UdpSocket, datagrams: Sequence[Datagram]) -> None:
        for datagram, sender in datagrams:
            # What nobody waits for goes first, and at the least cost: anybody can send a flood.
            transaction = udp.transaction_of(datagram)
            waiting = None if transaction is None else self._waiting.get(transaction)
            if waiting is None or transaction is None or waiting.address != sender:
                continue
            self._forget(transaction)
            waiting.done.callback(datagram)

    def _forget(self, transaction: int) -> None:
        waiting = self._waiting.pop(transaction, None)
        if waiting is not None and waiting.give_up.active():
            waiting.give_up.cancel()

    def _fail(self, transaction: int, problem: TrackerError) -> None:
        waiting = self._waiting.get(transaction)
        self._forget(transaction)
        if waiting is not None:
            waiting.done.errback(Failure(problem))

    def _new_transaction(self) -> int:
        while (transaction := self._rng.getrandbits(32)) in self._waiting:
            pass
        return transaction

    def _timed_out(self, _result: object, seconds: float) -> Any:
        raise TrackerTimeoutError(f"no answer within {seconds:.0f} seconds")


def _url_data(url: str) -> bytes:
    """What the tracker is told of its own URL (BEP 41); nothing when that is the usual path."""
    parts = split_url(url)
    data = parts.path + (f"?{parts.query}" if parts.query else "")
    return b"" if data in ("", "/", "/announce") else data.encode()
