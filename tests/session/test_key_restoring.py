"""Keys and certificates of a backup in a running session: torrents have theirs again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from p2pd.base.errors import StateError
from p2pd.formats.x509 import keys_at_rest
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError
from p2pd.formats.x509.pem import read_certificate
from p2pd.formats.x509.revocation import ca_id, make_list
from p2pd.session.state_backups import Restored, StateBackups
from p2pd.session.tls.standing import NO_CERTIFICATE
from p2pd.session.torrents.torrent_adding import TorrentAdding
from p2pd.state.backups import BackupFolder
from p2pd.state.key_files import KeyFiles
from p2pd.state.revocation_files import RevocationFiles
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.enrolled import Enrolled, EnrolledStore
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.torrent_keys import KeptCertificate, TorrentKeys
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.tls_swarm import NOW, authority, give, node, of_everybody, tls_torrent
from tests.state.damaged import filled, torrent_record


@pytest.fixture(autouse=True, scope="module")
def _cheap_scrypt() -> Iterator[None]:
    with patch.object(keys_at_rest, "SCRYPT_N", 256):
        yield


KEYS = KeyFiles(KeySeal(b"of the daemon"))


class Place:
    """A node with one TLS torrent, and a backup that has its certificate."""

    def __init__(self, network: MemoryNetwork, folder: Path) -> None:
        self.network, self.state = network, str(folder / "state")
        old = folder / "old"
        old.mkdir()
        filled(old, [torrent_record(1)])
        self.node: SimNode = node(network, "10.0.0.1")
        self.torrent = self.node.add(tls_torrent())
        given = of_everybody()
        self.hash = self.torrent.info_hashes.hash_string
        kept = KeptCertificate(authority().pem, "film", given.certificate, given.private_key)
        TorrentKeys(str(old), KEYS).save(self.hash, kept)
        TorrentKeys(str(old), KEYS).save("cd" * 20, kept)  # of a torrent that nobody has
        store = SwarmCaStore(str(old / "swarm-ca"), KEYS)
        store.create("films", 365, Limits(), NOW)
        self.old = old
        self.came: list[int] = []
        self.backups = StateBackups(
            self.node.session,
            TorrentAdding(self.node.session),
            BackupFolder(self.state, KEYS),
            self._ignore,
            lambda _: None,
        )
        self.backups.listen(self._note)

    async def _ignore(self, changes: Any) -> None:
        """Settings."""

    async def _note(self) -> None:
        self.came.append(1)

    def restore(self, **options: Any) -> Restored:
        made = BackupFolder(str(self.old), KEYS).make(1_700_000_000.0)
        data = (self.old / "backups" / made.name).read_bytes()
        self.network.result(self.backups.write("given.tar", 0, data))
        found: Restored = self.network.result(self.backups.restore("given.tar", **options))
        return found


@pytest.fixture
def place(network: MemoryNetwork, tmp_path: Path) -> Place:
    return Place(network, tmp_path)


def why_not(place: Place) -> str:
    return place.node.session.tls.why_not(place.torrent)


def test_a_torrent_that_waits_has_its_certificate_again(place: Place) -> None:
    assert why_not(place) == NO_CERTIFICATE
    found = place.restore()
    assert (found.added, found.keys, found.problems) == (1, 2, ())
    assert why_not(place) == ""
    assert list(place.node.keys.kept) == [place.hash]
    assert SwarmCaStore(f"{place.state}/swarm-ca", KEYS).names() == ["films"]
    assert place.came == [1]


def test_what_is_here_stays(place: Place) -> None:
    other = authority().issue("*")
    give(place.node, place.torrent, other)
    found = place.restore()
    assert found.keys == 1
    report = place.node.session.tls.report(place.torrent)
    assert report is not None
    assert report.serial == read_certificate(other.certificate).serial_number
    assert place.restore().keys == 0


def enrolled(place: Place, *numbers: int) -> None:
    """The backup has certificates of the node, too."""
    given = of_everybody()
    for number in numbers:
        one = Enrolled(f"{number:016x}", given.certificate, authority().pem)
        EnrolledStore(str(place.old), KEYS).save(one, given.private_key)


def test_more_certificates_than_a_node_can_have_are_left_out(place: Place) -> None:
    enrolled(place, 1, 2, 3)
    with patch("p2pd.session.key_restoring.MOST_ENROLLED", 2):
        found = place.restore()
    assert found.keys == 4
    assert "can be no more" in found.problems[0]
    assert len(EnrolledStore(place.state, KEYS).load()[0]) == 2


def test_what_did_not_come_is_not_counted(place: Place) -> None:
    enrolled(place, 1)
    with patch.object(EnrolledStore, "save", side_effect=StateError("the disk is full")):
        found = place.restore()
    assert found.keys == 2
    assert found.problems == ("a certificate of this node: the disk is full",)


def test_it_may_be_gone_without(place: Place) -> None:
    found = place.restore(with_keys=False)
    assert (found.added, found.keys) == (1, 0)
    assert why_not(place) == NO_CERTIFICATE


def test_with_another_passphrase_nothing_is_changed(place: Place, tmp_path: Path) -> None:
    folder = BackupFolder(place.state, KeyFiles(KeySeal(b"another")))
    place.backups._folder = folder
    with pytest.raises(SealedKeyError, match="another passphrase"):
        place.restore()
    assert [one.hash_string for one in place.node.control.torrents()] == [place.hash]
    assert place.restore(passphrase="of the daemon").keys == 2


def test_the_newest_revocation_list_is_in_force(place: Place) -> None:
    ca, lists = authority(), place.node.session.tls.revoking.lists
    serial = read_certificate(of_everybody().certificate).serial_number

    def made(number: int, *serials: int) -> Any:
        return make_list(ca.certificate, ca.key, dict.fromkeys(serials, 5), number=number, now=NOW)

    files = RevocationFiles(str(place.old))
    files.save(ca_id(ca.certificate), ca.pem + made(3, serial).pem())
    found = place.restore()
    in_force = lists.of(ca.certificate)
    assert in_force is not None
    assert (in_force.number, set(in_force.revoked)) == (3, {serial})
    assert "revoked" in why_not(place) or found.problems
    # One that is newer here is not put back.
    lists.adopt(made(5, serial, 7), ca.certificate, "a peer")
    place.restore()
    in_force = lists.of(ca.certificate)
    assert in_force is not None
    assert in_force.number == 5


def test_what_is_wrong_is_said_and_the_rest_comes(place: Place) -> None:
    store = SwarmCaStore(f"{place.state}/swarm-ca", KEYS)
    store.create("films", 365, Limits(), NOW)
    found = place.restore()
    assert found.keys == 1
    assert found.problems == ("the CA films: there is a CA called 'films' already",)
    assert why_not(place) == ""
