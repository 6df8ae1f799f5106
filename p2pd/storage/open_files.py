"""Open files of all torrents together: a bounded number of descriptors, the oldest closed first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Callable, Hashable


class OpenFile:
    """A descriptor and how many use it.

    For its owner: `looked_at`, when it was last examined; `prompt`, the flags of a read that never
    waits, if there are any.
    """

    __slots__ = ("fd", "looked_at", "prompt", "users", "doomed")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.looked_at = float("-inf")
        self.prompt: int | None = None
        self.users = 0
        self.doomed = False


class OpenFiles:
    """A least-recently-used set of file descriptors, for use from several threads.

    A descriptor in use is never closed: it is closed when its last user is done with it.
    """

    def __init__(self, limit: int = 256) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[Hashable, int], OpenFile] = OrderedDict()

    def take(self, owner: Hashable, index: int, open_file: Callable[[int], int]) -> OpenFile:
        """Use `owner`'s file `index`, opened by `open_file(index)` if it is not; then `put_back`.

        Whatever `open_file` raises goes to the caller.
        """
        key = (owner, index)
        with self._lock:
            entry = self._files.get(key)
            if entry is not None:
                self._files.move_to_end(key)
                entry.users += 1
                return entry
        return self._add(key, open_file(index))

    def take_open(self, owner: Hashable, index: int) -> OpenFile | None:
        """As `take`, but only if it is open: this never waits for a disk."""
        with self._lock:
            entry = self._files.get((owner, index))
            if entry is not None:
                entry.users += 1
            return entry

    def put_back(self, entry: OpenFile) -> None:
        """Done with what `take` gave."""
        with self._lock:
            entry.users -= 1
            last = entry.doomed and not entry.users
        if last:
            os.close(entry.fd)

    def close_owner(self, owner: Hashable) -> None:
        """Close every file of one torrent."""
        with self._lock:
            doomed = [self._files.pop(key) for key in list(self._files) if key[0] == owner]
            unused = self._doom(doomed)
        self._close(unused)

    def close_file(self, owner: Hashable, index: int) -> None:
        """Close one file: the next use opens what is at its path by then."""
        with self._lock:
            entry = self._files.pop((owner, index), None)
            unused = self._doom([entry] if entry is not None else [])
        self._close(unused)

    def resize(self, limit: int) -> None:
        """Keep at most so many open, from now on."""
        with self._lock:
            self.limit = limit
            unused = self._push_out()
        self._close(unused)

    def __len__(self) -> int:
        return len(self._files)

    def _add(self, key: tuple[Hashable, int], fd: int) -> OpenFile:
        unused: list[int] = []
        with self._lock:
            entry = self._files.get(key)
            if entry is None:
                entry = self._files[key] = OpenFile(fd)
                entry.users = 1  # counted before others are pushed out: it may be the oldest
                unused += self._push_out()
            else:  # another thread was faster
                entry.users += 1
                unused.append(fd)
        self._close(unused)
        return entry

    def _push_out(self) -> list[int]:
        over = len(self._files) - self.limit
        return self._doom([self._files.popitem(last=False)[1] for _ in range(over)])

    @staticmethod
    def _doom(entries: list[OpenFile]) -> list[int]:
        """Mark them to be closed by their last users; the descriptors that nobody uses."""
        for entry in entries:
            entry.doomed = True
        return [entry.fd for entry in entries if not entry.users]

    @staticmethod
    def _close(descriptors: list[int]) -> None:
        """Outside the lock: closing may wait for a disk, and others must not wait for that."""
        for fd in descriptors:
            os.close(fd)
