"""A tracker in memory, and a caller that speaks HTTP to it over a transport without a socket."""

from __future__ import annotations

import random
from urllib.parse import quote_from_bytes

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from p2pd.formats import bencode
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore

INTERVAL = 1800
HASH = bytes(range(20))


class Caller:
    """Announces and scrapes, each over a connection of its own."""

    def __init__(self, clock: Clock, **bounds) -> None:
        self.clock = clock
        self.store = MemorySwarmStore(rng=random.Random(1), **bounds)
        self.site = make_tracker_site(self.store, clock, announce_interval=INTERVAL)
        self.site.doStart()

    def connect(self, host: str = "10.0.0.1", port: int = 50_000):
        """The protocol and transport of a new connection; (None, None) when it is not taken."""
        kind = IPv6Address if ":" in host else IPv4Address
        address = kind("TCP", host, port)
        protocol = self.site.buildProtocol(address)
        if protocol is None:
            return None, None
        transport = StringTransport(peerAddress=address)
        protocol.makeConnection(transport)
        return protocol, transport

    def raw(self, request: bytes, host: str = "10.0.0.1") -> bytes:
        """What comes back for these bytes."""
        protocol, transport = self.connect(host)
        protocol.dataReceived(request)
        answer = transport.value()
        hang_up(protocol)
        return answer

    def get(self, target: str, host: str = "10.0.0.1"):
        """The bencoded answer to a GET, decoded."""
        answer = self.raw(b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % target.encode(), host)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK"), head
        return bencode.decode(body)

    def announce(self, host: str = "10.0.0.1", *, more: str = "", **values):
        """An announce like a client's; a value of None leaves the name out."""
        query = {
            "info_hash": HASH,
            "peer_id": b"-XX0000-" + host.encode()[-12:].rjust(12, b"-"),
            "port": 6881,
            "uploaded": 0,
            "downloaded": 0,
            "left": 100,
            "compact": 1,
            **values,
        }
        return self.get(f"/announce?{joined(query)}{more}", host)

    def refusal(self, host: str = "10.0.0.1", **values) -> str:
        """Why an announce was refused."""
        return self.announce(host, **values)[b"failure reason"].decode()


def joined(query) -> str:
    """A query of a URL."""
    return "&".join(
        f"{name}={quote_from_bytes(value if isinstance(value, bytes) else str(value).encode())}"
        for name, value in query.items()
        if value is not None
    )


def hang_up(protocol) -> None:
    """The other end closes the connection."""
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    protocol.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tracker(clock):
    caller = Caller(clock)
    yield caller
    caller.site.doStop()


@pytest.fixture
def new_tracker(clock):
    """A tracker with other bounds."""
    return lambda **bounds: Caller(clock, **bounds)
