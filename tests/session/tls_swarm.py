"""A swarm's authority and what it issues, for sessions that meet by TLS."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from p2pd.formats.x509.pem import certificate_pem, private_key_pem, read_private_key
from p2pd.session.tls.tls_api import GivenCertificate, TlsReport
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

NOW = datetime.fromtimestamp(1_700_000_000, UTC)
"""When simulated nodes begin. OpenSSL has the clock of the machine."""

DAY = timedelta(days=1)
YEAR = 366 * DAY
LATE = datetime(2200, 1, 1, tzinfo=UTC)
BOTH_SIDES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
NAME = "a film"
PIECE = 32 * 1024
FILES = {
    "a.bin": random.Random(1).randbytes(5 * PIECE + 777),
    "b.bin": random.Random(2).randbytes(3 * PIECE),
}
TLS_PORT = 6882


class Authority:
    """A CA, and what it issues."""

    def __init__(self, text: str, begin: datetime = NOW - YEAR, end: datetime = LATE) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(text)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        made = _builder(self._name, self._name, self.key, begin, end)
        self.certificate = made.add_extension(constraints, critical=True).sign(self.key, SHA256())
        self.pem = _pem(self.certificate)

    @classmethod
    def of(cls, given: GivenCertificate, text: str) -> Authority:
        """One between the CA and peers: its certificate was issued to it."""
        found = cls(text)
        key = read_private_key(given.private_key)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        found.key = key
        return found

    def issue(
        self,
        *names: str,
        subject: str = "somebody",
        begin: datetime = NOW - DAY,
        end: datetime = LATE,
        uses: tuple[x509.ObjectIdentifier, ...] = BOTH_SIDES,
        ca: bool = False,
    ) -> GivenCertificate:
        """For torrents of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_named(subject), self._name, key, begin, end).add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            made = made.add_extension(alternative, critical=False)
        if uses:
            made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return GivenCertificate(_pem(made.sign(self.key, SHA256())), private_key_pem(key))


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate_pem(certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


@cache
def authority() -> Authority:
    """The swarm's."""
    return Authority("the swarm's CA")


@cache
def foreign() -> Authority:
    """Another one, of the same name."""
    return Authority("the swarm's CA")


@cache
def of_everybody() -> GivenCertificate:
    """A certificate for any torrent of the swarm."""
    return authority().issue("*")


@cache
def tls_torrent(version: Any = "v1", name: str = NAME) -> bytes:
    """A torrent of the swarm."""
    return make_torrent(FILES, version, piece_length=PIECE, name=name, authority=authority().pem)


def node(network: MemoryNetwork, host: str, **options: Any) -> SimNode:
    """One that listens for peers of TLS torrents."""
    return SimNode(network, host, **{"tls_port": TLS_PORT, **options})


def give(at: SimNode, torrent: Torrent, given: GivenCertificate) -> TlsReport:
    """Have the torrent use a certificate. Raises P2pdError."""
    view = at.control.find(torrent.record.id)
    assert view is not None
    report: TlsReport = at.network.result(at.control.certificates.give(view, given))
    at.network.run(0.1)
    return report


def meet(
    network: MemoryNetwork,
    torrent: bytes,
    seeds: GivenCertificate | None,
    leeches: GivenCertificate | None,
) -> tuple[SimNode, Torrent, SimNode, Torrent]:
    """A seed and a leecher that dials it; None: it has no certificate."""
    seed, leecher = node(network, "10.0.0.1"), node(network, "10.0.0.2")
    had, wanted = seed.put(torrent, FILES), leecher.add(torrent)
    for at, of, given in ((seed, had, seeds), (leecher, wanted, leeches)):
        if given is not None:
            give(at, of, given)
    leecher.connect(wanted, seed.tls_address)
    for _ in range(200):
        if had.connected and wanted.connected:
            break
        network.run(0.005)
    return seed, had, leecher, wanted
