"""Torrents of real files and folders: hashed in threads, and every refusal in words."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from p2pd.base.errors import StorageError
from p2pd.formats.creator import CreationError, CreationOptions
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version, parse_torrent
from p2pd.storage import torrent_creator
from p2pd.storage.torrent_creator import create_torrent

KIB = 1024
SIZES = {"a/b.bin": 150 * KIB + 7, "a-b.bin": 10, "empty": 0, "z/deep/c.bin": 64 * KIB}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size in SIZES.items():
        path = tmp_path / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
    return tmp_path / "content"


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_folder_becomes_a_torrent_that_libtorrent_loads(
    folder: Path, version: Version, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lt: ModuleType = pytest.importorskip("libtorrent")
    monkeypatch.setattr(torrent_creator, "BATCH_BYTES", 48 * KIB)
    told: list[tuple[int, int]] = []
    data = create_torrent(
        str(folder),
        CreationOptions(version=version, piece_length=16 * KIB),
        workers=workers,
        progress=lambda done, total: told.append((done, total)),
    )
    found = parse_torrent(data)
    assert found.version == version
    assert {"/".join(f.path): f.length for f in found.files if not f.pad} == SIZES
    total = sum(SIZES.values())
    assert told[-1] == (total, total)
    assert told == sorted(set(told))
    assert len(told) > 3
    theirs: Any = lt.torrent_info(lt.bdecode(data))
    hashes = theirs.info_hashes()
    assert found.info_hashes.v1 == (hashes.v1.to_bytes() if hashes.has_v1() else None)
    assert found.info_hashes.v2 == (hashes.v2.to_bytes() if hashes.has_v2() else None)


def test_pieces_are_hashed_from_the_files_in_order(folder: Path) -> None:
    found = parse_torrent(create_torrent(str(folder), CreationOptions(piece_length=32 * KIB)))
    whole = b"".join(
        (folder / name).read_bytes() for name in ("a/b.bin", "a-b.bin", "z/deep/c.bin")
    )
    pieces = [sha1(whole[at : at + 32 * KIB]).digest() for at in range(0, len(whole), 32 * KIB)]
    assert found.piece_hashes == b"".join(pieces)
    assert FileLayout.of(found).files[0].path == ("content", "a", "b.bin")


def test_a_single_file_and_a_link_to_it(folder: Path) -> None:
    direct = parse_torrent(create_torrent(str(folder / "a-b.bin")))
    assert (direct.single_file, direct.name, direct.total_length) == (True, "a-b.bin", 10)
    (folder / "link").symlink_to(folder / "a-b.bin")
    linked = parse_torrent(create_torrent(str(folder / "link")))
    assert (linked.name, linked.piece_hashes) == ("link", direct.piece_hashes)


def test_links_and_special_files_in_a_folder_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    before = create_torrent(str(folder))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    assert create_torrent(str(folder)) == before


def test_executable_files_are_marked(folder: Path) -> None:
    (folder / "a-b.bin").chmod(0o755)
    files = parse_torrent(create_torrent(str(folder))).files
    assert [file.path for file in files if file.executable] == [("a-b.bin",)]


def test_what_cannot_be_shared_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow" / "nothing").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, words in [("gone", "cannot read"), ("empty", "no files"), ("pipe", "neither a file")]:
        with pytest.raises(StorageError, match=words):
            create_torrent(str(tmp_path / name))
    with pytest.raises(CreationError, match="nothing to share"):
        create_torrent(str(tmp_path / "hollow"))
    with pytest.raises(StorageError, match="root of the file system"):
        create_torrent("/")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_bytes(b"x"), "shorter|changed"),
        (lambda path: path.write_bytes(bytes(200 * KIB)), "shorter|changed"),
        (lambda path: os.utime(path, (1, 1)), "changed"),
        (lambda path: path.unlink(), "cannot read"),
    ],
)
def test_a_file_that_changes_meanwhile_is_noticed(
    folder: Path,
    change: Callable[[Path], object],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torrent_creator, "BATCH_BYTES", 16 * KIB)
    changed: list[object] = []

    def progress(done: int, total: int) -> None:
        if not changed:
            changed.append(change(folder / "a/b.bin"))

    with pytest.raises(StorageError, match=words):
        create_torrent(
            str(folder), CreationOptions(piece_length=16 * KIB), workers=1, progress=progress
        )


def test_progress_can_end_the_work(folder: Path) -> None:
    def progress(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_torrent(str(folder), progress=progress)


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    path = deep
    for _ in range(101):
        path = path / "d"
    path.mkdir(parents=True)
    with pytest.raises(StorageError, match="nested deeper"):
        create_torrent(str(deep))
