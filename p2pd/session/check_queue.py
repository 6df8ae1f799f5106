"""Re-checks, one torrent at a time: hashing two at once only makes the disk seek."""

from __future__ import annotations

from collections import deque
from typing import Callable, Iterable

from twisted.internet.defer import Deferred

from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.checker import check_pieces
from p2pd.storage.disk_queue import DiskQueue
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier


class CheckJob:
    """One re-check: waiting, running or stopped. `progress` is 0 to 1, and may be read any time."""

    def __init__(
        self, layout: FileLayout, storage: Storage, verifier: PieceVerifier, pieces: Iterable[int]
    ) -> None:
        self.layout = layout
        self.storage = storage
        self.verifier = verifier
        self.pieces = list(pieces)
        self.running = False
        self.stopped = False
        self.progress = 0.0
        self.done: Deferred[PieceSet | None] = Deferred()

    def stop(self) -> None:
        """Give it up; `done` then fires with None, at once or when the running thread sees it."""
        self.stopped = True

    def count(self, done: int, total: int) -> None:
        """Progress, from the worker thread."""
        self.progress = done / total if total else 1.0

    def run(self, workers: int) -> PieceSet:
        """In a worker thread: hash, and answer which of the pieces are right."""
        return check_pieces(
            self.storage,
            self.verifier,
            self.pieces,
            size=self.layout.piece_count,
            piece_size=self.layout.piece_size,
            workers=lambda: workers,
            progress=self.count,
            stop=lambda: self.stopped,
        )


class CheckQueue:
    """Runs re-checks in the order they were asked for."""

    def __init__(self, disk: DiskQueue, workers: int) -> None:
        self._disk = disk
        self._workers = workers
        self._waiting: deque[CheckJob] = deque()
        self._running: CheckJob | None = None

    def check(
        self, layout: FileLayout, storage: Storage, verifier: PieceVerifier, pieces: Iterable[int]
    ) -> CheckJob:
        """Queue a re-check of these pieces; its `done` fires with the right ones, or None."""
        job = CheckJob(layout, storage, verifier, pieces)
        self._waiting.append(job)
        self._next()
        return job

    def stop_all(self) -> None:
        """Give up everything that waits or runs."""
        for job in (*self._waiting, *((self._running,) if self._running else ())):
            job.stop()

    def _next(self) -> None:
        while self._running is None and self._waiting:
            job = self._waiting.popleft()
            if job.stopped:
                job.done.callback(None)
                continue
            self._running = job
            job.running = True
            running = self._disk.run("check", job.run, self._workers)
            running.addCallbacks(
                self._ended, lambda failure, job=job: self._ended(failure, job), callbackArgs=(job,)
            )

    def _ended(self, result: object, job: CheckJob) -> None:
        self._running = None
        job.running = False
        answer: Callable[..., None] = job.done.callback
        answer(None if job.stopped else result)
        self._next()
