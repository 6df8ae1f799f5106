"""Who is not let in to a TLS torrent, by Python's own TLS: each is told no more than an alert."""

from __future__ import annotations

import secrets
import socket
import ssl

import pytest
from peers.payload import make_file
from peers.processes import wait_until
from peers.tls_swarm import Identity, TlsSwarm, certify, tls_p2pd

SECONDS = 10
PROTOCOL = b"\x13BitTorrent protocol"
NAME, OTHER = "a film.bin", "another film.bin"


def greeting(info_hash: bytes) -> bytes:
    """The handshake of BEP 3."""
    return PROTOCOL + bytes(8) + info_hash + b"-TS0001-" + secrets.token_bytes(12)


def over_tls(work, address, identity: Identity | None, sni: str | None, said: bytes) -> bytes | str:
    """What is answered; of a refusal by TLS why, as OpenSSL has it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        pem = work / "identity.pem"
        pem.write_text(identity.key + identity.certificate)
        context.load_cert_chain(pem)
    with socket.create_connection((address.host, address.port), SECONDS) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=sni) as stream:
                stream.sendall(said)
                return stream.recv(4096)
        except ssl.SSLError as problem:
            return problem.reason or str(problem)
        except ConnectionError:
            return "reset"


def in_the_clear(address, said: bytes) -> bytes:
    with socket.create_connection((address.host, address.port), SECONDS) as stream:
        try:
            stream.sendall(said)
            return stream.recv(4096)
        except ConnectionError:
            return b""


@pytest.fixture
def swarm(work):
    return TlsSwarm(work, "v1", size=100_000, name=NAME)


@pytest.fixture
def seed(work, new_p2pd, swarm):
    """A daemon with two torrents of the CA, and a certificate for each; its port knows both."""
    node = tls_p2pd(new_p2pd)
    other = swarm.torrent(make_file(swarm.content.folder, 50_000, name=OTHER), "v1")
    for content in (other, swarm.content):
        node.add(content.torrent, save=content.folder)
        certify(node, swarm.issue())
        node.wait_seeding()
        name = content.wire_ids[0].hex()
        wait_until(
            lambda name=name: "UNRECOGNIZED" not in str(over_tls(work, node.tls, None, name, b"")),
            10, "the port for TLS", details=node.state,
        )  # fmt: skip
    node.other = other
    return node


@pytest.fixture
def asked(work, seed, swarm):
    """Asks for the torrent, as a peer with this certificate."""
    wire_id = swarm.content.wire_ids[0]

    def ask(identity, **other):
        sni, said = other.get("sni", wire_id.hex()), other.get("said", greeting(wire_id))
        return over_tls(work, seed.tls, identity, sni, said)

    yield ask
    answer = ask(swarm.issue([NAME]))
    assert isinstance(answer, bytes)
    assert answer.startswith(PROTOCOL), "who may is let in"
    assert answer[28:48] == wire_id
    seed.check_healthy()


def foreign(work) -> TlsSwarm:
    """A CA of the same name."""
    return TlsSwarm(work / "elsewhere", "v1", size=1000, name=NAME)


CERTIFICATES = {
    "none": (lambda work, swarm: None, "CERTIFICATE_REQUIRED"),
    "of a foreign CA": (lambda work, swarm: foreign(work).issue(), "UNKNOWN_CA"),
    "of another name": (lambda work, swarm: swarm.issue([OTHER]), "INTERNAL_ERROR"),
    "expired": (lambda work, swarm: swarm.issue(days=1, after=-3), "CERTIFICATE_EXPIRED"),
    "not yet valid": (lambda work, swarm: swarm.issue(after=3), "BAD_CERTIFICATE"),
}


@pytest.mark.parametrize("which", CERTIFICATES)
def test_a_certificate_is_refused(work, swarm, asked, which):
    identity_of, alert = CERTIFICATES[which]
    answer = asked(identity_of(work, swarm))
    assert isinstance(answer, str), "there was an answer inside TLS"
    assert answer.endswith(alert)


@pytest.mark.parametrize("sni", ["ab" * 20, "example.com", None], ids=["unknown", "host", "none"])
def test_a_torrent_that_is_not_here_is_refused(swarm, asked, sni):
    assert asked(swarm.issue(), sni=sni).endswith("UNRECOGNIZED_NAME")


def test_the_info_hash_has_to_be_that_of_the_server_name(swarm, seed, asked):
    (other,) = seed.other.wire_ids
    assert asked(swarm.issue(), said=greeting(other)) == b"", "the peer has a certificate for both"


def test_nothing_is_encrypted_inside_tls(swarm, asked):
    assert asked(swarm.issue(), said=b"\x01" + secrets.token_bytes(200)) == b""


def test_the_port_for_tls_takes_nothing_else(swarm, seed, asked):
    assert not in_the_clear(seed.tls, greeting(swarm.content.wire_ids[0])).startswith(PROTOCOL)


def test_nobody_is_let_in_by_the_port_of_other_torrents(swarm, seed, asked):
    assert in_the_clear(seed, greeting(swarm.content.wire_ids[0])) == b""
