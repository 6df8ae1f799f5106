"""What a kill leaves of files that are being written goes at the next start, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from p2pd.base.address_ranges import AddressRanges
from p2pd.base.errors import StateError
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.service.control_token import load_token
from p2pd.service.port_mapping import _made as nat_secret_made
from p2pd.state import backups as backups_module
from p2pd.state.backups import BackupFolder
from p2pd.state.blocklist_file import BlocklistFile, BlocklistNote
from p2pd.state.kept_torrents import KeptTorrents
from p2pd.state.key_files import KeyFiles
from p2pd.state.leftovers import remove_leftovers
from p2pd.state.node_key import NodeKeyFile
from p2pd.state.rebuilding import rebuild
from p2pd.state.revocation_files import RevocationFiles
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.enrolled import Enrolled, EnrolledStore
from p2pd.state.swarm_ca.folder import SwarmCaFolder, Wanted
from p2pd.state.swarm_ca.revoking import renew_list
from p2pd.state.swarm_ca.store import SwarmCaStore
from p2pd.state.torrent_keys import KeptCertificate, TorrentKeys
from tests.state.damaged import filled, torrent_record

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = swarm_ca.new_key()
KEY_PEM = private_key_pem(KEY)
CA, CA_KEY = swarm_ca.new_ca("films", 100, NOW)
PEER = swarm_ca.issue(CA, CA_KEY, KEY.public_key(), ("*",), 1, NOW)


class KilledError(BaseException):
    """Nothing that is written in here clears up after itself then."""


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def certificate_saved(state: str) -> None:
    kept = KeptCertificate(certificate_pem(CA), "film", certificate_pem(PEER), KEY_PEM)
    TorrentKeys(state, KeyFiles()).save("ab" * 20, kept)


def enrolled_saved(state: str) -> None:
    enrolled = Enrolled("cd" * 8, certificate_pem(PEER), certificate_pem(CA))
    EnrolledStore(state).save(enrolled, KEY_PEM)
    EnrolledStore(state).note(enrolled)


def key_rotated(state: str) -> None:
    keeper = NodeKeyFile(state, KeyFiles())
    keeper.rotate(keeper.load(), succession=True)


def lists_saved(state: str) -> None:
    files = RevocationFiles(state)
    files.save(b"\1" * 32, "a list")
    files.save_told({"a": (1, 2)})
    files.save_unneeded({b"\1" * 32: 1})


def torrent_kept(state: str) -> None:
    kept = KeptTorrents(state)
    kept.make()
    kept.write(torrent_record(1), metainfo=True)


def database_rebuilt(state: str) -> None:
    kept = KeptTorrents(state)
    kept.make()
    path = os.path.join(state, "state.db")
    Path(path).touch()
    rebuild(path, kept, "/", "it is empty", "20260501-120000")


WRITERS: dict[str, tuple[Callable[[str], object], int]] = {
    "control token": (load_token, 1),
    "secret of port mappings": (
        lambda state: nat_secret_made(os.path.join(state, "nat-secret")), 1
    ),
    "node key": (key_rotated, 3),
    "blocklist": (
        lambda state: BlocklistFile(state).save(AddressRanges(), BlocklistNote()), 2
    ),
    "certificate of a torrent": (certificate_saved, 2),
    "certificate of the node": (enrolled_saved, 3),
    "revocations": (lists_saved, 3),
    "torrent": (torrent_kept, 2),
    "database set aside": (database_rebuilt, 1),
}  # fmt: skip
"""Who writes in a state folder, and how many files."""


@pytest.mark.parametrize(
    ("what", "nth"), [(what, nth) for what, (_, most) in WRITERS.items() for nth in range(most)]
)
def test_of_a_file_that_a_kill_cut_off_nothing_is_left(
    what: str, nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, replace = [0], os.replace

    def killed(new: str, path: str) -> None:
        if whole[0] == nth:
            raise KilledError
        whole[0] += 1
        replace(new, path)

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KilledError):
        WRITERS[what][0](str(tmp_path))
    left = {each for each in files_below(tmp_path) if each.endswith(".new")}
    assert len(left) == 1
    before = files_below(tmp_path)
    assert remove_leftovers(str(tmp_path)) == [str(tmp_path / each) for each in left]
    assert files_below(tmp_path) == before - left


def test_of_a_backup_that_a_kill_cut_off_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    filled(state, [torrent_record(1)])
    (state / "backups").mkdir()
    replace, seen = os.replace, list[str]()

    def noted(new: str, path: str) -> None:
        seen.extend(os.listdir(state / "backups"))
        replace(new, path)

    monkeypatch.setattr(backups_module.os, "replace", noted)
    BackupFolder(str(state)).make(1_700_000_000.0, "passphrase")
    sizes = {
        each: (state / "backups" / each).stat().st_size for each in os.listdir(state / "backups")
    }
    assert set(seen) == {"making.db", "making.keys", "p2pd-20231114-221320.tar.new"}
    seen += ["restoring.db", "restoring.db-journal", "restoring.db-wal", "restoring.keys"]
    for name in seen:
        (state / "backups" / name).touch()
    assert len(remove_leftovers(str(state))) == len(seen)
    assert {
        each: (state / "backups" / each).stat().st_size for each in os.listdir(state / "backups")
    } == sizes


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    for path in (
        "state.db.new", "notes.new", "my.key.new", "anode.key.new", "node.key.new.new",
        f"torrents/{'ab' * 20}.json", "torrents/a.torrent.new", f"xtorrents/{'ab' * 20}.json.new",
        "tls/mine/torrent.json.new", f"tls/{'ab' * 20}/other.key.new",
        "enrolled/about.json.new", "backups/mine.tar.new", "backups/making.dbx",
        "revocations/a.pem.new", "damaged/state-20260501-120000.db", "elsewhere",
    ):  # fmt: skip
        place = tmp_path / path
        place.parent.mkdir(exist_ok=True, parents=True)
        place.touch()
    (tmp_path / "node.key.new").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "control-token.new").mkdir()
    there = files_below(tmp_path)
    assert remove_leftovers(str(tmp_path)) == []
    assert files_below(tmp_path) == there
    assert (tmp_path / "control-token.new").is_dir()


def test_where_nothing_was_written_yet_nothing_is_removed(tmp_path: Path) -> None:
    assert remove_leftovers(str(tmp_path / "none")) == []
    assert SwarmCaStore(str(tmp_path / "none")).remove_leftovers() == []


def test_what_cannot_be_removed_keeps_nobody_from_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "node.key.new").touch()
    monkeypatch.setattr("os.unlink", refuse)
    assert remove_leftovers(str(tmp_path)) == []


# -- CAs ------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> SwarmCaStore:
    return SwarmCaStore(str(tmp_path / "swarm-ca"))


def unfinished(
    store: SwarmCaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "films"
) -> Path:
    """What there is right before a new CA has its name."""
    rename, kept = os.rename, tmp_path / "kept"

    def noted(old: str, new: str) -> None:
        shutil.copytree(old, kept)
        rename(old, new)

    monkeypatch.setattr("os.rename", noted)
    store.create(name, 100, Limits(), NOW)
    monkeypatch.undo()
    place = Path(store.root) / f".{name}.0123abcd"
    kept.rename(place)
    return place


def test_of_a_ca_whose_making_a_kill_cut_off_nothing_is_left(
    store: SwarmCaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = unfinished(store, tmp_path, monkeypatch)
    (place / "book.json.new").touch()
    assert store.remove_leftovers() == [str(place)]
    assert os.listdir(store.root) == ["films"]
    assert store.authority("films").key()


def test_a_ca_that_is_being_made_is_not_taken_for_left_behind(
    store: SwarmCaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, removed = os.rename, list[list[str]]()

    def meanwhile(old: str, new: str) -> None:
        removed.append(store.remove_leftovers())
        rename(old, new)

    monkeypatch.setattr("os.rename", meanwhile)
    store.create("films", 100, Limits(), NOW)
    assert removed == [[]]
    assert store.names() == ["films"]


def test_a_folder_with_something_else_in_it_stays(
    store: SwarmCaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = unfinished(store, tmp_path, monkeypatch)
    (place / "notes.txt").touch()
    for name in (".films", ".films.0123ABCD", ".films.0123abcde", "films.0123abcd"):
        (Path(store.root) / name).mkdir()
    there = sorted(os.listdir(store.root))
    assert store.remove_leftovers() == []
    assert sorted(os.listdir(store.root)) == there


def test_a_link_called_like_a_ca_that_is_made_stays(store: SwarmCaStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ca.key").touch()
    os.mkdir(store.root)
    os.symlink(elsewhere, os.path.join(store.root, ".films.0123abcd"))
    assert store.remove_leftovers() == []
    assert (elsewhere / "ca.key").exists()


def ca_used(folder: SwarmCaFolder) -> None:
    with folder.changing() as book:
        folder.issue(book, KEY.public_key(), Wanted(("*",)), NOW)
    renew_list(folder, NOW)


@pytest.mark.parametrize("nth", range(4))
def test_of_a_file_of_a_ca_that_a_kill_cut_off_nothing_is_left(
    nth: int, store: SwarmCaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.create("films", 100, Limits(), NOW)
    whole, replace = [0], os.replace

    def killed(new: str, path: str) -> None:
        if whole[0] == nth:
            raise KilledError
        whole[0] += 1
        replace(new, path)

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KilledError):
        ca_used(folder)
    left = [str(path) for path in Path(store.root).rglob("*.new")]
    assert len(left) == 1
    mine = Path(folder.path, "mine.new")
    mine.touch()
    assert store.remove_leftovers() == left
    assert [str(path) for path in Path(store.root).rglob("*.new")] == [str(mine)]


def test_a_ca_that_another_program_uses_is_left_alone(store: SwarmCaStore) -> None:
    folder = store.create("films", 100, Limits(), NOW)
    new = Path(folder.path, "book.json.new")
    new.touch()
    busy = SwarmCaStore(store.root)
    busy._folder = lambda name: SwarmCaFolder(folder.path, sleep=lambda seconds: None)  # type: ignore[method-assign]
    with folder.changing():
        assert busy.remove_leftovers() == []
        assert new.exists()
    assert store.remove_leftovers() == []  # it became the book
    assert not new.exists()


def test_a_folder_of_cas_that_cannot_be_read_is_told_of(store: SwarmCaStore) -> None:
    Path(store.root).touch()
    with pytest.raises(StateError, match="Not a directory"):
        store.remove_leftovers()
