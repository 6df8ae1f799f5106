"""Re-checking data on disk: sequential reads, hashing on every core, bounded memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Sequence

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier

RUN_BYTES = 4 * 1024 * 1024
"""Bytes that one worker takes at a time: long enough to be read sequentially."""


def check_pieces(
    storage: Storage,
    verifier: PieceVerifier,
    pieces: Sequence[int],
    *,
    size: int,
    piece_size: Callable[[int], int],
    workers: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> PieceSet:
    """Which of `pieces` (of a torrent of `size` pieces) are right on disk.

    Blocks; `progress(done, total)` counts pieces and is called from worker threads. What cannot
    be read is not right. When `stop()` becomes true the pieces found until then are the answer.
    """
    right = PieceSet(size)
    lock = threading.Lock()
    work = iter(pieces)
    done = 0
    # What is at the files' paths now counts, not what was there when they were first opened.
    storage.close()
    storage.file_states()

    def take() -> list[int]:
        """The next run of pieces, so that the workers together read forwards."""
        run: list[int] = []
        taken = 0
        with lock:
            for piece in work:
                run.append(piece)
                taken += piece_size(piece)
                if taken >= RUN_BYTES:
                    break
        return run

    def check_runs() -> None:
        nonlocal done
        while not stop() and (run := take()):
            passed = [piece for piece in run if _is_right(storage, verifier, piece, piece_size)]
            with lock:
                for piece in passed:
                    right.add(piece)
                done += len(run)
                progress(done, len(pieces))

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="p2pd-check") as pool:
        for running in [pool.submit(check_runs) for _ in range(max(1, workers))]:
            running.result()
    return right


def _is_right(
    storage: Storage,
    verifier: PieceVerifier,
    piece: int,
    piece_size: Callable[[int], int],
) -> bool:
    try:
        data = storage.read(piece, 0, piece_size(piece))
    except StorageError:
        return False
    return verifier.verify(piece, data)
