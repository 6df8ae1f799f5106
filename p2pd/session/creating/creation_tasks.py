"""Makes torrents of what is here, one after the other on each disk, as re-checks are done.

What a client names has to lie below the download folder, or another one, of the configuration,
with no link on the way or in it: else a client could have anything shared that the daemon may read.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Callable, Sequence

from p2pd.base.errors import P2pdError, StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.magnet import Magnet
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.creating.creation_api import (
    CreatedTorrent,
    CreateTorrent,
    TakeIn,
    TaskState,
    TaskView,
)
from p2pd.session.disks.check_queue import HashingJob
from p2pd.session.disks.devices import in_time
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.session import Session
from p2pd.session.torrents.torrent_requests import AddTorrent
from p2pd.storage.torrent_creator import create_torrent

MOST_TASKS = 20
"""Under way at a time."""

MOST_KEPT = 50
KEPT_BYTES = 64 * 1024 * 1024
"""Of tasks that are over, and of their torrents: what is older is forgotten."""

ANSWER_SECONDS = 5.0
"""What a disk has to say where a path leads."""

UNDER_WAY = frozenset({TaskState.WAITING, TaskState.HASHING, TaskState.ADDING})


class CreationJob(HashingJob):
    """Hashes a file or a folder in the threads of checks."""

    def __init__(self, request: CreateTorrent, path: str) -> None:
        super().__init__()
        self.request = request
        self.path = path
        self.began_at = 0.0
        self.done_bytes = self.total_bytes = 0

    def run(self, workers: Callable[[], int], now: Callable[[], float]) -> bytes:
        """In a thread of its own: the .torrent file. Raises P2pdError."""

        def count(done: int, total: int) -> None:
            if self.stopped:
                raise StorageError("it was cancelled")
            self.done_bytes, self.total_bytes = done, total
            self.progress = done / total if total else 1.0
            self.moved_at = now()

        self.began_at = self.moved_at
        return create_torrent(
            self.path,
            self.request.options,
            workers=max(1, workers()),
            progress=count,
            leave_out_links=False,
        )

    def rate(self) -> float:
        """Bytes per second, since it began."""
        passed = self.moved_at - self.began_at
        return self.done_bytes / passed if passed > 0 else 0.0


@dataclass(slots=True)
class _Task:
    number: int
    job: CreationJob
    began_at: float
    state: TaskState = TaskState.WAITING
    problem: str = ""
    created: CreatedTorrent | None = None
    torrent_id: int | None = None


class CreationTasks:
    """The tasks of a session; `take_in` adds what was made."""

    def __init__(self, session: Session, take_in: TakeIn) -> None:
        self._session = session
        self._take_in = take_in
        self._tasks: dict[int, _Task] = {}
        self._numbers = itertools.count(1)

    async def create(self, request: CreateTorrent) -> int:
        """Begin; the number of the task. Raises P2pdError."""
        self._refuse_more()
        path, device = await self._place(request.path)
        self._refuse_more()
        job = CreationJob(request, path)
        task = _Task(next(self._numbers), job, self._session.wall())
        self._tasks[task.number] = task
        self._session.checks.add(device, job)
        self._session.background(self._follow(task), f"a torrent of {path}")
        return task.number

    def tasks(self) -> list[TaskView]:
        """All that are under way, and the latest that are over."""
        return [self._view(task) for task in self._tasks.values()]

    def cancel(self, number: int) -> bool:
        """End a task, or forget one that is over; whether there was one."""
        task = self._tasks.get(number)
        if task is None:
            return False
        if task.state is TaskState.WAITING:
            task.state = TaskState.CANCELLED
            task.job.stop()
        elif task.state not in UNDER_WAY:
            del self._tasks[number]
        return True

    def _refuse_more(self) -> None:
        if sum(task.state in UNDER_WAY for task in self._tasks.values()) >= MOST_TASKS:
            raise P2pdError(f"{MOST_TASKS} torrents are being made already: wait for one")

    async def _place(self, path: str) -> tuple[str, int]:
        session = self._session
        settings = session.settings
        folders, private = settings.fixed.get("content_folders", ()), settings.private_folder
        asked = session.disks.ask(("content", path), lambda: place_of(path, folders, private))
        return await in_time(asked, ANSWER_SECONDS, session.clock)

    async def _follow(self, task: _Task) -> None:
        began = self._session.wall()
        try:
            data: bytes | None = await task.job.done
            if data is None:
                task.state = TaskState.CANCELLED
                return
            aside = self._session.disks.aside
            created, pieces = await aside.run("read", _described, data)
            if task.state is TaskState.CANCELLED:
                return
            task.created = created
            if task.job.request.add:
                task.state = TaskState.ADDING
                await self._add(task, data, pieces, began)
            task.state = TaskState.DONE
        except P2pdError as problem:
            task.problem = str(problem)
            task.state = TaskState.FAILED
        except Exception as problem:
            task.problem = f"internal error: {problem}"
            task.state = TaskState.FAILED
            raise
        finally:
            self._forget_old()

    async def _add(self, task: _Task, data: bytes, pieces: bytes, began: float) -> None:
        """Seed it: files that nobody changed since it began were just hashed."""
        request = task.job.request
        add = AddTorrent(
            torrent=data,
            download_dir=os.path.dirname(task.job.path),
            paused=request.paused,
            labels=request.labels,
        )
        asked = ImportTorrent(add, pieces=pieces, changed_before=int(began))
        task.torrent_id = (await (request.take_in or self._take_in)(asked)).id

    def _forget_old(self) -> None:
        over = [task for task in self._tasks.values() if task.state not in UNDER_WAY]
        size = 0
        for count, task in enumerate(reversed(over), 1):
            size += len(task.created.torrent) if task.created is not None else 0
            if count > MOST_KEPT or (size > KEPT_BYTES and count > 1):
                del self._tasks[task.number]

    def _view(self, task: _Task) -> TaskView:
        job, state = task.job, task.state
        if state is TaskState.WAITING and job.running:
            state = TaskState.HASHING
        rate = job.rate() if state is TaskState.HASHING else 0.0
        left = int((job.total_bytes - job.done_bytes) / rate) if rate else -1
        return TaskView(
            id=task.number,
            path=job.path,
            state=state,
            problem=task.problem,
            began_at=task.began_at,
            done=job.done_bytes,
            total=job.total_bytes,
            rate=rate,
            seconds_left=0 if state not in UNDER_WAY else left,
            created=task.created,
            torrent_id=task.torrent_id,
        )


def place_of(path: str, folders: Sequence[str], private: str = "") -> tuple[str, int]:
    """In a thread: the path without links before the folder that it is in, and its device.

    What is in the `private` folder, or has that in it, is nobody's content.

    Raises StorageError with what is wrong with it.
    """
    path = os.path.normpath(path)
    for folder in folders:
        root = os.path.realpath(folder)
        for begin in (os.path.normpath(folder), root):
            if path == begin:
                raise StorageError(f"{path}: name something in this folder, not all of it")
            if path.startswith(begin.rstrip("/") + "/"):
                return _below(root, os.path.relpath(path, begin), private)
    raise StorageError(
        f"{path} is not in storage.download_dir, nor in one of storage.content_folders"
    )


def _below(root: str, rest: str, private: str) -> tuple[str, int]:
    place = os.path.join(root, rest)
    if os.path.realpath(place) != place:
        raise StorageError(f"{place} is a link, or there is one on the way to it")
    secret = os.path.realpath(private) if private else ""
    if secret and os.path.commonpath((place, secret)) in (place, secret):
        raise StorageError(f"{place}: what the daemon keeps of itself is no content")
    try:
        return place, os.lstat(place).st_dev
    except (OSError, ValueError) as problem:
        words = getattr(problem, "strerror", None) or str(problem)
        raise StorageError(f"{place}: {words}") from None


def _described(data: bytes) -> tuple[CreatedTorrent, bytes]:
    """In a thread: what was made, and the bitfield of all its pieces."""
    found = parse_torrent(data)
    pieces = PieceSet.full(FileLayout.of(found).piece_count).to_bitfield()
    trackers = tuple(url for tier in found.trackers for url in tier)
    link = Magnet(
        found.info_hashes,
        name=found.name,
        trackers=trackers,
        web_seeds=found.web_seeds,
        by_tls=found.tls_ca is not None,
    )
    made = CreatedTorrent(
        data, found.name, found.info_hashes.hash_string, link.to_uri(), found.piece_length
    )
    return made, pieces
