"""Addresses by when they may be dialled, and those that may by rank: two heaps.

An address that moves leaves its old entry behind; what is out of date is dropped when it comes up,
or when there is more of it than of the rest. So every step costs a logarithm.
"""

from __future__ import annotations

import heapq
from typing import Callable, Iterable, TypeVar

from p2pd.base.addresses import PeerAddress

SLACK = 64
"""Entries out of date that are always borne."""

Key = TypeVar("Key", int, float)


class DialQueue:
    """`rank` is asked for an address when it comes due: the lowest is taken first."""

    __slots__ = ("_rank", "_ready", "_ticket", "_tickets", "_waiting")

    def __init__(self, rank: Callable[[PeerAddress], int]) -> None:
        self._rank = rank
        self._tickets: dict[PeerAddress, int] = {}
        self._ticket = 0
        self._waiting: list[tuple[float, int, PeerAddress]] = []
        self._ready: list[tuple[int, int, PeerAddress]] = []

    def put(self, address: PeerAddress, due: float) -> None:
        """The address may be dialled from `due` on, whatever was said of it before."""
        self._ticket += 1
        self._tickets[address] = self._ticket
        heapq.heappush(self._waiting, (due, self._ticket, address))
        if len(self._waiting) + len(self._ready) > 2 * len(self._tickets) + SLACK:
            self._waiting = self._current(self._waiting)
            self._ready = self._current(self._ready)

    def remove(self, address: PeerAddress) -> None:
        """The address is not to be dialled."""
        self._tickets.pop(address, None)

    def take(self, count: int, now: float) -> list[PeerAddress]:
        """The first `count` of those that are due; they are in the queue no more."""
        self._ripen(now)
        taken: list[PeerAddress] = []
        while self._ready and len(taken) < count:
            _, ticket, address = heapq.heappop(self._ready)
            if self._is_current(ticket, address):
                del self._tickets[address]
                taken.append(address)
        return taken

    def next_due(self, now: float) -> float | None:
        """When the first may be dialled, not before `now`; None when there is none."""
        while self._ready and not self._is_current(*self._ready[0][1:]):
            heapq.heappop(self._ready)
        if self._ready:
            return now
        while self._waiting and not self._is_current(*self._waiting[0][1:]):
            heapq.heappop(self._waiting)
        return max(now, self._waiting[0][0]) if self._waiting else None

    def rank_again(self) -> None:
        """Ranks are not what they were."""
        self._ready = self._current(
            (self._rank(address), ticket, address)
            for _, ticket, address in self._ready
            if self._is_current(ticket, address)
        )

    def _ripen(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, ticket, address = heapq.heappop(self._waiting)
            if self._is_current(ticket, address):
                heapq.heappush(self._ready, (self._rank(address), ticket, address))

    def _is_current(self, ticket: int, address: PeerAddress) -> bool:
        return self._tickets.get(address) == ticket

    def _current(
        self, entries: Iterable[tuple[Key, int, PeerAddress]]
    ) -> list[tuple[Key, int, PeerAddress]]:
        """A heap of those that are not out of date."""
        heap = [entry for entry in entries if self._is_current(entry[1], entry[2])]
        heapq.heapify(heap)
        return heap

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, address: object) -> bool:
        return address in self._tickets
