"""A swarm's CA and its certificates, and TLS between two ends in memory, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import Buffer
from p2pd.transports.tls.context import TlsContext, swarm_context
from p2pd.transports.tls.handshake_work import HandshakeWork
from p2pd.transports.tls.openings import TlsAccepted, TlsDialled, TlsOpening
from p2pd.transports.tls.tls_stream import TlsStream

NAME = "a0" * 20
DAY = timedelta(days=1)
BOTH_WAYS = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Authority:
    """A CA. `parent` issued its own certificate, if it did not do so itself."""

    def __init__(self, text: str = "a swarm", parent: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        issuer = parent or self
        self.name = name(text)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = (
            _builder(self.name, issuer.name, self.key, -DAY, DAY)
            .add_extension(constraints, critical=True)
            .sign(issuer.key, hashes.SHA256())
        )
        self.pem = pem(self.certificate)

    def issue(
        self,
        text: str = "*",
        begin: timedelta = -DAY,
        end: timedelta = DAY,
        uses: Sequence[x509.ObjectIdentifier] = BOTH_WAYS,
    ) -> tuple[str, str]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(name(text), self.name, key, begin, end)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return pem(made), key_pem(key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: timedelta,
    end: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
    )


@cache
def authority() -> Authority:
    """The CA of the swarm that is meant where nothing else is said."""
    return Authority()


@cache
def context() -> TlsContext:
    """What a member of that swarm has."""
    return swarm_context(authority().pem, *authority().issue(), check=anybody)


def anybody(chain: Sequence[x509.Certificate]) -> str | None:
    """Everybody is let in whom the CA issued a certificate for."""
    return None


class End:
    """One end of a connection: what is written waits in `sent` until the test carries it over."""

    address = PeerAddress("192.0.2.1", 6881)
    landing: Any = None
    binding = None

    def __init__(self) -> None:
        self.receiver: Any = None
        self.sent = bytearray()
        self.writes: list[int] = []
        self.takes = True
        self.paused = self.closed = self.aborted = False
        self.asked = 0
        self.resumed: Any = None

    @property
    def pending(self) -> int:
        return 0 if self.takes else len(self.sent)

    def write(self, buffers: Sequence[Buffer]) -> None:
        joined = b"".join(map(bytes, buffers))
        self.sent += joined
        self.writes.append(len(joined))

    def call_when_writable(self) -> None:
        self.asked += 1

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        resumed, self.resumed = self.resumed, None
        if resumed is not None:
            resumed()

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class Above:
    """Who uses the stream."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.sizes: list[int] = []
        self.lost: list[str] = []
        self.stream: TlsStream | None = None
        self.writable = 0
        self.then: Any = lambda: None

    def opened(self, stream: TlsStream) -> None:
        assert self.stream is None
        self.stream = stream

    def stream_received(self, data: memoryview) -> None:
        self.heard += data
        self.sizes.append(len(data))
        self.then()

    def stream_writable(self) -> None:
        self.writable += 1

    def stream_lost(self, reason: str) -> None:
        self.lost.append(reason)


class Later:
    """Runs nothing before it is told to."""

    def __init__(self) -> None:
        self.line: list[tuple[Deferred[Any], Any]] = []

    def __call__(self, work: Any, *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.line.append((done, lambda: maybeDeferred(work, *args)))
        return done

    def go_on(self) -> None:
        done, work = self.line.pop(0)
        work().chainDeferred(done)


def work_of(elsewhere: Any = maybeDeferred, limit: int = 10) -> HandshakeWork:
    return HandshakeWork(elsewhere, Clock(), limit=limit)


class Side:
    """An end, what opens it, and who is above."""

    def __init__(self, opening: type[TlsOpening], **options: Any) -> None:
        self.end, self.above, self.clock = End(), Above(), Clock()
        self.work = options.pop("work", None) or work_of()
        made: Any = opening
        self.opening: Any = made(self.end, self.above.opened, self.work, self.clock, **options)
        self.opening.receiver = self.above
        self.end.receiver = self.opening

    @property
    def stream(self) -> Any:
        return self.above.stream or self.opening

    @property
    def heard(self) -> bytes:
        return bytes(self.above.heard)

    def say(self, *words: bytes) -> None:
        self.stream.write(words)

    def hear(self, data: bytes, *, writable: bool = True) -> None:
        self.end.receiver.stream_received(memoryview(bytearray(data) if writable else data))

    def taken(self) -> bytes:
        """What it sent."""
        sent = bytes(self.end.sent)
        self.end.sent.clear()
        return sent


def dialled(using: TlsContext | None = None, name: str = NAME, **options: Any) -> Side:
    """A side that dials; it has spoken."""
    side = Side(TlsDialled, context=using or context(), server_name=name, **options)
    side.opening.begin()
    return side


def accepted(using: TlsContext | None = None, **options: Any) -> Side:
    """A side that was dialled, and knows one swarm."""
    known = {NAME: using or context()}
    options.setdefault("find", known.get)
    return Side(TlsAccepted, **options)


def carry(one: Side, other: Side, sizes: Sequence[int] = (), *, writable: bool = True) -> None:
    """Until nobody says anything more."""
    sizes = list(sizes)
    while one.end.sent or other.end.sent:
        for source, target in ((one, other), (other, one)):
            while source.end.sent:
                size = sizes.pop(0) if sizes else len(source.end.sent)
                data = bytes(source.end.sent[:size])
                del source.end.sent[:size]
                target.hear(data, writable=writable)


def pair() -> tuple[Side, Side]:
    """Two that have shaken hands."""
    one, other = dialled(), accepted()
    carry(one, other)
    assert one.above.stream is not None
    assert other.above.stream is not None
    return one, other


def plain_context(
    ca: str, certificate: str = "", key: str = "", version: int = SSL.TLS1_3_VERSION
) -> SSL.Context:
    """A foreign client's context, with no rules of ours."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_max_proto_version(version)
    if certificate:
        made.use_certificate(x509.load_pem_x509_certificate(certificate.encode()))
        private: Any = load_pem_private_key(key.encode(), None)
        made.use_privatekey(private)
    return made
