"""UDP trackers (BEP 15): one socket a family for all of them, answers matched to their requests.

An answer counts only with the transaction id that was sent and from the address it was sent to.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Callable, TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from p2pd.base.addresses import canonical_host
from p2pd.base.clock import DelayedCall
from p2pd.base.errors import FormatError
from p2pd.discovery.tracker_client.http_tracker import TrackerTimeoutError
from p2pd.protocols.tracker import udp
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
)

T = TypeVar("T")
Address = tuple[str, int]
MAX_CONNECTIONS = 1000


@dataclass(slots=True)
class _Waiting:
    address: Address
    packet: bytes
    done: Deferred[bytes]
    resend: DelayedCall | None = None


class UdpTracker(DatagramProtocol):
    """Asks UDP trackers over one socket. `timeout` bounds a request with all its repetitions."""

    def __init__(
        self, reactor: Any, rng: random.Random, *, interface: str = "", timeout: float = 30.0
    ) -> None:
        self._reactor = reactor
        self._rng = rng
        self._interface = interface
        self._timeout = timeout
        self._port: Any = None
        self._waiting: dict[int, _Waiting] = {}
        self._connections: dict[Address, tuple[int, float]] = {}

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError with a sentence."""
        parts = urlsplit(url)
        data = parts.path + (f"?{parts.query}" if parts.query else "")
        url_data = b"" if data in ("", "/", "/announce") else data.encode()
        address = await self._resolve(url)
        return await self._ask(
            address,
            lambda connection, transaction: udp.announce_packet(
                connection, transaction, request, url_data
            ),
            lambda packet: udp.parse_announce(packet, ipv6=":" in address[0]),
        )

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""
        asked = info_hashes[: udp.MAX_SCRAPE]
        counts = await self._ask(
            await self._resolve(url),
            lambda connection, transaction: udp.scrape_packet(connection, transaction, asked),
            lambda packet: udp.parse_scrape(packet, len(asked)),
        )
        return dict(zip(asked, counts, strict=True))

    async def close(self) -> None:
        """Give the socket back; requests under way fail."""
        for transaction in list(self._waiting):
            self._fail(transaction, TrackerError("shutting down"))
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()

    # -- requests -----------------------------------------------------------------------------

    async def _ask(
        self,
        address: Address,
        make: Callable[[int, int], bytes],
        parse: Callable[[bytes], T],
    ) -> T:
        asking = Deferred.fromCoroutine(self._ask_connected(address, make))
        asking.addTimeout(self._timeout, self._reactor, _timed_out)
        try:
            return parse(await asking)
        except TrackerError:
            # Perhaps it forgot our connection id: the next request gets a new one.
            self._connections.pop(address, None)
            raise

    async def _ask_connected(self, address: Address, make: Callable[[int, int], bytes]) -> bytes:
        connection = await self._connect(address)
        transaction = self._new_transaction()
        return await self._send(transaction, address, make(connection, transaction))

    async def _connect(self, address: Address) -> int:
        known = self._connections.get(address)
        if known is not None and self._reactor.seconds() < known[1]:
            return known[0]
        transaction = self._new_transaction()
        packet = udp.connect_packet(transaction)
        connection = udp.parse_connect(await self._send(transaction, address, packet))
        if len(self._connections) >= MAX_CONNECTIONS:
            self._connections.clear()
        self._connections[address] = (
            connection,
            self._reactor.seconds() + udp.CONNECTION_SECONDS,
        )
        return connection

    def _send(self, transaction: int, address: Address, packet: bytes) -> Deferred[bytes]:
        done: Deferred[bytes] = Deferred(lambda _: self._forget(transaction))
        self._waiting[transaction] = _Waiting(address, packet, done)
        self._transmit(transaction, udp.FIRST_TIMEOUT)
        return done

    def _transmit(self, transaction: int, wait: float) -> None:
        waiting = self._waiting[transaction]
        waiting.resend = self._reactor.callLater(wait, self._transmit, transaction, wait * 2)
        try:
            if self._port is None:
                # One socket for both families; IPv4 addresses are mapped where it is IPv6.
                self._port = self._reactor.listenUDP(0, self, self._interface, maxPacketSize=65536)
            self.transport.write(waiting.packet, waiting.address)  # type: ignore[union-attr]
        except Exception as problem:
            self._fail(transaction, TrackerError(f"cannot be asked: {problem}"[:200]))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        transaction = udp.transaction_of(datagram)
        waiting = None if transaction is None else self._waiting.get(transaction)
        if waiting is None or transaction is None or waiting.address != (addr[0], addr[1]):
            return
        self._forget(transaction)
        waiting.done.callback(datagram)

    def connectionRefused(self) -> None:  # noqa: N802 - only connected sockets are told
        pass

    def _forget(self, transaction: int) -> None:
        waiting = self._waiting.pop(transaction, None)
        if waiting is not None and waiting.resend is not None and waiting.resend.active():
            waiting.resend.cancel()

    def _fail(self, transaction: int, problem: TrackerError) -> None:
        waiting = self._waiting.get(transaction)
        self._forget(transaction)
        if waiting is not None:
            waiting.done.errback(Failure(problem))

    def _new_transaction(self) -> int:
        while (transaction := self._rng.getrandbits(32)) in self._waiting:
            pass
        return transaction

    async def _resolve(self, url: str) -> Address:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or not port:
            raise TrackerError("its URL has no host and port")
        try:
            return canonical_host(host), port
        except FormatError:
            pass
        try:
            found = await self._reactor.resolve(host)
        except Exception:
            raise TrackerError("its name cannot be found") from None
        return str(found), port


def _timed_out(_result: object, seconds: float) -> Any:
    raise TrackerTimeoutError(f"no answer within {seconds:.0f} seconds")
