"""Blocks read from slow disks, kept for the next peer that wants them.

What the page cache of the system can give at once does not come here. What a thread had to wait for
does, in lines of half a mebibyte: a peer that asks for a block asks for its neighbours next, and
other peers ask for the same piece soon after.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Callable, Hashable, NamedTuple, Sequence

from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout

LINE_BYTES = 512 * 1024


class Line(NamedTuple):
    """A run of `LINE_BYTES` of one piece, or what is left of the piece."""

    owner: Hashable
    piece: int
    number: int


class BlockCache:
    """At most `limit` bytes of lines, over all torrents; the one not used for longest goes first.

    For several threads. `hits` and `misses` count blocks that were and were not in it, `at_once`
    those that the system had in memory.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.hits = 0
        self.misses = 0
        self.at_once = 0
        self._lock = threading.Lock()
        self._lines: OrderedDict[Line, memoryview] = OrderedDict()
        self._being_read: dict[Line, threading.Event] = {}

    def get(self, line: Line) -> memoryview | None:
        """The line's bytes, if they are here."""
        with self._lock:
            found = self._lines.get(line)
            if found is not None:
                self._lines.move_to_end(line)
            return found

    def get_or_read(self, line: Line, read: Callable[[Line], memoryview]) -> memoryview:
        """The line's bytes; who asks while another thread reads them waits for that.

        Raises what `read` raises.
        """
        while True:
            with self._lock:
                found = self._lines.get(line)
                if found is not None:
                    self._lines.move_to_end(line)
                    return found
                reading = self._being_read.get(line)
                if reading is None:
                    done = self._being_read[line] = threading.Event()
                    break
            reading.wait()
        data = None
        try:
            data = read(line)
            return data
        finally:
            with self._lock:
                # Not kept when it was forgotten in the meantime: it may be what was there before.
                if self._being_read.get(line) is done:
                    del self._being_read[line]
                    if data is not None:
                        self._add(line, data)
            done.set()

    def forget(self, owner: Hashable, piece: int | None = None) -> None:
        """What was read of a torrent, or of one of its pieces, holds no more."""

        def concerned(line: Line) -> bool:
            return line.owner == owner and piece in (None, line.piece)

        with self._lock:
            for line in [line for line in self._lines if concerned(line)]:
                self.used -= len(self._lines.pop(line))
            for line in [line for line in self._being_read if concerned(line)]:
                del self._being_read[line]

    def _add(self, line: Line, data: memoryview) -> None:
        if len(data) > self.limit:
            return
        self._lines[line] = data
        self.used += len(data)
        while self.used > self.limit:
            _, oldest = self._lines.popitem(last=False)
            self.used -= len(oldest)


class CachedBlocks:
    """One torrent's blocks through the cache; `read_into` fills a buffer from the disk."""

    def __init__(
        self,
        cache: BlockCache,
        layout: FileLayout,
        read_into: Callable[[int, int, memoryview], None],
    ) -> None:
        self.cache = cache
        self._layout = layout
        self._read_into = read_into

    def here(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview] | None:
        """Each request's bytes if all of them are in the cache."""
        if not self.cache.used:
            return None
        blocks: list[bytes | bytearray | memoryview] = []
        for request in requests:
            block = self._assemble(request, self.cache.get)
            if block is None:
                return None
            blocks.append(block)
        self.cache.hits += len(blocks)
        return blocks

    def read(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview]:
        """Each request's bytes; lines that are not here are read whole."""
        blocks: list[bytes | bytearray | memoryview] = []
        for request in requests:
            block = self._assemble(request, self.cache.get)
            if block is not None:
                self.cache.hits += 1
            else:
                self.cache.misses += 1
                block = self._assemble(
                    request, lambda line: self.cache.get_or_read(line, self._read_line)
                )
            assert block is not None
            blocks.append(block)
        return blocks

    def forget(self, piece: int | None = None) -> None:
        """The files changed."""
        self.cache.forget(self, piece)

    def _read_line(self, line: Line) -> memoryview:
        start = line.number * LINE_BYTES
        size = min(LINE_BYTES, self._layout.padded_size(line.piece) - start)
        data = memoryview(bytearray(size))
        self._read_into(line.piece, start, data)
        return data

    def _assemble(
        self, request: Request, line_of: Callable[[Line], memoryview | None]
    ) -> bytes | memoryview | None:
        piece, begin, length = request
        parts: list[memoryview] = []
        while length > 0:
            number, offset = divmod(begin, LINE_BYTES)
            line = line_of(Line(self, piece, number))
            if line is None:
                return None
            part = line[offset : offset + length]
            parts.append(part)
            begin += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
