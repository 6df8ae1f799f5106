"""The certificate of the control API: read, renewed, and refused in words."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from p2pd.base.errors import ConfigError
from p2pd.control.access.roles import Role
from p2pd.control.gate import SocketUser
from p2pd.service.config import ControlSection
from p2pd.service.control_part import ControlPart, socket_users
from p2pd.service.http_port import HttpPort
from p2pd.service.tls_files import TlsFiles

PEM = serialization.Encoding.PEM


class Pair:
    """A self-signed certificate and its key, in files."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(certificate.public_bytes(PEM))
        self.key.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def files(self) -> TlsFiles:
        return TlsFiles(str(self.certificate), str(self.key))


def served(files: TlsFiles) -> str:
    """The name in the certificate that a client is shown."""
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    server = SSL.Connection(files.getContext())
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(4):
        for here, there in ((client, server), (server, client)):
            with suppress(SSL.WantReadError):
                here.do_handshake()
            with suppress(SSL.WantReadError):
                there.bio_write(here.bio_read(65536))
    certificate = client.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_it_is_served_and_renewed(tmp_path: Path) -> None:
    first, second = Pair(tmp_path, "first"), Pair(tmp_path, "second")
    files = first.files()
    files.load()
    assert served(files) == "first"
    first.certificate.write_bytes(second.certificate.read_bytes())
    with pytest.raises(ConfigError, match="is not that of"):
        files.load()
    assert served(files) == "first"
    first.key.write_bytes(second.key.read_bytes())
    files.load()
    assert served(files) == "second"


def test_those_that_vouch_for_it_may_follow_it(tmp_path: Path) -> None:
    pair, above = Pair(tmp_path, "pair"), Pair(tmp_path, "above")
    with pair.certificate.open("ab") as file:
        file.write(above.certificate.read_bytes())
    files = pair.files()
    files.load()
    assert served(files) == "pair"


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, data: bytes) -> None:
    pair = Pair(tmp_path, "pair")
    pair.certificate.write_bytes(data)
    with pytest.raises(ConfigError, match=r"^control\.tls_certificate: there is no certificate"):
        pair.files().load()


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "pair")
    pair.key.write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"^control\.tls_key: there is no key"):
        pair.files().load()
    pair.key.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        pair.files().load()


def test_a_certificate_alone_is_refused() -> None:
    section = ControlSection(tls_certificate="/a.pem")
    port = HttpPort("control.port", "", 0)
    with pytest.raises(ConfigError, match="go together"):
        ControlPart(section, port, None, None, "")  # type: ignore[arg-type]


def test_users_are_known_by_their_names() -> None:
    assert socket_users([])[0] == SocketUser("p2pd", Role.ADMIN)
    assert socket_users(["nobody"])[65534] == SocketUser("nobody", Role.ADMIN)
    assert socket_users(["nobody:read-only"])[65534] == SocketUser("nobody", Role.READ_ONLY)
    assert socket_users(["nobody:bob"])[65534] == SocketUser("bob", None)
    with pytest.raises(ConfigError, match="there is no user 'nobody-of-that-name'"):
        socket_users(["nobody-of-that-name"])
