"""Torrents in the making: what may be named, how far they are, what ends them, what is kept."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest

from p2pd.base.errors import P2pdError, StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.creator import CreationOptions
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.creating import creation_tasks
from p2pd.session.creating.creation_api import CreateTorrent, TaskState, TaskView
from p2pd.session.creating.creation_tasks import CreationTasks, place_of
from p2pd.session.importing.import_requests import ImportedTorrent, ImportTorrent
from p2pd.session.session_parts import SessionLimits
from p2pd.storage import torrent_creator
from p2pd.testing import MemoryNetwork, SimNode

OPTIONS = CreationOptions(piece_length=16 * 1024)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    (folder / "film" / "extras").mkdir(parents=True)
    (folder / "film" / "a.bin").write_bytes(b"a" * 100_000)
    (folder / "film" / "extras" / "b.bin").write_bytes(b"b" * 5)
    return folder


class Maker:
    """The tasks of a node whose downloads are real files."""

    def __init__(self, network: MemoryNetwork, downloads: Path) -> None:
        self.node = SimNode(network, "10.0.0.1", limits=SessionLimits(check_workers=2))
        settings = self.node.session.settings
        settings.download_dir = str(downloads)
        settings.fixed = {"content_folders": [str(downloads), str(downloads.parent / "more")]}
        settings.private_folder = str(downloads / "state")
        self.taken: list[ImportTorrent] = []
        self.refusal: P2pdError | None = None
        self.tasks = CreationTasks(self.node.session, self._take_in)

    async def _take_in(self, request: ImportTorrent) -> ImportedTorrent:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(request)
        return ImportedTorrent(42, "film", "00")

    def begin(self, path: Path, **more: Any) -> int:
        options = more.pop("options", OPTIONS)
        return self.node.network.result(
            self.tasks.create(CreateTorrent(str(path), options, **more))
        )

    def view(self, number: int) -> TaskView:
        return next(task for task in self.tasks.tasks() if task.id == number)

    def make(self, path: Path, **more: Any) -> TaskView:
        number = self.begin(path, **more)
        self.node.network.run_until(lambda: self.view(number).state not in creation_tasks.UNDER_WAY)
        return self.view(number)


@pytest.fixture
def maker(network: MemoryNetwork, downloads: Path) -> Maker:
    return Maker(network, downloads)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_folder_becomes_a_torrent(maker: Maker, downloads: Path, version: Any) -> None:
    options = replace(OPTIONS, version=version, comment="words", trackers=(("http://t.test/a",),))
    task = maker.make(downloads / "film", options=options)
    assert task.state is TaskState.DONE
    assert (task.done, task.total, task.seconds_left, task.problem) == (100_005, 100_005, 0, "")
    assert task.created is not None
    found = parse_torrent(task.created.torrent)
    assert found.name == task.created.name == "film"
    assert found.comment == "words"
    assert found.info_hashes.hash_string == task.created.hash_string
    assert "tr=http" in task.created.magnet_link
    assert task.torrent_id is None
    assert maker.taken == []


def test_it_is_added_with_all_its_pieces(maker: Maker, downloads: Path) -> None:
    task = maker.make(downloads / "film" / "a.bin", add=True, labels=("mine",), paused=True)
    assert task.torrent_id == 42
    (request,) = maker.taken
    assert request.add.download_dir == str(downloads / "film")
    assert request.add.labels == ("mine",)
    assert request.add.paused
    assert request.pieces == PieceSet.full(7).to_bitfield()
    assert request.changed_before == int(maker.node.session.wall())


def test_what_cannot_be_added_is_still_made(maker: Maker, downloads: Path) -> None:
    maker.refusal = P2pdError("too many adds")
    task = maker.make(downloads / "film", add=True)
    assert task.state is TaskState.FAILED
    assert task.problem == "too many adds"
    assert task.created is not None


def test_other_folders_with_content_are_allowed(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x").write_bytes(b"x")
    assert maker.make(tmp_path / "more" / "x").state is TaskState.DONE
    maker.node.session.settings.fixed = {"content_folders": [str(tmp_path / "downloads")]}
    with pytest.raises(StorageError, match=r"not in storage\.download_dir"):
        maker.begin(tmp_path / "more" / "x")


def outside(downloads: Path) -> Path:
    secret = downloads.parent / "secret"
    secret.write_bytes(b"secret")
    return secret


def link(at: Path, to: Path) -> Path:
    at.symlink_to(to)
    return at


def state(downloads: Path) -> Path:
    (downloads / "state").mkdir()
    (downloads / "state" / "token").write_bytes(b"secret")
    return downloads / "state"


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "outside": (outside, "not in storage"),
    "dots": (lambda d: outside(d) and d / "film" / ".." / ".." / "secret", "not in storage"),
    "the folder": (lambda d: d, "not all of it"),
    "a link": (lambda d: link(d / "way", outside(d)), "is a link"),
    "a link on the way": (lambda d: link(d / "way", d.parent) / outside(d).name, "is a link"),
    "a link within": (lambda d: link(d / "way", d / "film"), "is a link"),
    "the state": (lambda d: state(d), "what the daemon keeps"),
    "what is in the state": (lambda d: state(d) / "token", "what the daemon keeps"),
    "nothing": (lambda d: d / "nothing", "No such file"),
    "a file's child": (lambda d: d / "film" / "a.bin" / "x", "Not a directory"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_named_is_refused(maker: Maker, downloads: Path, name: str) -> None:
    path, words = REFUSED[name]
    with pytest.raises(StorageError, match=words):
        maker.begin(path(downloads))
    assert maker.tasks.tasks() == []


def test_a_download_folder_may_itself_be_a_link(downloads: Path, tmp_path: Path) -> None:
    alias = link(tmp_path / "alias", downloads)
    expected = str(downloads / "film"), os.stat(downloads).st_dev
    assert place_of(str(alias / "film"), [str(alias)]) == expected
    assert place_of(str(downloads / "film"), [str(alias)]) == expected


def failure(maker: Maker, path: Path, **more: Any) -> str:
    task = maker.make(path, **more)
    assert task.state is TaskState.FAILED
    assert task.created is None
    return task.problem


def test_what_no_torrent_can_be_made_of_fails_in_words(
    maker: Maker, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (downloads / "empty").mkdir()
    assert "no files" in failure(maker, downloads / "empty")
    (downloads / "empty" / "nothing").touch()
    assert "no file holds any data" in failure(maker, downloads / "empty")
    link(downloads / "film" / "link", downloads)
    assert "is a link" in failure(maker, downloads / "film")
    (downloads / "film" / "link").unlink()
    os.mkfifo(downloads / "pipe")
    assert "neither a file nor a folder" in failure(maker, downloads / "pipe")
    options = replace(OPTIONS, piece_length=12345)
    assert "power of two" in failure(maker, downloads / "film", options=options)
    monkeypatch.setattr(torrent_creator, "MAX_FILES", 1)
    assert "more than 1 f" in failure(maker, downloads / "film")


def test_a_file_that_changes_meanwhile_fails(
    maker: Maker, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_all = torrent_creator._hash_all

    def changing(*args: Any) -> Any:
        hashes = hash_all(*args)
        os.utime(downloads / "film" / "a.bin", (1, 1))
        return hashes

    monkeypatch.setattr(torrent_creator, "_hash_all", changing)
    assert "changed while it was read" in failure(maker, downloads / "film")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Holds up whoever hashes until it is set."""
    event = threading.Event()
    create = creation_tasks.create_torrent

    def slowly(*args: Any, progress: Any, **more: Any) -> bytes:
        event.wait(10)
        progress(1, 2)
        return create(*args, progress=progress, **more)

    monkeypatch.setattr(creation_tasks, "create_torrent", slowly)
    return event


def test_one_that_waits_is_cancelled_at_once(
    maker: Maker, downloads: Path, held: threading.Event
) -> None:
    held.set()
    first, second = (maker.begin(downloads / "film") for _ in range(2))
    assert maker.tasks.cancel(second)
    assert maker.view(second).state is TaskState.CANCELLED
    assert maker.tasks.cancel(second)
    assert [task.id for task in maker.tasks.tasks()] == [first]
    assert not maker.tasks.cancel(second)
    assert not maker.tasks.cancel(99)


def test_one_that_is_hashed_is_cancelled_soon(
    maker: Maker, downloads: Path, held: threading.Event
) -> None:
    number = maker.begin(downloads / "film")
    assert maker.view(number).state in (TaskState.HASHING, TaskState.WAITING)
    maker.tasks.cancel(number)
    held.set()
    maker.node.network.run(1)
    task = maker.view(number)
    assert task.state is TaskState.CANCELLED
    assert task.created is None
    assert task.problem == ""


def test_tasks_are_bounded(maker: Maker, downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation_tasks, "MOST_TASKS", 2)
    monkeypatch.setattr(creation_tasks, "MOST_KEPT", 3)
    for _ in range(2):
        maker.begin(downloads / "film")
    with pytest.raises(P2pdError, match="2 torrents are being made already"):
        maker.begin(downloads / "film")
    maker.node.network.run(1)
    for _ in range(5):
        maker.make(downloads / "film")
    assert [task.id for task in maker.tasks.tasks()] == [5, 6, 7]
    size = len(maker.tasks.tasks()[0].created.torrent)  # type: ignore[union-attr]
    monkeypatch.setattr(creation_tasks, "KEPT_BYTES", 2 * size)
    maker.make(downloads / "film")
    assert [task.id for task in maker.tasks.tasks()] == [7, 8]
