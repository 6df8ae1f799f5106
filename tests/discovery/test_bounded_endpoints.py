"""Connections to HTTP trackers end by themselves: after so many bytes, after so many seconds."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionAborted
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from p2pd.discovery.tracker_client import bounded_endpoints
from p2pd.discovery.tracker_client.http_tracker import (
    GRACE_SECONDS,
    UNUSED_SECONDS,
    make_agent,
)
from p2pd.discovery.tracker_client.names import KEPT_SECONDS, Names


class TcpTransport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        """TLS asks for it."""


class Asked:
    """One request of an agent, whose TCP connection a test plays."""

    def __init__(self, url: bytes = b"http://127.0.0.1:6969/announce", interface: str = "") -> None:
        self.reactor = MemoryReactorClock()
        self.results: list[Any] = []
        names = Names(self.reactor)
        self.url = url
        self.agent, _ = make_agent(self.reactor, names, interface, 30.0)
        self.ask()
        self.host, self.port, self.factory, _, self.bound_to = self.reactor.tcpClients[0]
        self.transport = TcpTransport()
        self.protocol = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)

    def ask(self) -> None:
        self.agent.request(b"GET", self.url).addBoth(self.results.append)
        self.reactor.advance(0)

    def answered(self) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def lost(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionAborted()))


def test_an_ordinary_answer_passes() -> None:
    asked = Asked()
    assert asked.transport.value().startswith(b"GET /announce HTTP/1.1\r\n")
    asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde")
    assert asked.results[0].code == 200
    assert not asked.transport.disconnected


@pytest.mark.parametrize(
    "endless",
    [
        b"X-Endless: " + b"x" * 4000 + b"\r\n",
        b" folded " + b"x" * 4000 + b"\r\n",
    ],
)
def test_endless_headers_are_cut_off(endless: bytes) -> None:
    asked = Asked()
    asked.send(b"HTTP/1.1 200 OK\r\nX: y\r\n")
    sent = 0
    while not asked.transport.disconnected and sent < 2 * bounded_endpoints.MOST_RECEIVED:
        asked.send(endless)
        sent += len(endless)
    assert sent <= bounded_endpoints.MOST_RECEIVED + len(endless)
    asked.lost()
    assert isinstance(asked.results[0].value, ResponseFailed)


def test_an_old_connection_is_cut_although_nobody_waits_for_it() -> None:
    asked = Asked()
    asked.send(b"HTTP/1.1 200 OK\r\n\r\n")
    asked.reactor.advance(30.0 + GRACE_SECONDS - 1)
    assert not asked.transport.disconnected
    asked.reactor.advance(2)
    assert asked.transport.disconnected


def test_a_connection_that_ended_leaves_no_timer() -> None:
    asked = Asked()
    asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    asked.lost()
    assert not asked.reactor.getDelayedCalls()


class TestKeptConnections:
    """One question after the other over one connection."""

    def test_the_next_question_goes_over_it(self) -> None:
        asked = Asked()
        asked.answered()
        asked.ask()
        assert len(asked.reactor.tcpClients) == 1
        assert asked.transport.value().count(b"GET /announce") == 2
        asked.answered()
        assert [result.code for result in asked.results] == [200, 200]

    def test_two_at_a_time_go_over_two(self) -> None:
        asked = Asked()
        asked.ask()
        assert len(asked.reactor.tcpClients) == 2

    def test_it_does_not_wait_for_long(self) -> None:
        asked = Asked()
        asked.answered()
        asked.reactor.advance(UNUSED_SECONDS)
        assert asked.transport.disconnecting

    def test_it_ends_however_much_it_is_used(self) -> None:
        asked = Asked()
        for _ in range(int(30.0 + GRACE_SECONDS)):
            assert not asked.transport.disconnected
            asked.answered()
            asked.reactor.advance(1)
            asked.ask()
        assert asked.transport.disconnected

    def test_what_it_broke_off_is_asked_again(self) -> None:
        """The tracker closed it just when the next question was on its way."""
        asked = Asked()
        asked.answered()
        asked.ask()
        asked.lost()
        assert len(asked.reactor.tcpClients) == 2
        assert len(asked.results) == 1

    def test_none_is_kept_that_is_bound_to_an_address(self) -> None:
        asked = Asked(interface="192.0.2.9")
        assert b"Connection: close" in asked.transport.value()
        asked.answered()
        assert asked.transport.disconnecting


@pytest.mark.parametrize(
    ("interface", "bound_to"),
    [("", None), ("0.0.0.0", None), ("::", None), ("192.0.2.9", ("192.0.2.9", 0))],
)
def test_it_connects_from_the_interface(interface: str, bound_to: object) -> None:
    assert Asked(interface=interface).bound_to == bound_to


def test_https_begins_with_tls() -> None:
    asked = Asked(b"https://127.0.0.1/announce")
    assert asked.port == 443
    assert asked.transport.value().startswith(b"\x16\x03")


def test_an_address_that_is_known_is_dialled_without_a_lookup() -> None:
    asked = Asked(b"http://[::1]:6969/announce")
    assert (asked.host, asked.port) == ("::1", 6969)


def test_of_several_addresses_the_quickest_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = MemoryReactorClock()
    names = Names(reactor)
    names.resolved("t.example", ("192.0.2.1",))
    agent, _ = make_agent(reactor, names)
    agent.request(b"GET", b"http://t.example/announce").addErrback(lambda _: None)
    assert [client[:2] for client in reactor.tcpClients] == [("192.0.2.1", 80)]
    names.resolved("t.example", ("192.0.2.1", "2001:db8::1"))
    asked: list[str] = []

    def quickest(_: Any, host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return TCP4ClientEndpoint(reactor, host, 80)

    monkeypatch.setattr(bounded_endpoints, "HostnameEndpoint", quickest)
    agent.request(b"GET", b"http://t.example/announce").addErrback(lambda _: None)
    assert asked == ["t.example"]


def test_what_was_looked_up_is_known_for_a_while() -> None:
    reactor = MemoryReactorClock()
    names = Names(reactor)
    assert names.known("T.example") == ()
    names.resolved("t.example", ("192.0.2.1",))
    assert names.known("T.example") == ("192.0.2.1",)
    reactor.advance(KEPT_SECONDS + 1)
    assert names.known("t.example") == ()
    assert names.known("192.0.2.7") == ("192.0.2.7",)
