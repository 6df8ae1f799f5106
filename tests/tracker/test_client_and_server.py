"""What the tracker client's codec sends, the tracker understands, and the other way round."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
)
from p2pd.tracker.http import make_tracker_site
from p2pd.tracker.stores.memory import MemorySwarmStore

URL = "http://tracker.test/announce"
IDS = st.binary(min_size=20, max_size=20)


class Wire:
    """Carries a URL to the tracker, and the answer's body back."""

    def __init__(self) -> None:
        store = MemorySwarmStore(rng=random.Random(1))
        self.site = make_tracker_site(store, Clock(), announce_interval=900)

    def get(self, url: str, host: str) -> bytes:
        kind = IPv6Address if ":" in host else IPv4Address
        address = kind("TCP", host, 50_000)
        protocol = self.site.buildProtocol(address)
        transport = StringTransport(peerAddress=address)
        protocol.makeConnection(transport)
        target = url.removeprefix("http://tracker.test").encode("ascii")
        protocol.dataReceived(b"GET " + target + b" HTTP/1.1\r\nHost: tracker.test\r\n\r\n")
        head, _, body = transport.value().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        return body

    def announce(self, request: AnnounceRequest, host: str = "192.0.2.1") -> AnnounceAnswer:
        return http.parse_announce(self.get(http.announce_url(URL, request), host))

    def scrape(self, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        url = http.scrape_url(URL)
        assert url is not None
        return http.parse_scrape(self.get(http.scrape_request_url(url, info_hashes), "192.0.2.1"))


def asked(info_hash: bytes, peer_id: bytes, **values: object) -> AnnounceRequest:
    told = {"port": 6881, "uploaded": 1, "downloaded": 2, "left": 3, "event": "started", "key": 7}
    return AnnounceRequest(info_hash, peer_id, **{**told, **values})  # type: ignore[arg-type]


@given(IDS, IDS, st.integers(1, 65_535), st.integers(0, 2**32 - 1))
def test_any_ids_find_each_other(info_hash: bytes, peer_id: bytes, port: int, key: int) -> None:
    wire = Wire()
    wire.announce(asked(info_hash, peer_id, port=port, key=key, left=0))
    answer = wire.announce(asked(info_hash, peer_id, port=port), "2001:db8::5")
    assert answer.peers == (PeerAddress("192.0.2.1", port),)
    assert (answer.seeders, answer.leechers, answer.interval) == (1, 1, 900)
    assert answer.external_host == "2001:db8::5"
    assert wire.scrape([info_hash]) == {info_hash: ScrapeCounts(1, 1, 0)}
    wire.announce(asked(info_hash, peer_id, port=port, key=key, event="stopped"))
    assert wire.scrape([info_hash]) == {info_hash: ScrapeCounts(0, 1, 0)}


@pytest.mark.parametrize("left", [0, 2**40, 2**63 - 1])
def test_whatever_is_left(left: int) -> None:
    """A magnet that does not know its size yet says as much as fits."""
    answer = Wire().announce(asked(b"h" * 20, b"p" * 20, left=left))
    assert answer.seeders == (left == 0)


def test_a_whole_swarm_of_both_families() -> None:
    wire = Wire()
    hosts = [f"192.0.2.{n}" for n in range(1, 40)] + [f"2001:db8::{n}" for n in range(1, 40)]
    for host in hosts:
        wire.announce(asked(b"h" * 20, b"p" * 20), host)
    answer = wire.announce(asked(b"h" * 20, b"p" * 20, numwant=200), "198.51.100.1")
    assert {peer.host for peer in answer.peers} == set(map(str, hosts))


def test_a_farewell_with_anothers_key_is_refused_in_words() -> None:
    wire = Wire()
    wire.announce(asked(b"h" * 20, b"p" * 20, key=1))
    with pytest.raises(TrackerError, match="with another key"):
        wire.announce(asked(b"h" * 20, b"p" * 20, key=2, event="stopped"))


def test_as_many_as_a_scrape_may_name_are_scraped() -> None:
    wire = Wire()
    hashes = [bytes([255 - n]) * 20 for n in range(74)]
    for info_hash in hashes:
        wire.announce(asked(info_hash, b"p" * 20))
    assert set(wire.scrape(hashes)) == set(hashes)
