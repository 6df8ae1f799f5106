"""The TLS transport over real sockets: with Python's own ssl at the other end, in both roles."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers.processes import wait_until
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import PeerStream, StreamReceiver
from p2pd.transports.tcp_transport import TcpTransport
from p2pd.transports.tls.handshake_work import HandshakeWork
from p2pd.transports.tls.openings import TlsAccepted, TlsDialled, TlsOpening
from p2pd.transports.tls.tls_stream import TlsStream
from tests.transports.tls.swarm import NAME, authority, context

HOST = "127.0.0.1"
PATIENCE = 10
CHUNK = 256 * 1024
MUCH = 24 << 20
"""Bytes that do not fit into the sockets' buffers."""


class Echo:
    """Says everything again."""

    def __init__(self, stream: PeerStream) -> None:
        self.stream = stream
        self.lost = ""

    def stream_received(self, data: memoryview) -> None:
        self.stream.write([data])

    def stream_writable(self) -> None:
        return

    def stream_lost(self, reason: str) -> None:
        self.lost = reason


class Giver(Echo):
    """Says `MUCH` when it hears anything, no faster than it is taken."""

    def __init__(self, stream: PeerStream) -> None:
        super().__init__(stream)
        self.left = 0
        self.most_pending = 0
        self.digest = hashlib.sha256()

    def stream_received(self, data: memoryview) -> None:
        self.left = MUCH
        self.stream_writable()

    def stream_writable(self) -> None:
        while self.left and not self.stream.pending:
            chunk = self.left.to_bytes(8, "big") * (CHUNK // 8)
            self.digest.update(chunk)
            self.stream.write([chunk])
            self.left -= CHUNK
            self.most_pending = max(self.most_pending, self.stream.pending)
        if self.left:
            self.stream.call_when_writable()


class Node:
    """A reactor of the test's own, with the transport on it."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        pool = self.reactor.getThreadPool()
        self.work = HandshakeWork(
            lambda step, *args: deferToThreadPool(self.reactor, pool, step, *args), self.reactor
        )
        self.transport = TcpTransport(self.reactor, HOST)
        self.receivers: list[Any] = []

    def connected(self, kind: type[Echo], make: Callable[..., TlsOpening], **options: Any) -> Any:
        """What takes new TCP streams, and puts TLS on them."""

        def opened(stream: TlsStream) -> None:
            self.receivers.append(kind(stream))
            stream.receiver = self.receivers[-1]

        def connected(stream: PeerStream) -> StreamReceiver:
            opening: Any = make(stream, opened, self.work, self.reactor, **options)
            if isinstance(opening, TlsDialled):
                self.reactor.callLater(0, opening.begin)
            return opening

        return connected

    def run(self, blocking: Callable[[], Any]) -> Any:
        """Run this in a thread while the reactor works; what it returns or raises."""
        results: list[Any] = []

        def ended(result: Any) -> None:
            results.append(result)
            self.reactor.callLater(0.02, self.reactor.stop)

        def begin() -> None:
            done: Deferred[Any] = deferToThreadPool(
                self.reactor, self.reactor.getThreadPool(), blocking
            )
            done.addTimeout(PATIENCE, self.reactor).addBoth(ended)

        self.reactor.callWhenRunning(begin)
        self.reactor.run(installSignalHandlers=False)
        if isinstance(results[0], BaseException) or hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    for reader in made.reactor.removeAll():
        reader.connectionLost(Failure(ConnectionError("the test ended")))


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """Makes a context of Python's, with a certificate of the swarm."""
    certificate, key = authority().issue()
    (tmp_path / "pair.pem").write_text(certificate + key)

    def make(side: int = ssl.PROTOCOL_TLS_CLIENT, newest: Any = None) -> ssl.SSLContext:
        made = ssl.SSLContext(side)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=authority().pem)
        made.load_cert_chain(tmp_path / "pair.pem")
        if newest is not None:
            made.maximum_version = newest
        return made

    return make


@contextlib.contextmanager
def talking(port: int, made: ssl.SSLContext, name: str | None = NAME) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((HOST, port), PATIENCE) as plain,
        made.wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        yield wrapped


def read(stream: ssl.SSLSocket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = stream.recv(size - len(found))
        assert part, "the end came too early"
        found += part
    return bytes(found)


def listening(node: Node, kind: type[Echo]) -> int:
    find = {NAME: context()}.get
    return node.transport.listen(0, node.connected(kind, TlsAccepted, find=find)).port


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_dials_with_another_tls_is_understood(
    node: Node, foreign: Callable[..., ssl.SSLContext], newest: ssl.TLSVersion
) -> None:
    port = listening(node, Echo)
    said = bytes(range(256)) * 4096

    def client() -> str:
        with talking(port, foreign(newest=newest)) as stream:
            for _ in range(3):
                stream.sendall(said)
                assert read(stream, len(said)) == said
            version = stream.version() or ""
            stream.unwrap().close()
            return version

    assert node.run(client) == newest.name.replace("_", ".")
    assert node.receivers[0].lost == "the peer closed the connection"


def test_who_names_no_swarm_hears_the_alert(
    node: Node, foreign: Callable[..., ssl.SSLContext]
) -> None:
    port = listening(node, Echo)

    def client() -> list[str]:
        heard = []
        for name in (None, "b" * 40):
            with pytest.raises(ssl.SSLError) as caught, talking(port, foreign(), name):
                pass
            heard.append(str(caught.value.reason))
        return heard

    assert node.run(client) == ["TLSV1_UNRECOGNIZED_NAME"] * 2
    assert not node.receivers


def test_who_reads_slowly_gets_everything_and_little_waits_for_him(
    node: Node, foreign: Callable[..., ssl.SSLContext]
) -> None:
    port = listening(node, Giver)

    def client() -> bytes:
        digest = hashlib.sha256()
        with talking(port, foreign()) as stream:
            stream.sendall(b"everything")
            # Nothing is read before no more of it fits anywhere.
            wait_until(lambda: node.receivers and node.receivers[0].most_pending, PATIENCE, "more")
            left = MUCH
            while left:
                part = stream.recv(min(left, CHUNK))
                digest.update(part)
                left -= len(part)
        return digest.digest()

    assert node.run(client) == node.receivers[0].digest.digest()
    assert 0 < node.receivers[0].most_pending < 2 * CHUNK


def test_another_tls_is_dialled(node: Node, foreign: Callable[..., ssl.SSLContext]) -> None:
    made = foreign(ssl.PROTOCOL_TLS_SERVER)
    names: list[Any] = []
    made.sni_callback = lambda stream, name, context: names.append(name)
    said = bytes(range(256)) * 4096

    with socket.create_server((HOST, 0)) as server:
        server.settimeout(PATIENCE)

        def accept() -> None:
            plain, _ = server.accept()
            plain.settimeout(PATIENCE)
            with plain, made.wrap_socket(plain, server_side=True) as stream:
                stream.sendall(said)
                assert read(stream, len(said)) == said

        connected = node.connected(Echo, TlsDialled, context=context(), server_name=NAME)
        address = PeerAddress(HOST, server.getsockname()[1])
        node.transport.dial(address, connected, pytest.fail, PATIENCE)
        node.run(accept)
    assert names == [NAME]
    assert node.receivers[0].stream.peer_certificate.issuer == authority().name
