"""Open files of all torrents together: a bounded number of descriptors, the oldest closed first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Callable, Hashable


class OpenFile:
    """A descriptor and how many use it. `looked_at` is for its owner: when it was last examined."""

    __slots__ = ("fd", "looked_at", "users", "doomed")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.looked_at = float("-inf")
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

    def put_back(self, entry: OpenFile) -> None:
        """Done with what `take` gave."""
        with self._lock:
            entry.users -= 1
            if entry.doomed and not entry.users:
                os.close(entry.fd)

    def close_owner(self, owner: Hashable) -> None:
        """Close every file of one torrent."""
        with self._lock:
            for key in [key for key in self._files if key[0] == owner]:
                self._doom(self._files.pop(key))

    def close_file(self, owner: Hashable, index: int) -> None:
        """Close one file: the next use opens what is at its path by then."""
        with self._lock:
            entry = self._files.pop((owner, index), None)
            if entry is not None:
                self._doom(entry)

    def __len__(self) -> int:
        return len(self._files)

    def _add(self, key: tuple[Hashable, int], fd: int) -> OpenFile:
        with self._lock:
            raced = self._files.get(key)
            if raced is not None:
                os.close(fd)
                raced.users += 1
                return raced
            entry = self._files[key] = OpenFile(fd)
            entry.users = 1
            while len(self._files) > self.limit:
                self._doom(self._files.popitem(last=False)[1])
            return entry

    @staticmethod
    def _doom(entry: OpenFile) -> None:
        entry.doomed = True
        if not entry.users:
            os.close(entry.fd)
