"""Re-checking data on disk: hashing on every core, sequential reads, one small buffer a thread.

A thread reads into one buffer of its own, again and again: to allocate the bytes of each piece
anew has the kernel find and clear their pages, while the threads of one process wait for each
other. Nothing is larger than that buffer, however long the pieces are. Files are not mapped,
although that would save a copy: one that is cut, or a disk that fails, would end the process.
The kernel gets no advice on reading ahead either: it sees by itself that the runs follow one
another, and advice for each run cost more than it brought, with the data in memory and without.
"""

from __future__ import annotations

import threading
from typing import Callable, Sequence

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier

RUN_BYTES = 4 * 1024 * 1024
"""Bytes that one thread takes at a time: long enough to be read sequentially."""

CHUNK_BYTES = 256 * 1024
"""The most that is read at once: it stays in a core's second-level cache until it is hashed."""

REPORT_BYTES = 1024 * 1024
"""Progress is told as often as this: for every piece, the threads would meet too often."""


def check_pieces(
    storage: Storage,
    verifier: PieceVerifier,
    layout: FileLayout,
    pieces: Sequence[int],
    *,
    workers: Callable[[], int] = lambda: 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> PieceSet:
    """Which of `pieces` are right on disk.

    Blocks. `workers()` is how many threads may hash, the calling one included; it is asked before
    every run, and threads begin or end accordingly. `progress(done, total)` counts bytes and is
    called from any of them. What cannot be read is not right. When `stop()` becomes true the
    pieces found until then are the answer. The next sync covers them, whoever wrote them.
    """
    # What is at the files' paths now counts, not what was there when they were first opened.
    storage.close()
    storage.file_states()
    right = _Check(storage, verifier, layout, pieces, workers, progress, stop).run()
    storage.found(right)
    return right


class _Check:
    """The threads of one check, and what they share."""

    def __init__(
        self,
        storage: Storage,
        verifier: PieceVerifier,
        layout: FileLayout,
        pieces: Sequence[int],
        workers: Callable[[], int],
        progress: Callable[[int, int], None],
        stop: Callable[[], bool],
    ) -> None:
        self.storage = storage
        self.verifier = verifier
        self.piece_size = layout.piece_size
        self._workers = workers
        self._progress = progress
        self._stop = stop
        self._right = PieceSet(layout.piece_count)
        self._lock = threading.Lock()
        self._work = iter(pieces)
        self._total = sum(map(layout.piece_size, pieces))
        self._left = self._total
        self._done = 0
        self._active = 1
        self._helpers: list[threading.Thread] = []
        self._problems: list[BaseException] = []

    def run(self) -> PieceSet:
        """Check everything; the calling thread does its part."""
        try:
            _Worker(self).work(self._take_and_call_helpers)
        except BaseException as problem:
            self._problems.append(problem)
        for helper in self._helpers:
            helper.join()
        if self._problems:
            raise self._problems[0]
        return self._right

    def given_up(self) -> bool:
        """Whether nothing more need be hashed."""
        return bool(self._problems) or self._stop()

    def count(self, size: int, passed: Sequence[int] = ()) -> None:
        """So many bytes more are done, and these pieces are right."""
        with self._lock:
            for piece in passed:
                self._right.add(piece)
            self._done += size
            self._progress(self._done, self._total)

    def _take_and_call_helpers(self) -> list[int]:
        """A run for the calling thread, and threads for those that follow it."""
        with self._lock:
            run = self._next_run()
            missing = min(self._workers() - self._active, -(-self._left // RUN_BYTES))
            self._active += max(0, missing)
        for _ in range(missing):
            # A daemon: one that hangs on a dead disk dies with the process.
            helper = threading.Thread(target=self._help, name="p2pd-check", daemon=True)
            self._helpers.append(helper)
            helper.start()
        return run

    def _help(self) -> None:
        try:
            _Worker(self).work(self._take_if_wanted)
        except BaseException as problem:
            self._problems.append(problem)

    def _take_if_wanted(self) -> list[int]:
        """A run for a helper; none when there are more threads than there should be."""
        with self._lock:
            run = [] if self._active > max(1, self._workers()) else self._next_run()
            if not run:
                self._active -= 1
            return run

    def _next_run(self) -> list[int]:
        """The next pieces in order, so that the threads together read forwards."""
        run: list[int] = []
        taken = 0
        for piece in self._work:
            run.append(piece)
            taken += self.piece_size(piece)
            if taken >= RUN_BYTES:
                break
        self._left -= taken
        return run


class _Worker:
    """One thread's buffer, and what it has not told of its work."""

    def __init__(self, check: _Check) -> None:
        self._check = check
        self._buffer = memoryview(bytearray(CHUNK_BYTES))
        self._untold = 0

    def work(self, take: Callable[[], list[int]]) -> None:
        """Hash runs until there are none, or it is given up."""
        check = self._check
        while not check.given_up() and (run := take()):
            passed = [piece for piece in run if self._passes(piece)]
            check.count(self._untold, passed)
            self._untold = 0

    def _passes(self, piece: int) -> bool:
        check = self._check
        size = check.piece_size(piece)
        hashing = check.verifier.start(piece)
        read = 0
        try:
            while read < size:
                if check.given_up():
                    return False
                part = self._buffer[: size - read]
                check.storage.read_into(piece, read, part)
                hashing.update(part)
                read += len(part)
                self._tell(len(part))
        except StorageError:
            self._tell(size - read)
            return False
        return hashing.passed()

    def _tell(self, size: int) -> None:
        self._untold += size
        if self._untold >= REPORT_BYTES:
            self._check.count(self._untold)
            self._untold = 0
