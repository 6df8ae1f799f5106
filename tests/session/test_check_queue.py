"""Which checks run when: devices side by side, one check on each, dead disks, stops, shares."""

from __future__ import annotations

import errno
import os
import sys
import threading
from queue import SimpleQueue
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.disks import check_queue
from p2pd.session.disks.check_queue import STALL_SECONDS, SWITCH_SECONDS, CheckJob, CheckQueue
from p2pd.storage.disk_queue import STORING_NICENESS
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.storage.verifier import PieceVerifier
from p2pd.testing import make_torrent

PIECE = 16 * 1024
CONTENT = bytes(4 * PIECE)
METAINFO = parse_torrent(make_torrent({"a": CONTENT}, piece_length=PIECE))
LAYOUT = FileLayout.of(METAINFO)
PATIENCE = 10.0


class Threads:
    """A disk queue that starts a thread for each job; `pump` hands over what ended."""

    def __init__(self) -> None:
        self._finished: SimpleQueue[tuple[Deferred[Any], Any]] = SimpleQueue()
        self.stopped = False

    def run(self, kind: str, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """See storage.disk_queue.DiskQueue."""
        result: Deferred[Any] = Deferred()
        if self.stopped:
            result.errback(Failure(RuntimeError("the disk queue is stopped")))
            return result

        def work() -> None:
            try:
                outcome = job(*args)
            except BaseException:
                outcome = Failure()
            self._finished.put((result, outcome))

        threading.Thread(target=work, daemon=True).start()
        return result

    def pump(self, until: Callable[[], object]) -> None:
        """Hand over results until something is so."""
        while not until():
            result, outcome = self._finished.get(timeout=PATIENCE)
            result.callback(outcome)


class Slow(MemoryStorage):
    """Data in memory that is read when the test says so."""

    def __init__(self, device: int = 0, *, slow: bool = True) -> None:
        super().__init__(LAYOUT)
        self.number = device
        self.pieces = {piece: bytes(PIECE) for piece in range(LAYOUT.piece_count)}
        self.begun, self.may_read = threading.Event(), threading.Event()
        if not slow:
            self.may_read.set()

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        """Wait, then read."""
        self.begun.set()
        assert self.may_read.wait(PATIENCE)
        super().read_into(piece, begin, buffer)


class Checks:
    """A queue with a clock that stands still, and what came of its checks."""

    def __init__(self, workers: int = 2, per_device: int = 1) -> None:
        self.disk = Threads()
        self.time = 100.0
        self.queue = CheckQueue(
            self.disk,  # type: ignore[arg-type]
            workers,
            per_device=per_device,
            now=lambda: self.time,
        )
        self.results: dict[CheckJob, Any] = {}
        self.order: list[CheckJob] = []

    def ask(self, storage: Slow) -> CheckJob:
        """Queue a check of everything."""
        verifier = PieceVerifier(METAINFO, LAYOUT)
        job = self.queue.check(storage.number, LAYOUT, storage, verifier, range(LAYOUT.piece_count))
        job.done.addBoth(self._note, job)
        return job

    def _note(self, result: PieceSet | Failure | None, job: CheckJob) -> None:
        self.results[job] = result
        self.order.append(job)

    def run(self, *jobs: CheckJob) -> None:
        """Until these have ended."""
        self.disk.pump(lambda: all(job in self.results for job in jobs))

    def begin(self, *jobs: CheckJob) -> None:
        """Until these are running."""
        self.disk.pump(lambda: all(job.running for job in jobs))


def all_right(result: object) -> bool:
    return isinstance(result, PieceSet) and result.is_full


def test_a_check_tells_which_pieces_are_right_and_how_far_it_is() -> None:
    checks, storage = Checks(), Slow()
    storage.pieces[2] = b"x" * PIECE
    job = checks.ask(storage)
    assert (job.running, job.progress) == (True, 0.0)
    storage.may_read.set()
    checks.run(job)
    assert list(checks.results[job]) == [0, 1, 3]
    assert (job.running, job.progress) == (False, 1.0)


def test_one_device_has_one_check_at_a_time_in_order() -> None:
    checks = Checks()
    storages = [Slow() for _ in range(3)]
    jobs = [checks.ask(storage) for storage in storages]
    for number, storage in enumerate(storages):
        checks.begin(jobs[number])
        assert [job.running for job in jobs] == [at == number for at in range(3)]
        assert not any(later.begun.is_set() for later in storages[number + 1 :])
        storage.may_read.set()
        checks.run(jobs[number])
    assert checks.order == jobs
    assert all(map(all_right, checks.results.values()))


def test_as_many_as_told_run_on_a_device() -> None:
    checks = Checks(per_device=2)
    storages = [Slow() for _ in range(3)]
    jobs = [checks.ask(storage) for storage in storages]
    assert sum(job.running for job in jobs) == 2
    for storage in storages:
        storage.may_read.set()
    checks.run(*jobs)


def test_a_dead_disk_holds_up_no_check_elsewhere() -> None:
    checks, dead = Checks(), Slow(1)
    hung = checks.ask(dead)
    checks.begin(hung)
    assert dead.begun.wait(PATIENCE)
    behind = checks.ask(Slow(1, slow=False))
    others = [checks.ask(Slow(device, slow=False)) for device in (2, 2, 3)]
    checks.run(*others)
    assert all(all_right(checks.results[job]) for job in others)
    assert hung.running
    assert not behind.running
    dead.may_read.set()
    checks.run(hung, behind)
    assert all_right(checks.results[behind])


def test_a_waiting_check_stops_at_once_and_a_running_one_when_its_read_is_over() -> None:
    checks = Checks()
    storages = [Slow() for _ in range(3)]
    running = checks.ask(storages[0])
    checks.begin(running)
    assert storages[0].begun.wait(PATIENCE)
    waiting, last = checks.ask(storages[1]), checks.ask(storages[2])
    waiting.stop()
    assert checks.results == {waiting: None}
    last.stop()
    assert checks.results == {waiting: None, last: None}
    running.stop()
    assert running not in checks.results
    storages[0].may_read.set()
    checks.run(running)
    assert checks.results[running] is None
    assert running.progress < 1
    assert not any(storage.begun.is_set() for storage in storages[1:])
    later = checks.ask(Slow(slow=False))
    checks.run(later)
    assert all_right(checks.results[later])


def test_stop_all_stops_what_runs_and_waits() -> None:
    checks = Checks()
    storages = [Slow(), Slow(), Slow(5)]
    jobs = [checks.ask(storage) for storage in storages]
    checks.queue.stop_all()
    checks.queue.stop_all()
    assert checks.results == {jobs[1]: None}, "what runs ends when its read is over"
    for storage in storages:
        storage.may_read.set()
    checks.run(*jobs)
    assert list(checks.results.values()) == [None] * 3


def test_a_check_that_fails_says_so_and_the_next_one_runs() -> None:
    class Broken(Slow):
        def close(self) -> None:
            raise StorageError("the disk is gone")

    checks = Checks()
    jobs = [checks.ask(Broken()), checks.ask(Slow(slow=False))]
    checks.run(*jobs)
    assert checks.results[jobs[0]].check(StorageError)
    assert all_right(checks.results[jobs[1]])


def test_a_system_without_threads_fails_the_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Checks()
    real = check_queue.threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread._target.__name__ == "_run":  # type: ignore[attr-defined]
            raise RuntimeError("can't start new thread")
        real(thread)

    with monkeypatch.context() as patch:
        patch.setattr(check_queue.threading.Thread, "start", refuse)
        job = checks.ask(Slow(slow=False))
        checks.run(job)
    assert checks.results[job].check(RuntimeError)
    later = checks.ask(Slow(slow=False))
    checks.run(later)
    assert all_right(checks.results[later])


def test_threads_change_hands_sooner_while_checks_run() -> None:
    usual = sys.getswitchinterval()
    checks = Checks()
    storages = [Slow(1), Slow(2)]
    jobs = [checks.ask(storage) for storage in storages]
    checks.begin(*jobs)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    storages[1].may_read.set()
    checks.run(jobs[1])
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    storages[0].may_read.set()
    checks.run(jobs[0])
    assert sys.getswitchinterval() == usual


def test_after_the_disk_queue_stopped_a_check_fails() -> None:
    usual = sys.getswitchinterval()
    checks = Checks()
    checks.disk.stopped = True
    job = checks.ask(Slow(slow=False))
    assert checks.results[job].check(RuntimeError)
    job.stop()
    assert sys.getswitchinterval() == usual


@given(workers=st.integers(1, 9), silences=st.lists(st.floats(0, 3 * STALL_SECONDS), min_size=1))
def test_the_cores_are_shared_by_the_checks_that_get_on(
    workers: int, silences: list[float]
) -> None:
    checks = Checks(workers)
    jobs = [CheckJob(LAYOUT, Slow(), PieceVerifier(METAINFO, LAYOUT), ()) for _ in silences]
    for job, silence in zip(jobs, silences, strict=True):
        job.moved_at = checks.time - silence
    checks.queue._running = tuple(jobs)
    moving = [job for job in jobs if checks.time - job.moved_at < STALL_SECONDS]
    shares = [checks.queue.share(job) for job in moving]
    assert sum(shares) == max(workers, len(moving)) if moving else True
    assert max(shares, default=1) - min(shares, default=1) <= 1
    assert all(checks.queue.share(job) >= 1 for job in jobs)


def test_a_check_alone_has_all_cores_again() -> None:
    checks = Checks(4)
    jobs = [CheckJob(LAYOUT, Slow(), PieceVerifier(METAINFO, LAYOUT), ()) for _ in range(2)]
    for job in jobs:
        job.moved_at = checks.time
    checks.queue._running = tuple(jobs)
    assert [checks.queue.share(job) for job in jobs] == [2, 2]
    checks.time += STALL_SECONDS
    jobs[0].moved_at = checks.time
    assert checks.queue.share(jobs[0]) == 4, "the other's disk is silent"
    checks.queue._running = (jobs[1],)
    assert checks.queue.share(jobs[1]) == 4
    assert checks.queue.share(jobs[0]) == 1, "it has ended"


def test_checks_are_no_more_urgent_than_storing() -> None:
    checks = Checks()
    storage = Slow(slow=False)
    found: set[int] = set()
    read = storage.read_into

    def watched(piece: int, begin: int, buffer: memoryview) -> None:
        found.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        read(piece, begin, buffer)

    storage.read_into = watched  # type: ignore[method-assign]
    checks.run(checks.ask(storage))
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert found == {min(ours + STORING_NICENESS, 19)}


def test_a_check_ends_where_its_threads_may_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(increment: int) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refused)
    checks = Checks()
    job = checks.ask(Slow(slow=False))
    checks.run(job)
    assert all_right(checks.results[job])
