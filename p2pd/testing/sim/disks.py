"""Simulated disks, and the content that every node of a swarm shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Sequence, TypeVar

from twisted.internet.defer import Deferred, execute

from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing.sim.event_clock import EventClock
from p2pd.transports.interfaces import Buffer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """Seconds of a job before its first byte, and bytes per second (0: no bound) behind it.

    What a `cached` disk holds can be read without waiting, as from the page cache.
    """

    seek: float = 0.001
    rate: float = 0.0
    cached: bool = True


SLOW_DISK = DiskSpeed(seek=0.012, rate=20e6, cached=False)
"""A worn hard disk that does one thing after the other."""


class SimDisk:
    """A disk queue without threads; jobs of a disk with a rate wait for one another."""

    def __init__(self, clock: EventClock, speed: DiskSpeed) -> None:
        self._clock = clock
        self._speed = speed
        self._free_at = 0.0

    def run(self, kind: str, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run `job(*args)`; see storage.disk_queue.DiskQueue."""
        result: Deferred[T] = Deferred()
        done = self._clock.now + self._speed.seek
        if self._speed.rate:
            start = max(self._clock.now, self._free_at)
            done = start + self._speed.seek + _size(args) / self._speed.rate
            self._free_at = done
        self._clock.at(done, _finish, result, job, args)
        return result


def _finish(result: Deferred[Any], job: Callable[..., Any], args: tuple[Any, ...]) -> None:
    execute(job, *args).chainDeferred(result)


def _size(args: Sequence[Any]) -> int:
    """Bytes that a job reads or writes, as far as its arguments tell."""
    size = 0
    for arg in args:
        if isinstance(arg, (bytes, bytearray, memoryview)):
            size += len(arg)
        elif isinstance(arg, list) and arg and isinstance(arg[0], Request):
            size += sum(request.length for request in arg)
    return size


class SharedStorage(MemoryStorage):
    """A node's files: pieces that are as they should be are kept once for all nodes."""

    def __init__(self, layout: FileLayout, content: Sequence[bytes], *, cached: bool) -> None:
        super().__init__(layout)
        self._content = content
        self._cached = cached

    def fill(self) -> None:
        """Everything is here."""
        self.pieces = dict(enumerate(self._content))

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        """Keep a piece."""
        right = self._content[piece]
        super().write_piece(piece, right if right == data else data)

    def read_many(self, requests: Sequence[Request]) -> list[Buffer]:
        """Each request's bytes, uncopied."""
        return [
            memoryview(self.pieces[piece])[begin : begin + length]
            for piece, begin, length in requests
        ]

    def read_now(self, requests: Sequence[Request], buffer: memoryview) -> list[Buffer] | None:
        """What the page cache holds."""
        return self.read_many(requests) if self._cached else None
