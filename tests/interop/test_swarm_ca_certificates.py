"""Torrents and certificates of our own CAs, between libtorrent's peers, which speak TLS."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peers.payload import Content, content_of, make_file
from peers.processes import wait_until

from p2pd.clients.free_port import free_port
from p2pd.formats.creator import CreationOptions
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.storage.torrent_creator import create_torrent

SIZE = 300_001
REFUSED_SECONDS = 3


class Swarm:
    """A CA, a torrent that is private to it, and peers with certificates of it or another."""

    def __init__(self, work: Path, name: str, ca_names: tuple[str, ...], version: str) -> None:
        self.now = datetime.now(UTC)
        self.work = work
        self.ca, self.key = swarm_ca.new_ca("films", 10, self.now, names=ca_names)
        path = make_file(work / "original", SIZE, name=name)
        options = CreationOptions(version=version, authority=certificate_pem(self.ca))
        self.content: Content = content_of(path, create_torrent(str(path), options))

    def join(self, node, names: tuple[str, ...], ca=None, **where) -> None:
        """Add the torrent to a libtorrent, with a new key and a certificate for it."""
        ca, ca_key = ca or (self.ca, self.key)
        key = swarm_ca.new_key()
        issued = swarm_ca.issue(ca, ca_key, key.public_key(), names, 1, self.now, label="peer")
        node.add(self.content.torrent, **where)
        node.handle.set_ssl_certificate_buffer(certificate_pem(issued), private_key_pem(key), "")


@pytest.fixture
def tls_libtorrent(new_libtorrent):
    """A libtorrent that listens for TLS alone."""

    def start(name: str):
        port = free_port("127.0.0.1")
        return new_libtorrent(name, port=port, listen_interfaces=f"127.0.0.1:{port}s")

    return start


LONG = "電" * 70 + ".bin"
LET_IN = [
    ("a film.bin", (), ("a film.bin",), "v1"),
    ("a film.bin", (), ("other", "*"), "v2"),
    ("grüße.bin", (), ("grüße.bin",), "hybrid"),
    ("a film.bin", ("other", "a film.bin"), ("a film.bin",), "v1"),
    (LONG, (LONG,), (LONG,), "v1"),
]


@pytest.mark.parametrize(("name", "ca_names", "names", "version"), LET_IN)
def test_libtorrent_lets_in_who_has_a_certificate_of_ours(
    work, tls_libtorrent, name, ca_names, names, version
):
    swarm = Swarm(work, name, ca_names, version)
    seed, leecher = tls_libtorrent("seed"), tls_libtorrent("leecher")
    swarm.join(seed, names, save=swarm.content.folder)
    seed.wait_seeding()
    swarm.join(leecher, names)
    leecher.dial(seed)
    leecher.wait_copy_of(swarm.content)


def joined_with(swarm: Swarm, node, how: str) -> None:
    other = swarm_ca.new_ca("films", 10, swarm.now)
    match how:
        case "a certificate for another torrent":
            swarm.join(node, ("another.bin",))
        case "a certificate of another CA of the same name":
            swarm.join(node, ("*",), other)
        case "a star that the CA may not give":
            swarm.join(node, ("*",))


REFUSED = [
    ("a certificate for another torrent", ()),
    ("a certificate of another CA of the same name", ()),
    ("a star that the CA may not give", ("a film.bin",)),
]


@pytest.mark.parametrize(("how", "ca_names"), REFUSED)
def test_libtorrent_refuses(work, tls_libtorrent, how, ca_names):
    swarm = Swarm(work, "a film.bin", ca_names, "v1")
    seed, stranger = tls_libtorrent("seed"), tls_libtorrent("stranger")
    swarm.join(seed, ("a film.bin",), save=swarm.content.folder)
    seed.wait_seeding()
    joined_with(swarm, stranger, how)
    end = time.monotonic() + REFUSED_SECONDS
    while time.monotonic() < end:
        stranger.dial(seed)
        time.sleep(0.3)
        assert stranger.status.total_payload_download == 0
    # The seed is there all the while: who belongs to the swarm gets it.
    leecher = tls_libtorrent("leecher")
    swarm.join(leecher, ("a film.bin",))
    leecher.dial(seed)
    wait_until(leecher.is_seed, 20, "copy", details=leecher.state)
