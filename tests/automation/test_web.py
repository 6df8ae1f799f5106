"""Requests to servers that strangers chose: what is sent to whom, and every bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.automation.web import SECONDS, Web, WebError, WebRequest, host_of, origin_of


class Names:
    """Looks names up in a table."""

    def __init__(self, table: dict[str, tuple[str, ...]]) -> None:
        self.table = table

    async def addresses(self, host: str) -> tuple[str, ...]:
        return self.table.get(host, (host,))


TABLE = {
    "a.test": ("93.184.216.34",),
    "b.test": ("93.184.216.35", "93.184.216.36"),
    "inside.test": ("10.0.0.1",),
    "mixed.test": ("10.0.0.1", "93.184.216.37"),
}


class Net:
    """A web over a reactor in memory."""

    def __init__(self, *allowed: str) -> None:
        self.reactor: Any = MemoryReactorClock()
        names: Any = Names(TABLE)
        self.web = Web(self.reactor, "", PrivateAddresses(allowed), names=names)
        self.results: list[Any] = []

    def ask(self, url: str, **more: Any) -> None:
        asking = Deferred.fromCoroutine(self.web.ask(WebRequest(url, **more)))
        asking.addBoth(self.results.append)

    def connected(self) -> tuple[str, int]:
        host, port = self.reactor.tcpClients[-1][:2]
        return host, port

    def answer(self, *data: bytes) -> str:
        """What the last server was sent, which answers this."""
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        for each in data:
            protocol.dataReceived(each)
        self.last = protocol, transport
        sent: str = transport.value().decode()
        return sent

    @property
    def result(self) -> Any:
        (found,) = self.results
        return found

    @property
    def refusal(self) -> str:
        assert isinstance(self.result, Failure)
        self.result.trap(WebError)
        return self.result.getErrorMessage()


@pytest.fixture
def net() -> Net:
    return Net()


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def to(place: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n"


def test_an_answer_with_its_headers(net: Net) -> None:
    net.ask("http://a.test:8080/x?k=1", headers={"Accept": "x"}, secret_headers={"Cookie": "c=1"})
    assert net.connected() == ("93.184.216.34", 8080)
    sent = net.answer(ok(b"data", b'ETag: "7"'))
    assert sent.startswith("GET /x?k=1 HTTP/1.1\r\n")
    assert "Cookie: c=1" in sent
    assert "Host: a.test:8080" in sent
    found = net.result
    assert (found.code, found.body, found.header("etag")) == (200, b"data", '"7"')


def test_a_body_is_sent(net: Net) -> None:
    net.ask("http://a.test/", method=b"POST", body=b'{"a": 1}', most=0)
    sent = net.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert sent.startswith("POST / ")
    assert sent.endswith('\r\n\r\n{"a": 1}')
    assert net.result.code == 204


@pytest.mark.parametrize("host", ["inside.test", "127.0.0.1", "[::1]", "169.254.169.254"])
def test_what_is_not_public_is_not_asked(net: Net, host: str) -> None:
    net.ask(f"http://{host}/")
    assert net.reactor.tcpClients == []
    assert "automation.private_addresses" in net.refusal


def test_a_redirect_does_not_lead_there_either(net: Net) -> None:
    net.ask("http://a.test/")
    net.answer(to(b"http://inside.test/"))
    assert len(net.reactor.tcpClients) == 1
    assert "is not public" in net.refusal


def test_of_several_addresses_only_the_public_ones_are_asked(net: Net) -> None:
    net.ask("http://mixed.test/")
    assert net.connected()[0] == "93.184.216.37"


def test_private_addresses_that_were_allowed() -> None:
    net = Net("10.0.0.0/8")
    net.ask("http://inside.test/")
    assert net.connected()[0] == "10.0.0.1"


def test_the_next_address_when_one_does_not_answer(net: Net) -> None:
    net.ask("http://b.test/")
    first = net.reactor.tcpClients[-1]
    first[2].clientConnectionFailed(None, Failure(ConnectionRefusedError("no")))
    assert net.connected()[0] == "93.184.216.36"
    net.reactor.tcpClients[-1][2].clientConnectionFailed(
        None, Failure(ConnectionRefusedError("no"))
    )
    assert net.refusal.startswith("b.test: cannot connect")


def test_secrets_stay_with_the_server_they_are_for(net: Net) -> None:
    net.ask("http://u:pw@a.test/", secret_headers={"Cookie": "c=1"}, headers={"Accept": "x"})
    assert "Authorization: Basic dTpwdw==" in net.answer(to(b"/other"))
    assert "Cookie" in net.answer(to(b"http://b.test/"))
    sent = net.answer(ok(b"x"))
    assert "Cookie" not in sent
    assert "Authorization" not in sent
    assert "Accept: x" in sent
    assert net.result.url == "http://b.test/"


def test_a_redirect_to_a_magnet_link(net: Net) -> None:
    net.ask("http://a.test/")
    net.answer(to(b"magnet:?xt=urn:btih:00"))
    assert net.result.url == "magnet:?xt=urn:btih:00"


@pytest.mark.parametrize("place", [b"file:///etc/passwd", b"", b"ftp://a.test/", b"http://[x/"])
def test_redirects_that_lead_nowhere(net: Net, place: bytes) -> None:
    net.ask("http://a.test/")
    net.answer(to(place))
    assert net.refusal.startswith("a.test: it")


def test_redirects_without_end(net: Net) -> None:
    net.ask("http://a.test/")
    for _ in range(6):
        net.answer(to(b"/again"))
    assert "redirects more than" in net.refusal


def test_an_answer_without_end(net: Net) -> None:
    net.ask("http://a.test/", most=1000)
    net.answer(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1001)
    assert net.refusal == "a.test: its answer is longer than 1000 bytes"
    assert net.last[1].disconnecting or net.last[1].disconnected


def test_no_answer(net: Net) -> None:
    net.ask("http://a.test/secret?passkey=1")
    net.reactor.advance(SECONDS + 1)
    assert net.refusal == f"a.test: no answer within {SECONDS:.0f} seconds"


def test_a_connection_that_breaks(net: Net) -> None:
    net.ask("http://a.test/")
    net.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    net.last[0].connectionLost(Failure(ConnectionResetError()))
    assert net.refusal.startswith("a.test: ")


@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "http://", "nonsense", "http://[::1", "http://a:99999/"]
)
def test_what_is_no_url(net: Net, url: str) -> None:
    net.ask(url)
    assert net.reactor.tcpClients == []
    assert net.refusal


@pytest.mark.parametrize(
    ("read", "url", "found"),
    [
        (host_of, "http://u:p@h.test:80/secret?x", "h.test:80"),
        (host_of, "http://[x", "the server"),
        (origin_of, "HTTP://u@H.test/x", ("http", "h.test")),
    ],
)
def test_what_is_said_of_urls(read: Callable[[str], Any], url: str, found: Any) -> None:
    assert read(url) == found
