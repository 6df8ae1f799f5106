"""CAs come back from a backup as they were, and whoever was revoked stays so."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.formats.x509.keys_at_rest import KeySeal, is_sealed
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.state.key_backup import collect
from p2pd.state.key_files import KeyFiles
from p2pd.state.swarm_ca.book import Limits, book_json, read_book
from p2pd.state.swarm_ca.folder import Wanted, issued_name
from p2pd.state.swarm_ca.issuing import TokenWish, issue, make_token
from p2pd.state.swarm_ca.restoring import RestoredAuthority, restore_authority
from p2pd.state.swarm_ca.revoking import current_list, revoke
from p2pd.state.swarm_ca.store import SwarmCaStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=2)


class World:
    """A store with the CA `films`, and files of it as a backup has them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SwarmCaStore(str(path / "swarm-ca"))
        self.folder = self.store.create("films", 365, Limits(), NOW)
        self.bob, self.eve = self.issue("bob"), self.issue("eve")
        wish = TokenWish(("http://192.0.2.1:9091",), ("*",))
        make_token(self.folder, wish, NOW)

    def issue(self, label: str) -> int:
        given = issue(self.folder, Wanted(("*",), 30, label), None, NOW)
        return given.certificate.serial_number

    def saved(self) -> dict[str, bytes]:
        return collect(str(self.path), KeyFiles()).authorities["films"]


def restored(
    path: Path, files: dict[str, bytes], in_force: Any = None, keys: KeyFiles | None = None
) -> tuple[RestoredAuthority, SwarmCaStore]:
    keys = keys or KeyFiles()
    store = SwarmCaStore(str(path / "swarm-ca"), keys)
    return restore_authority(store, keys, "films", files, lambda _: in_force, LATER), store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "old")


def test_on_an_empty_disk_it_is_as_it_was_for_its_owner_alone(world: World, tmp_path: Path) -> None:
    keys = KeyFiles(KeySeal(b"of the new daemon"))
    found, store = restored(tmp_path / "new", world.saved(), keys=keys)
    assert (found.is_new, found.made) == (True, None)
    folder = store.authority("films")
    assert folder.certificate() == world.folder.certificate()
    assert set(folder.book().issued) == {world.bob, world.eve}
    with folder.changing() as book:
        assert folder.renewed(book, world.bob, None, LATER)
    key = Path(folder.path) / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert is_sealed(key.read_bytes())
    assert Path(folder.path).stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(store.root)) == ["films"]


def test_tokens_do_not_come_back(world: World, tmp_path: Path) -> None:
    _, store = restored(tmp_path / "new", world.saved())
    assert store.authority("films").book().tokens == {}


def test_who_was_revoked_before_the_backup_is_so_after_it(world: World, tmp_path: Path) -> None:
    _, before = revoke(world.folder, ["eve"], NOW)
    found, store = restored(tmp_path / "new", world.saved())
    assert found.made is not None
    assert found.made.newer_than(before)
    assert set(found.made.revoked) == {world.eve}
    assert current_list(store.authority("films")) == found.made


def test_who_was_revoked_since_the_backup_stays_so(world: World, tmp_path: Path) -> None:
    files = world.saved()
    _, newest = revoke(world.folder, ["eve"], NOW)
    found, store = restored(tmp_path / "new", files, newest)
    assert found.made is not None
    assert found.made.newer_than(newest)
    assert set(found.made.revoked) == {world.eve}
    folder = store.authority("films")
    with pytest.raises(SwarmCaError, match="is revoked"), folder.changing() as book:
        folder.renewed(book, world.eve, None, LATER)


def test_beside_the_same_ca_what_both_took_back_stays_so(world: World) -> None:
    revoke(world.folder, ["bob"], NOW)
    files = world.saved()
    _, _ = revoke(world.folder, ["eve"], NOW)
    later = world.issue("later")
    found, store = restored(world.path, files)
    assert not found.is_new
    assert found.made is not None
    assert set(found.made.revoked) == {world.bob, world.eve}
    book = store.authority("films").book()
    assert {world.bob, world.eve, later} == set(book.issued)
    assert len(book.tokens) == 1  # those that are here are here


def test_an_older_backup_teaches_the_ca_here_what_it_lost(world: World, tmp_path: Path) -> None:
    _, restored_store = restored(tmp_path / "new", world.saved())
    folder = restored_store.authority("films")
    revoke(folder, ["bob"], NOW)
    found, _ = restored(world.path, collect(str(tmp_path / "new"), KeyFiles()).authorities["films"])
    assert found.made is not None
    assert set(found.made.revoked) == {world.bob}


def test_what_a_copy_of_it_issued_is_renewed_by_the_ca_here(world: World, tmp_path: Path) -> None:
    _, store = restored(tmp_path / "new", world.saved())
    later = world.issue("later")
    restored(tmp_path / "new", world.saved())
    folder = store.authority("films")
    assert folder.issued(later) == world.folder.issued(later)
    with folder.changing() as book:
        assert folder.renewed(book, later, None, LATER)


@pytest.mark.parametrize("is_new", [True, False])
def test_for_many_certificates_the_disk_is_waited_for_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    files = world.saved()
    book = read_book(files["book.json"])
    pem = files[issued_name(world.bob)]
    for serial in range(1, 201):
        book.issued[serial] = replace(book.issued[world.bob], serial=serial)
        files[issued_name(serial)] = pem
    files["book.json"] = book_json(book)
    syncs, fsync = list[int](), os.fsync
    monkeypatch.setattr("os.fsync", lambda file: (syncs.append(file), fsync(file)))
    path = tmp_path / "new" if is_new else world.path
    found, store = restored(path, files)
    assert found.is_new is is_new
    assert len(syncs) < 20
    folder = store.authority("films")
    assert set(folder.book().issued) == {*range(1, 201), world.bob, world.eve}
    for serial in range(1, 201):
        assert Path(folder.path, issued_name(serial)).read_bytes() == pem
    assert not list(Path(store.root).rglob("*.new"))


def test_another_ca_of_that_name_stays(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    with pytest.raises(P2pdError, match="there is a CA called 'films' already"):
        restored(tmp_path / "other", world.saved())
    assert other.store.authority("films").certificate() == other.folder.certificate()


@pytest.mark.parametrize("lacking", ["ca.pem", "ca.key", "book.json"])
@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_what_is_not_whole_leaves_nothing(
    world: World, tmp_path: Path, lacking: str, content: bytes | None
) -> None:
    files = world.saved()
    del files[lacking]
    if content is not None:
        files[lacking] = content
    with pytest.raises(P2pdError):
        restored(tmp_path / "new", files)
    assert not (tmp_path / "new").exists()


def test_the_key_of_another_ca_is_refused(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    files = {**world.saved(), "ca.key": other.saved()["ca.key"]}
    with pytest.raises(SwarmCaError, match="is that of another"):
        restored(tmp_path / "new", files)
