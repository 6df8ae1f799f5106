"""One bound on the bytes of pieces in flight, over all torrents of a session.

When it is spent the node stops *requesting*; it never queues without end behind a slow disk. Each
device has a share. What one device does not write must not keep the others from downloading, so
they divide the budget evenly when there is too little of it, and what is held up behind a disk
that does not answer counts no more: with one such disk there may be twice as much in memory.
"""

from __future__ import annotations

from typing import Callable

from p2pd.session.disks.write_backlog import WriteBacklog
from p2pd.session.pieces.piece_buffers import PieceBuffers

WAKE_SHARE = 16
"""Who waits for room is called when this part of the budget is free."""

BACKLOG_SHARE = 4
"""Peers are read from as long as no more than this part of the budget waits for their disk."""


class MemoryBudget:
    """Counts the bytes of piece buffers of all devices that answer. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.buffers = PieceBuffers()
        self.shares: list[MemoryShare] = []
        self._waiting: dict[Callable[[], None], None] = {}
        self._reserved = 0

    def share(self) -> MemoryShare:
        """The share of one more device."""
        self.shares.append(MemoryShare(self))
        return self.shares[-1]

    @property
    def backlog(self) -> int:
        """Bytes of whole pieces that wait for any disk."""
        return sum(share.backlog.size for share in self.shares)

    @property
    def waiting(self) -> int:
        """How many wait for bytes to come free."""
        return len(self._waiting)

    def room_for(self, size: int) -> int:
        """How many buffers of `size` bytes fit, whoever they are for.

        One is always allowed while nothing is in flight: a piece larger than the whole budget
        would otherwise never be asked for. What a large piece was refused is kept back from
        smaller ones, which would else take every byte as it comes free, until it has its room.
        """
        if not self.used:
            return max(1, self.limit // size)
        free = self.limit - self.used
        if size < self._reserved:
            return max(0, (free - self._reserved) // size)
        room = max(0, free // size)
        self._reserved = 0 if room else min(size, self.limit)
        return room

    def forget_wishes(self) -> None:
        """Once a second: who still wants room will say so again."""
        for share in self.shares:
            share.wanting = False

    def call_when_free(self, wake: Callable[[], None]) -> None:
        """Call `wake` when bytes come free; asking twice is calling once."""
        self._waiting[wake] = None

    def take(self, size: int) -> None:
        """Count `size` bytes as in flight."""
        self.used += size

    def give(self, size: int) -> None:
        """Bytes came free: whoever waits for room is called, once, in the order they came.

        Not for every piece, but when a share of the budget is free: each of a dozen fast peers
        would otherwise be asked for a few blocks at a time, at the price of looking at them all.
        """
        self.used -= size
        if not self.used:
            self.buffers.clear()
        if self.limit - self.used >= self.limit // WAKE_SHARE or not self.used:
            waiting, self._waiting = self._waiting, {}
            for wake in waiting:
                wake()
            if self.limit - self.used >= self._reserved:
                # Whoever it was kept for had its chance just now and did not want it any more.
                self._reserved = 0


class MemoryShare:
    """The pieces in flight of the torrents on one device, and those that wait to be written."""

    def __init__(self, budget: MemoryBudget) -> None:
        self.used = 0
        self.taken = 0
        """Bytes of all pieces that were ever opened."""
        self.wanting = False
        self.backlog = WriteBacklog(budget.limit // BACKLOG_SHARE)
        self.buffers = budget.buffers
        self.call_when_free = budget.call_when_free
        self._budget = budget
        self._held_up = False

    def room_for(self, size: int) -> int:
        """How many buffers of `size` bytes may be opened now: none while the disk takes nothing."""
        if self._held_up:
            return 0
        room = self._budget.room_for(size)
        rivals = sum(share.in_play for share in self._budget.shares if share is not self)
        if rivals and room:
            even = self._budget.limit // (rivals + 1)
            room = min(room, max((even - self.used) // size, 0 if self.used else 1))
        self.wanting = not room
        return room

    @property
    def in_play(self) -> bool:
        """Whether it has or wants a part of the budget."""
        return (self.used > 0 or self.wanting) and not self._held_up

    def take(self, size: int) -> None:
        """Count `size` bytes as in flight."""
        self.used += size
        self.taken += size
        if not self._held_up:
            self._budget.take(size)

    def give(self, size: int) -> None:
        """Bytes came free."""
        self.used -= size
        if not self._held_up:
            self._budget.give(size)

    def hold_up(self, yes: bool) -> None:
        """Whether the disk takes nothing: what is held up behind it is in nobody's way."""
        if yes and not self._held_up:
            self._held_up, self.wanting = True, False
            self._budget.give(self.used)
        elif self._held_up and not yes:
            self._held_up = False
            self._budget.take(self.used)
