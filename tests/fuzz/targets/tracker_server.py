"""What strangers send to p2pd's own tracker: every query is answered in bencode, none breaks it."""

from __future__ import annotations

import random

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from p2pd.formats import bencode
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore

_ID = b"aaaaaaaaaaaaaaaaaaaa"
SEEDS: list[bytes] = [
    b"info_hash=" + _ID + b"&peer_id=" + _ID + b"&port=6881&left=5&event=started&compact=1",
    b"info_hash=" + _ID + b"&peer_id=" + _ID + b"&port=1&left=0&event=completed&compact=0",
    b"info_hash=%00%ff" + _ID[2:] + b"&peer_id=" + _ID + b"&port=6881&numwant=-1&key=x&ip=1.2.3.4",
    b"info_hash=" + _ID + b"&peer_id=" + _ID + b"&port=6881&event=stopped",
    b"info_hash=" + _ID + b"&info_hash=b%3d",
    b"%&=&&==%zz&port=99999999999999999999",
]


def _answer(path: bytes, query: bytes) -> bytes:
    clock = Clock()
    site = make_tracker_site(MemorySwarmStore(rng=random.Random(0)), clock)
    address = IPv4Address("TCP", "10.0.0.1", 5000)
    protocol = site.buildProtocol(address)
    transport = StringTransport(peerAddress=address)
    protocol.makeConnection(transport)
    protocol.dataReceived(b"GET " + path + b"?" + query + b" HTTP/1.1\r\nHost: t\r\n\r\n")
    protocol.connectionLost(Failure(ConnectionDone()))
    return transport.value()


def fuzz(data: bytes) -> None:
    # What would end the request line is not a query any more, and Twisted's own matter.
    query = data.translate(None, b"\r\n \t\x0b\x0c")
    for path in (b"/announce", b"/scrape"):
        head, _, body = _answer(path, query).partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200"):
            assert isinstance(bencode.decode(body), dict)
            assert b"internal error" not in body
