"""HTTPS trackers of torrents with a CA of their own: who is believed, and what is shown to them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Sequence

import pytest
from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived

from p2pd.discovery.tracker_client.http_tracker import HttpTracker, make_agent
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.torrent_https import (
    Credentials,
    TorrentAgent,
    TorrentCertificates,
)
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import read_private_key
from p2pd.protocols.tracker.announce import AnnounceRequest, TrackerError
from p2pd.transports.tls.context import swarm_context
from tests.discovery.fake_network import FakeAgent, FakeReactor, FakeResponse
from tests.session.tls_swarm import Authority, authority, foreign

HOST = "tracker.test"
REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, 1, 2, 3)
GOOD = b"d8:intervali900ee"


def nobody(chain: Sequence[x509.Certificate]) -> str | None:
    """A peer's rule, which says nothing of trackers."""
    return "it is no peer"


def credentials(refusal: str | None = None) -> Credentials:
    own = authority().issue("a film")
    made = swarm_context(authority().pem, own.certificate, own.private_key, check=nobody)
    return Credentials(made, lambda chain: refusal)


class Server:
    """A tracker's end, in memory. It lets in whom `trusts` certifies."""

    def __init__(self, of: Authority, *names: str, trusts: Authority | None = None) -> None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        given = of.issue(*names)
        context.use_certificate(x509.load_pem_x509_certificate(given.certificate.encode()))
        key: Any = read_private_key(given.private_key)
        context.use_privatekey(key)
        store = context.get_cert_store()
        assert store is not None
        ca = (trusts or authority()).certificate
        store.add_cert(crypto.X509.from_cryptography(ca))
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *found: bool(found[-1])
        )
        self.end = SSL.Connection(context, None)
        self.end.set_accept_state()

    def shake(self, client: SSL.Connection) -> None:
        """Raises SSL.Error, of either end."""
        for _ in range(4):
            for one, other in ((client, self.end), (self.end, client)):
                problem = None
                try:
                    one.do_handshake()
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    problem = error
                with suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(1 << 20))
                if problem:
                    raise problem


def connect(host: str, server: Server, refusal: str | None = None) -> str:
    """Why the tracker is not believed; empty: it was shown our certificate."""
    certificates = TorrentCertificates(credentials(refusal))
    client = certificates.creatorForNetloc(host.encode(), 443).clientConnectionForTLS(None)
    client.set_app_data("Twisted's own")
    try:
        server.shake(client)
    except SSL.Error:
        assert server.end.get_peer_certificate() is None
        assert certificates.refusal
        return certificates.refusal
    shown = server.end.get_peer_certificate()
    assert shown is not None
    assert "somebody" in names(shown.to_cryptography())
    name = server.end.get_servername()
    assert name == (None if host[0].isdigit() or host[0] == "[" else host.encode())
    return ""


def test_a_tracker_of_the_torrents_ca_is_shown_its_certificate() -> None:
    assert connect(HOST, Server(authority(), HOST)) == ""


@pytest.mark.parametrize("name", ["*", "a film", "other.test"])
def test_the_name_of_its_host_counts_alone(name: str) -> None:
    assert connect(HOST, Server(authority(), name)) == f"it is not for {HOST}"


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]"])
def test_a_name_is_no_address(host: str) -> None:
    bare = host.strip("[]")
    assert connect(host, Server(authority(), bare)) == f"it is not for {bare}"


def test_nobody_else_is_believed() -> None:
    assert connect(HOST, Server(foreign(), HOST)) == "its signature is wrong"
    other = Authority("another CA")
    assert connect(HOST, Server(other, HOST)) == "it is of another CA"


def test_a_certificate_that_was_taken_back_is_refused() -> None:
    assert connect(HOST, Server(authority(), HOST), "it is revoked") == "it is revoked"


class Torrent:
    """Its questions: what the agents that they go by answer."""

    def __init__(self, shared: Sequence[Any], own: Sequence[Any] = ()) -> None:
        self.reactor = FakeReactor()
        self.reactor.names[HOST] = ["192.0.2.9"]
        self.shared = FakeAgent(*shared)
        self.own = FakeAgent(*own)
        self.made: list[Any] = []
        self.credentials: Any = credentials

    def _make(self, policy: Any) -> Any:
        self.made.append(policy)
        return self.own

    def ask(self, url: str) -> Any:
        """The answer, or why there is none."""
        agent: Any = TorrentAgent(self.shared, self._make, lambda: self.credentials())  # type: ignore[arg-type]
        tracker = HttpTracker(agent, self.reactor, Names(self.reactor))
        found: list[Any] = []
        Deferred.fromCoroutine(tracker.announce(url, REQUEST)).addBoth(found.append)
        if isinstance(found[0], Failure):
            found[0].trap(TrackerError)
            return str(found[0].value)
        return found[0]


def moved(where: str) -> FakeResponse:
    return FakeResponse(code=302, headers={"location": where})


def test_each_question_has_an_agent_and_a_connection_of_its_own() -> None:
    torrent = Torrent([], [FakeResponse(GOOD)] * 3)
    for _ in range(2):
        assert torrent.ask(f"https://{HOST}/a").interval == 900
    first, second = torrent.made
    assert first is not second
    assert not torrent.shared.requests


def test_http_is_as_for_every_torrent() -> None:
    torrent = Torrent([FakeResponse(GOOD)])
    torrent.credentials = lambda: pytest.fail("they are not needed")
    assert torrent.ask(f"http://{HOST}/a").interval == 900
    assert not torrent.made


def test_a_torrent_without_a_ca_asks_as_every_torrent() -> None:
    torrent = Torrent([FakeResponse(GOOD)])
    torrent.credentials = lambda: None
    assert torrent.ask(f"https://{HOST}/a").interval == 900
    assert not torrent.made


@pytest.mark.parametrize("url", [f"https://{HOST}/a", f"HTTPS://{HOST}/a", f"http://{HOST}/a"])
def test_without_a_certificate_nobody_is_asked_over_https(url: str) -> None:
    torrent = Torrent([moved(f"https://{HOST}/b")])

    def none() -> None:
        raise TrackerError("it is not asked")

    torrent.credentials = none
    assert torrent.ask(url) == "it is not asked"
    assert len(torrent.shared.requests) == url.startswith("http:")
    assert not torrent.made


def test_nobody_is_sent_on_from_it_to_one_in_the_clear() -> None:
    torrent = Torrent([FakeResponse(GOOD)], [moved(f"http://{HOST}/b")])
    assert torrent.ask(f"https://{HOST}/a") == "it redirects to something that is not HTTPS"
    assert not torrent.shared.requests


def test_from_one_in_the_clear_it_goes_on_with_the_certificate() -> None:
    torrent = Torrent([moved(f"https://{HOST}/b")], [FakeResponse(GOOD)])
    assert torrent.ask(f"http://{HOST}/a").interval == 900
    assert len(torrent.made) == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("tlsv1 alert unknown ca", "it refuses the certificate of the torrent"),
        ("sslv3 alert certificate revoked", "it refuses the certificate of the torrent"),
        ("tlsv1 alert protocol version", "no TLS connection can be made to it"),
    ],
)
def test_what_the_tracker_says_against_us_is_told(reason: str, words: str) -> None:
    problem = ResponseNeverReceived([Failure(SSL.Error([("SSL routines", "", reason)]))])
    failing: Deferred[Any] = Deferred()
    failing.errback(Failure(problem))
    assert Torrent([], [failing]).ask(f"https://{HOST}/a") == words


def test_no_connection_that_is_made_so_is_kept() -> None:
    reactor = FakeReactor()
    policy: Any = TorrentCertificates(credentials())
    assert not make_agent(reactor, Names(reactor), policy=policy)[1].persistent
    assert make_agent(reactor, Names(reactor))[1].persistent
