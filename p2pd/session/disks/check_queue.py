"""Re-checks: one at a time on each device, since hashing two at once only makes the disk seek.

Devices do not wait for each other: each check has a thread of its own, so that one on a dead disk
holds up none elsewhere. The cores are shared out among the checks that get on.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.checker import check_pieces
from p2pd.storage.disk_queue import DiskQueue, give_way
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier

STALL_SECONDS = 10.0
"""A check that has read nothing for so long needs no core: its disk does not answer."""

SWITCH_SECONDS = 0.0001
"""While a check runs, a thread that waits for the interpreter asks for it as soon as this.

A hashing thread needs it for some microseconds, twice for each chunk, and would idle for as long
as the reactor handles what came in: with one client that asks for progress fifty times a second
that made a check five hundredths slower.
"""


class HashingJob:
    """What the queue runs: waiting, running or stopped. `progress` is 0 to 1, for any thread."""

    def __init__(self) -> None:
        self.running = False
        self.stopped = False
        self.progress = 0.0
        self.moved_at = 0.0
        self.done: Deferred[Any] = Deferred()

    def stop(self) -> None:
        """Give it up: `done` fires with None, at once or when the running threads have seen it."""
        if not self.stopped:
            self.stopped = True
            if not self.running and not self.done.called:
                self.done.callback(None)

    def end(self, outcome: Any) -> None:
        """The threads are done with it: what came of it, or a Failure."""
        self.running = False
        self.done.callback(None if self.stopped else outcome)

    def run(self, workers: Callable[[], int], now: Callable[[], float]) -> Any:
        """In a thread of its own: do it, with so many threads; may raise P2pdError."""
        raise NotImplementedError


class CheckJob(HashingJob):
    """One re-check; `done` fires with the pieces that are right."""

    def __init__(
        self, layout: FileLayout, storage: Storage, verifier: PieceVerifier, pieces: Iterable[int]
    ) -> None:
        super().__init__()
        self.layout = layout
        self.storage = storage
        self.verifier = verifier
        self.pieces = list(pieces)

    def run(self, workers: Callable[[], int], now: Callable[[], float]) -> PieceSet:
        """In a thread of its own: hash, and answer which of the pieces are right."""

        def count(done: int, total: int) -> None:
            self.progress = done / total if total else 1.0
            self.moved_at = now()

        return check_pieces(
            self.storage,
            self.verifier,
            self.layout,
            self.pieces,
            workers=workers,
            progress=count,
            stop=lambda: self.stopped,
        )


class _Device:
    """The checks of one device, in the order they were asked for."""

    def __init__(self) -> None:
        self.waiting: deque[HashingJob] = deque()
        self.running: list[HashingJob] = []


class CheckQueue:
    """Runs re-checks: `per_device` at once on each device, `workers` threads in all.

    Each check has one thread at least, whatever `workers` is.
    """

    def __init__(
        self,
        disk: DiskQueue,
        workers: int,
        *,
        per_device: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._disk = disk
        self._workers = workers
        self._per_device = per_device
        self._now = now
        self._devices: dict[int, _Device] = {}
        self._running: tuple[HashingJob, ...] = ()
        """Read by the checks' threads; replaced, never changed."""
        self._switch_seconds: float | None = None
        self._letters: SimpleQueue[tuple[HashingJob, int, Any]] = SimpleQueue()
        """Each check that is to begin, without an outcome, and each that ended, with one."""
        self._listening = False

    def check(
        self,
        device: int,
        layout: FileLayout,
        storage: Storage,
        verifier: PieceVerifier,
        pieces: Iterable[int],
    ) -> CheckJob:
        """Queue a re-check of these pieces; its `done` fires with the right ones, or None."""
        job = CheckJob(layout, storage, verifier, pieces)
        self.add(device, job)
        return job

    def add(self, device: int, job: HashingJob) -> None:
        """Queue anything else that hashes what is on a device."""
        self._devices.setdefault(device, _Device()).waiting.append(job)
        self._next(device)

    def counts(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        waiting = sum(not job.stopped for d in self._devices.values() for job in d.waiting)
        return len(self._running), waiting

    def stop_all(self) -> None:
        """Give up everything that waits or runs."""
        waiting = [job for device in self._devices.values() for job in device.waiting]
        for job in (*self._running, *waiting):
            job.stop()

    def share(self, job: HashingJob) -> int:
        """How many threads a running check may have now. For any thread."""
        running, oldest = self._running, self._now() - STALL_SECONDS
        if job not in running:  # nobody waits for it any more
            return 1
        moving = [other for other in running if other is job or other.moved_at > oldest]
        each, over = divmod(self._workers, len(moving))
        return max(1, each + (moving.index(job) < over))

    def _next(self, number: int) -> None:
        device = self._devices[number]
        while device.waiting and len(device.running) < self._per_device:
            job = device.waiting.popleft()
            if not job.stopped:
                device.running.append(job)
                self._start(job, number)
        if not device.running:
            del self._devices[number]

    def _start(self, job: HashingJob, number: int) -> None:
        job.running = True
        job.moved_at = self._now()
        self._now_running((*self._running, job))
        self._letters.put((job, number, None))
        self._listen()

    def _listen(self) -> None:
        if self._running and not self._listening:
            self._listening = True
            self._disk.run("check", self._attend).addCallbacks(self._heard, self._deaf)

    def _attend(self) -> tuple[HashingJob, int, Any]:
        """In the thread for checks: begin what is to begin, wait for one to end."""
        while True:
            job, number, outcome = self._letters.get()
            if outcome is not None:
                return job, number, outcome
            # A daemon: one that hangs on a dead disk dies with the process.
            hashing = threading.Thread(target=self._run, args=(job, number), daemon=True)
            try:
                hashing.start()
            except RuntimeError:  # the system has no more threads
                return job, number, Failure()

    def _run(self, job: HashingJob, number: int) -> None:
        outcome: Any
        # No more urgent than the threads that store pieces: while one of them had to wait for a
        # core, with the interpreter lock, so had the reactor.
        give_way()
        try:
            outcome = job.run(lambda: self.share(job), self._now)
        except BaseException:
            outcome = Failure()
        self._letters.put((job, number, outcome))

    def _now_running(self, jobs: tuple[HashingJob, ...]) -> None:
        self._running = jobs
        if jobs and self._switch_seconds is None:
            self._switch_seconds = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_SECONDS)
        elif not jobs and self._switch_seconds is not None:
            sys.setswitchinterval(self._switch_seconds)
            self._switch_seconds = None

    def _heard(self, ended: tuple[HashingJob, int, Any]) -> None:
        job, number, outcome = ended
        self._listening = False
        self._now_running(tuple(other for other in self._running if other is not job))
        self._devices[number].running.remove(job)
        self._next(number)
        self._listen()
        job.end(outcome)

    def _deaf(self, failure: Failure) -> None:
        """The disk queue is stopped: nobody will hear how the checks end."""
        lost = self._running
        self._now_running(())
        for job in lost:
            job.end(failure)
            job.stopped = True
