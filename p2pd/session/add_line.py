"""Torrents on their way into the session: so many at a time, of so many bytes, and no more.

Adding waits for threads that parse, for the database and for the disk. Who adds faster than these
get on is told to come back, instead of filling the memory with what waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrentError

PLACES = 100
BYTES = 128 * 1024 * 1024
"""Of .torrent files; one alone may have more."""


class AddLine:
    """The places in the line."""

    def __init__(self, places: int = PLACES, size: int = BYTES) -> None:
        self.limit = places
        self.bytes_limit = size
        self.waiting = 0
        self.bytes = 0
        self.refused = 0

    @contextmanager
    def place(self, size: int) -> Iterator[None]:
        """While a torrent of so many bytes is added. Raises AddTorrentError."""
        full = self.waiting >= self.limit
        if full or (self.waiting and self.bytes + size > self.bytes_limit):
            self.refused += 1
            sentence = f"{self.waiting} torrents wait to be added: try again in a moment"
            raise AddTorrentError(AddProblem.SYSTEM, sentence)
        self.waiting += 1
        self.bytes += size
        try:
            yield
        finally:
            self.waiting -= 1
            self.bytes -= size
