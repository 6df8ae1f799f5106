"""How much of the free space of a device may still be promised to pieces.

A piece is opened only if it fits with all that is in memory and still to be written, and leaves
free what is to be kept free. So a download stops before the disk is full, and not at a write that
fails. The system is asked now and then, in a thread; between two answers what is opened is taken
off. A torrent whose files have all their blocks (full preallocation) needs no more room.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import StorageError
from p2pd.session.disks.memory_budget import MemoryShare
from p2pd.storage.interfaces import Storage

LOOK_SECONDS = 30.0
"""Between two questions while there is room."""

SHORT_SECONDS = 2.0
"""And while there is none."""

ASKED_ABOUT = 64
"""Torrents whose files are looked at with one question."""


class RoomNeeded:
    """What one torrent needs: no room at all once its files are `allocated`, with all blocks."""

    def __init__(self, storage: Storage, unfinished: Callable[[], list[int]]) -> None:
        """`unfinished()` are the files that are still to be written."""
        self.allocated = False
        self._storage = storage
        self._unfinished = unfinished

    def question(self) -> Callable[[], bool]:
        """What finds out, in a thread, whether they are."""
        return partial(self._storage.allocated, self._unfinished())


Answer = tuple[int, dict[RoomNeeded, bool]]
"""Free bytes, and whether these have all their blocks."""

Ask = Callable[[str, Sequence[tuple[RoomNeeded, Callable[[], bool]]]], Deferred[Answer]]
"""Asks about a folder and some torrents in it, in a thread."""


class DiskRoom:
    """Of one device. Nothing is known before the first answer, and nothing is refused."""

    def __init__(self, memory: MemoryShare, ask: Ask, keep_free: Callable[[], int]) -> None:
        """`keep_free()` is in bytes."""
        self.short = False
        """Whether somebody waits for room."""
        self._memory = memory
        self._ask = ask
        self._keep_free = keep_free
        self._folder: str | None = None
        self._free = 0
        self._mark = (0, 0)
        self._waiting: dict[RoomNeeded, int] = {}
        """Who was refused since the last answer, and the size of its pieces."""
        self._asked_at = float("-inf")
        self._asking = False

    def mark(self) -> tuple[int, int]:
        """What to hand to `learned`: taken when the question is asked."""
        return self._memory.used, self._memory.taken

    def learned(self, folder: str, free: int, mark: tuple[int, int]) -> None:
        """So many bytes are free where that folder is."""
        self._folder, self._free, self._mark = folder, free, mark

    @property
    def left(self) -> int:
        """Bytes that may still be promised; less than 0 if there are too few already."""
        in_memory, taken = self._mark
        return self._free - self._keep_free() - in_memory - (self._memory.taken - taken)

    def room_for(self, size: int, needed: RoomNeeded) -> int | None:
        """How many pieces of `size` bytes may be opened; None: as many as one likes."""
        if self._folder is None or needed.allocated:
            return None
        room = max(0, self.left // size)
        if not room:
            self._waiting[needed] = size
        return room

    def look(self, now: float) -> None:
        """Once a second: ask if it is time."""
        if self._folder is None or self._asking:
            return
        wait = LOOK_SECONDS
        if self.short:
            wait = SHORT_SECONDS
        elif self._waiting:
            wait = 0.0
        elif not self._memory.used:
            return
        if now - self._asked_at >= wait:
            self._asking, self._asked_at = True, now
            questions = [(each, each.question()) for each in list(self._waiting)[:ASKED_ABOUT]]
            self._ask(self._folder, questions).addCallbacks(
                self._answered, self._unanswered, callbackArgs=(self._folder, self.mark())
            )

    def _answered(self, answer: Answer, folder: str, mark: tuple[int, int]) -> None:
        self._asking = False
        free, allocated = answer
        for needed, yes in allocated.items():
            needed.allocated = yes
        self.learned(folder, free, mark)
        waiting, self._waiting = self._waiting, {}
        left = self.left
        self.short = any(left < size for each, size in waiting.items() if not each.allocated)

    def _unanswered(self, failure: Failure) -> None:
        failure.trap(StorageError)  # the folder is not there: others see to that
        self._asking = False
