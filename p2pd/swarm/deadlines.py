"""Pieces that somebody waits for, and when each is due: a window to play or to read from.

Due pieces come before all others, the soonest first, each from as many peers as have it and are
not slow. What is about to be late is asked of a second peer. Knows nothing of peers or blocks;
time is seconds of any clock.
"""

from __future__ import annotations

from typing import Iterable, Mapping, NamedTuple

HURRY_SECONDS = 4.0
"""A piece that is due within this time and still on its way is asked of a second peer."""


class DeadlineWindow(NamedTuple):
    """Pieces in a row; the first is due in `seconds`, the others one by one after it."""

    first_piece: int
    piece_count: int = 1
    seconds: float = 0.0
    pieces_per_second: float = 1.0


def due_in(windows: Iterable[DeadlineWindow], now: float) -> dict[int, float]:
    """When the pieces of all windows are due; one that is in several at the soonest."""
    due: dict[int, float] = {}
    for first, count, seconds, per_second in windows:
        for piece, at in window(first, count, now + seconds, per_second).items():
            due[piece] = min(at, due.get(piece, at))
    return due


def window(first: int, count: int, now: float, per_second: float) -> dict[int, float]:
    """When `count` pieces from `first` are due if so many are used up per second from `now` on.

    Raises ValueError when `per_second` is not positive.
    """
    if not per_second > 0:
        raise ValueError(f"{per_second} pieces per second")
    return {first + place: now + place / per_second for place in range(count)}


class Deadlines:
    """`order` is the due pieces, the soonest first; `urgent` those that are about to be late."""

    __slots__ = ("_due", "order", "urgent")

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self.order: list[int] = []
        self.urgent: list[int] = []

    def set(self, due: Mapping[int, float]) -> None:
        """These are due, and no others."""
        self._due = dict(due)
        self.order = sorted(self._due, key=lambda piece: (self._due[piece], piece))
        self.urgent = [piece for piece in self.urgent if piece in self._due]

    def left(self, now: float) -> list[tuple[int, float]]:
        """The due pieces and the seconds that are left of each, the soonest first."""
        return [(piece, self._due[piece] - now) for piece in self.order]

    def hurry(self, now: float) -> None:
        """See what is about to be late."""
        limit = now + HURRY_SECONDS
        self.urgent = [piece for piece in self.order if self._due[piece] <= limit]

    def done(self, piece: int) -> None:
        """A piece is had, due or not."""
        if self._due.pop(piece, None) is not None:
            self.order.remove(piece)
            if piece in self.urgent:
                self.urgent.remove(piece)
