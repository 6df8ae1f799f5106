"""By which way torrents are fetched."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.web.http_headers import Headers

from p2pd.control.outward_agent import OutwardAgent
from p2pd.protocols.tracker.announce import TrackerError

VPN = "192.0.2.9"


def asked(url: bytes) -> Any:
    """The connection that is made."""
    reactor = MemoryReactorClock()
    agent = OutwardAgent(reactor, VPN, 30.0, 1000)
    agent.request(b"GET", url, Headers()).addErrback(lambda _: None)
    (client,) = reactor.tcpClients
    return client


@pytest.mark.parametrize("url", [b"http://198.51.100.7/a.torrent", b"http://198.51.100.7:81/a"])
def test_servers_outside_are_asked_by_the_way_out(url: bytes) -> None:
    host, _, _, _, bound_to = asked(url)
    assert (host, bound_to) == ("198.51.100.7", (VPN, 0))


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.4", "10.1.2.3"])
def test_an_indexer_beside_the_daemon_is_asked_directly(host: str) -> None:
    assert asked(f"http://{host}:9696/1/download".encode())[4] is None


def test_a_name_that_is_none_is_refused() -> None:
    agent = OutwardAgent(MemoryReactorClock(), VPN, 30.0, 1000)
    failed: list[Any] = []
    agent.request(b"GET", b"http:///nowhere", Headers()).addErrback(failed.append)
    assert isinstance(failed[0].value, TrackerError)
