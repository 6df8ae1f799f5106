"""CAs, certificates and keys in a backup: never in the clear, and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from p2pd.base.errors import StateError
from p2pd.formats.x509 import keys_at_rest
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.revocation import ca_id
from p2pd.state.backups import NO_PASSPHRASE, Backup, BackupFolder
from p2pd.state.key_backup import collect
from p2pd.state.key_files import KeyFiles
from p2pd.state.revocation_files import RevocationFiles
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.enrolled import Enrolled, EnrolledStore
from p2pd.state.swarm_ca.folder import Wanted
from p2pd.state.swarm_ca.issuing import issue
from p2pd.state.swarm_ca.revoking import revoke
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.torrent_keys import KeptCertificate, TorrentKeys
from tests.state.damaged import filled, torrent_record

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HASH, ID = "ab" * 20, "0123456789abcdef"
SEALED = KeyFiles(KeySeal(b"of the daemon"))


@pytest.fixture(autouse=True, scope="module")
def _cheap_scrypt() -> Iterator[None]:
    with patch.object(keys_at_rest, "SCRYPT_N", 256):
        yield


class Place:
    """A state folder with a CA, which issued two certificates, one of which it took back."""

    def __init__(self, path: Path, keys: KeyFiles) -> None:
        path.mkdir()
        filled(path, [torrent_record(1)])
        self.path, state = path, str(path)
        store = SwarmCaStore(os.path.join(state, "swarm-ca"), keys)
        folder = store.create("films", 365, Limits(), NOW)
        given = issue(folder, Wanted(("*",), 30, "bob"), None, NOW)
        ca = certificate_pem(given.ca)
        self.kept = KeptCertificate(
            ca, "film", certificate_pem(given.certificate), given.private_key
        )
        TorrentKeys(state, keys).save(HASH, self.kept)
        enrolled = Enrolled(ID, self.kept.certificate, ca, ("http://192.0.2.1:9091",))
        EnrolledStore(state, keys).save(enrolled, given.private_key)
        issue(folder, Wanted(("*",), 30, "eve"), None, NOW)
        _, made = revoke(folder, ["eve"], NOW)
        RevocationFiles(state).save(ca_id(given.ca), ca + made.pem())
        self.secrets = [given.private_key, private_key_pem(folder.key())]
        self.backups = BackupFolder(state, keys)

    def made(self, passphrase: str = "") -> tuple[Backup, bytes]:
        backup = self.backups.make(1_700_000_000.0, passphrase)
        return backup, (self.path / "backups" / backup.name).read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "state", SEALED)


def saved_by(tmp_path: Path, data: bytes, passphrase: str = "", keys: Any = None) -> Any:
    """What another daemon reads in a backup."""
    backups = BackupFolder(str(tmp_path / "other"), keys)
    backups.write("given.tar", 0, data)
    try:
        return backups.saved_keys("given.tar", passphrase)
    finally:
        assert os.listdir(backups.folder) == ["given.tar"]


def check(place: Place, saved: Any) -> None:
    assert saved.problems == []
    assert saved.count == 3
    assert saved.torrents == {HASH: place.kept}
    ((enrolled, key),) = saved.enrolled
    assert (enrolled.id, enrolled.addresses) == (ID, ("http://192.0.2.1:9091",))
    assert key == place.kept.private_key
    assert set(saved.authorities) == {"films"}
    assert {"ca.pem", "ca.key", "book.json", "revoked.pem"} < set(saved.authorities["films"])
    assert len(saved.authorities["films"]) == 6
    assert len(saved.lists) == 1


def test_all_of_it_comes_with_the_passphrase_of_the_daemon(place: Place, tmp_path: Path) -> None:
    backup, data = place.made()
    assert (backup.keys, backup.without_keys, backup.problems) == (3, "", ())
    check(place, saved_by(tmp_path, data, keys=SEALED))
    former = KeyFiles(KeySeal(b"a new one"), [KeySeal(b"of the daemon")])
    check(place, saved_by(tmp_path, data, keys=former))
    check(place, saved_by(tmp_path, data, "of the daemon"))


def test_a_passphrase_may_be_given_for_the_backup(place: Place, tmp_path: Path) -> None:
    _, data = place.made("of the backup")
    check(place, saved_by(tmp_path, data, "of the backup"))
    with pytest.raises(SealedKeyError, match="another passphrase"):
        saved_by(tmp_path, data, keys=SEALED)


def test_with_another_passphrase_or_none_it_is_said(place: Place, tmp_path: Path) -> None:
    _, data = place.made()
    with pytest.raises(SealedKeyError, match=r"the keys in the backup: .*another passphrase"):
        saved_by(tmp_path, data, "a guess")
    with pytest.raises(SealedKeyError, match="are sealed: say with which passphrase"):
        saved_by(tmp_path, data)


@pytest.mark.parametrize("keys", [KeyFiles(), SEALED])
def test_nothing_of_it_is_in_the_clear(tmp_path: Path, keys: KeyFiles) -> None:
    place = Place(tmp_path / "state", keys)
    _, data = place.made("of the backup")
    for secret in place.secrets:
        body = secret.splitlines()[1].encode()
        assert body not in data
    assert b"PRIVATE KEY" not in data
    assert sorted(os.listdir(place.path / "backups")) == ["p2pd-20231114-221320.tar"]


def test_without_a_passphrase_there_are_no_keys_and_that_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path / "state", KeyFiles())
    backup, data = place.made()
    assert (backup.keys, backup.without_keys) == (0, NO_PASSPHRASE)
    assert b"PRIVATE" not in data
    assert saved_by(tmp_path, data).count == 0


def test_who_has_no_keys_lacks_none(tmp_path: Path) -> None:
    filled(tmp_path, [torrent_record(1)])
    assert BackupFolder(str(tmp_path)).make(1_700_000_000.0).without_keys == ""


def test_what_cannot_be_opened_is_said_and_the_rest_is_there(place: Place, tmp_path: Path) -> None:
    (place.path / "swarm-ca" / "films" / "ca.key").write_bytes(b"rubbish")
    (key,) = (place.path / "tls" / HASH).glob("*.key")
    key.unlink()
    backup, data = place.made()
    assert backup.keys == 1
    assert "the CA films is not in the backup: " in backup.problems[0]
    assert len(backup.problems) == 2
    saved = saved_by(tmp_path, data, keys=SEALED)
    assert saved.count == 1
    assert len(saved.lists) == 1


def test_a_damaged_one_is_refused(place: Place, tmp_path: Path) -> None:
    _, data = place.made()
    at = data.index(b"p2pd-sealed-1") + 200
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    with pytest.raises((SealedKeyError, StateError)):
        saved_by(tmp_path, damaged, keys=SEALED)


def test_a_certificate_that_is_forgotten_meanwhile_keeps_no_ca_out(tmp_path: Path) -> None:
    place = Place(tmp_path / "old", SEALED)
    listed = os.listdir

    def with_one_more(path: Any) -> list[str]:
        gone = ["abcdef.pem"] if str(path).endswith("issued") else []
        return [*listed(path), *gone]

    with patch.object(os, "listdir", with_one_more):
        saved = collect(str(place.path), SEALED)
    assert saved.problems == []
    assert len(saved.authorities["films"]) == 6
