"""Owners whose torrents are for who has a certificate: what comes after one meets nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.mutable_link import MutableLink, parse_mutable_link
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.session.connecting.admission import Way
from p2pd.session.tls.standing import NO_CERTIFICATE
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from tests.automation.test_mutable_torrents import HOUR, LINK, World
from tests.session.conftest import network as network
from tests.session.secret_nodes import change
from tests.session.tls_swarm import PIECE, TLS_PORT, authority, give, node, of_everybody

FIRST, SECOND = {"a.bin": b"a" * 3 * PIECE}, {"a.bin": b"b" * 3 * PIECE}


def torrent_of(files: dict[str, bytes]) -> bytes:
    return make_torrent(files, piece_length=PIECE, name="dump", authority=authority().pem)


def hash_of(torrent: bytes) -> bytes:
    return parse_torrent(torrent).info_hashes.wire_ids[0]


class TlsWorld(World):
    """A node that listens for peers of TLS torrents, and follows."""

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__(network)
        self.mutable.stop()
        self.node.stop()
        self.node = SimNode(network, "10.0.0.4", dht=self.dht.at("10.0.0.4"), tls_port=TLS_PORT)
        self.start()

    def newest(self) -> Any:
        *_, torrent = self.node.session.torrents
        return torrent


@pytest.fixture
def world(network: MemoryNetwork) -> TlsWorld:
    return TlsWorld(network)


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    """Has both."""
    found = node(network, "10.0.0.1")
    for files, folder in ((FIRST, "/first"), (SECOND, "/second")):
        give(found, found.put(torrent_of(files), files, download_dir=folder), of_everybody())
    return found


def in_swarm() -> GivenCertificate:
    own = of_everybody()
    return GivenCertificate(own.certificate, own.private_key, authority().pem)


def test_a_marked_link_waits_for_its_ca_and_what_follows_has_it(
    network: MemoryNetwork, world: TlsWorld, seed: SimNode
) -> None:
    world.say(hash_of(torrent_of(FIRST)), 1)
    world.follow(link=f"{LINK}&x.p2pd-tls=1")
    first = world.newest()
    assert first.way is Way.TLS
    assert not first.running
    assert world.node.session.tls.why_not(first) == NO_CERTIFICATE
    give(world.node, first, in_swarm())
    world.node.connect(first, seed.tls_address)
    network.run_until(first.is_complete, limit=20)
    world.say(hash_of(torrent_of(SECOND)), 2)
    network.run(HOUR)
    second = world.newest()
    assert world.hashes() == [hash_of(torrent_of(SECOND)).hex()]
    assert second.way is Way.TLS
    assert second.running, "it has the CA and the certificate of the one before"
    world.node.connect(second, seed.tls_address)
    network.run_until(second.is_complete, limit=20)


def test_what_comes_after_one_by_tls_is_never_in_the_open(
    network: MemoryNetwork, world: TlsWorld, seed: SimNode
) -> None:
    """The link does not say it: the metadata of the first did. The certificate is gone, too."""
    world.say(hash_of(torrent_of(FIRST)), 1)
    world.follow(link=LINK)
    first = world.newest()
    assert first.way is Way.OPEN, "nothing says otherwise yet"
    world.node.add(torrent_of(FIRST))
    network.run(1)
    assert first.way is Way.TLS
    world.say(hash_of(torrent_of(SECOND)), 2)
    network.run(HOUR)
    second = world.newest()
    assert second.info_hashes.wire_ids[0] == hash_of(torrent_of(SECOND))
    assert second.content is None
    assert second.way is Way.TLS
    assert not second.running
    seed_open = SimNode(network, "10.0.0.9")
    came: list[Any] = []
    seed_open.session.connections.arrivals.admits = came.append  # type: ignore[method-assign, assignment]
    second.add_peers([seed_open.address], "magnet")
    network.run(60)
    assert not second.connected
    assert not came


def test_a_certificate_that_does_not_fit_is_not_passed_on(
    network: MemoryNetwork, world: TlsWorld, seed: SimNode
) -> None:
    own = authority().issue("another name", "dump")
    world.say(hash_of(torrent_of(FIRST)), 1)
    world.follow(link=f"{LINK}&dn=dump&x.p2pd-tls=1")
    first = world.newest()
    give(world.node, first, GivenCertificate(own.certificate, own.private_key, authority().pem))
    before = first.record.id
    world.mutable.followed.all[1].link = _renamed(LINK)
    world.say(hash_of(torrent_of(SECOND)), 2)
    network.run(HOUR)
    second = world.newest()
    assert second.record.id != before
    assert second.way is Way.TLS
    assert not second.running
    assert world.mutable.followed.all[1].note.problem == ""


def _renamed(link: str) -> MutableLink:
    found = parse_mutable_link(f"{link}&dn=other")
    assert found is not None
    return found


def test_a_secret_goes_on_and_a_mark_does_not_come_with_it(world: TlsWorld) -> None:
    world.say(hash_of(torrent_of(FIRST)), 1)
    world.follow(link=LINK)
    first = world.newest()
    secret = SwarmSecret(bytes(range(32))).text()
    change(world.node, first, secret)
    world.say(hash_of(torrent_of(SECOND)), 2)
    world.network.run(HOUR)
    second = world.newest()
    assert second.way is Way.SECRET
    assert second.record.by_tls is False
