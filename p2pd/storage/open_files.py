"""Open files of all torrents together: a bounded number of descriptors, the oldest closed first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import Callable, Hashable, Iterator


class _OpenFile:
    __slots__ = ("fd", "users", "doomed")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.users = 0
        self.doomed = False


class OpenFiles:
    """A least-recently-used set of file descriptors, for use from several threads.

    A descriptor in use is never closed: it is closed when its last user is done with it.
    """

    def __init__(self, limit: int = 256) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[Hashable, int], _OpenFile] = OrderedDict()

    @contextmanager
    def use(self, owner: Hashable, index: int, open_file: Callable[[], int]) -> Iterator[int]:
        """The descriptor for `owner`'s file `index`, opened by `open_file` if it is not open.

        Whatever `open_file` raises goes to the caller.
        """
        entry = self._take((owner, index), open_file)
        try:
            yield entry.fd
        finally:
            self._put_back(entry)

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

    def _take(self, key: tuple[Hashable, int], open_file: Callable[[], int]) -> _OpenFile:
        with self._lock:
            entry = self._files.get(key)
            if entry is not None:
                self._files.move_to_end(key)
                entry.users += 1
                return entry
        fd = open_file()
        with self._lock:
            raced = self._files.get(key)
            if raced is not None:
                os.close(fd)
                raced.users += 1
                return raced
            entry = self._files[key] = _OpenFile(fd)
            entry.users = 1
            while len(self._files) > self.limit:
                self._doom(self._files.popitem(last=False)[1])
            return entry

    def _put_back(self, entry: _OpenFile) -> None:
        with self._lock:
            entry.users -= 1
            if entry.doomed and not entry.users:
                os.close(entry.fd)

    @staticmethod
    def _doom(entry: _OpenFile) -> None:
        entry.doomed = True
        if not entry.users:
            os.close(entry.fd)
