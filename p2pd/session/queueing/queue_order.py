"""The order in which torrents stand in the queue, by id. Pure: refuses to know what they do.

Each has a place, a whole number that its record keeps; its position is how many have a lower one.
Places have gaps between them, so that one torrent is moved anywhere among ten thousand with one
place changed. One that was never moved has none of its own: it stands by its id.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, insort
from typing import Iterable

GAP = 1 << 20
"""Between the places of two that were added one after the other."""

LIMIT = 1 << 62
"""Places are below it, and above its negative: the database has no more than 64 bits."""

WINDOW = 16
"""Neighbours to either side, at first, that make room where there is none between two."""


class QueueMove(enum.Enum):
    """Where torrents can be moved to."""

    TOP = "top"
    UP = "up"
    DOWN = "down"
    BOTTOM = "bottom"


class QueueOrder:
    """All torrents of a session in a row."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._id_at: dict[int, int] = {}
        self._place_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._place_of

    def ids(self) -> list[int]:
        """All, the first one first."""
        return [self._id_at[place] for place in self._places]

    def place(self, id_: int) -> int:
        """What its record is to keep. Raises KeyError."""
        return self._place_of[id_]

    def position(self, id_: int) -> int:
        """How many stand before it. Raises KeyError."""
        return bisect_left(self._places, self._place_of[id_])

    @property
    def end(self) -> int:
        """The place behind all of them."""
        return self._places[-1] + GAP if self._places else 0

    # -- coming and going ----------------------------------------------------------------------

    def add(self, id_: int, place: int | None) -> None:
        """Take one in at the place that its record has. One that is taken is moved back a bit."""
        if place is None:
            place = id_ * GAP
        if not -LIMIT < place < LIMIT:
            place = self.end
        while place in self._id_at:
            place += 1
        self._put(id_, place)

    def remove(self, id_: int) -> None:
        """It is gone; nothing if it is not here."""
        place = self._place_of.pop(id_, None)
        if place is not None:
            del self._id_at[place]
            del self._places[bisect_left(self._places, place)]

    # -- moving: each answers whose places changed ---------------------------------------------

    def move(self, ids: Iterable[int], where: QueueMove) -> set[int]:
        """Move several, which stay in their order; those that are nowhere are left out."""
        chosen = sorted({id_ for id_ in ids if id_ in self._place_of}, key=self.position)
        if where is QueueMove.TOP:
            return self._to_end(chosen, top=True)
        if where is QueueMove.BOTTOM:
            return self._to_end(chosen, top=False)
        return self._step(chosen, up=where is QueueMove.UP)

    def move_to(self, id_: int, position: int) -> set[int]:
        """Move one so that so many stand before it, as far as there are so many."""
        if id_ not in self._place_of or self.position(id_) == position:
            return set()
        self.remove(id_)
        position = min(max(position, 0), len(self._places))
        changed = set() if self._has_room(position) else self._make_room(position)
        self._put(id_, self._between(position))
        return changed | {id_}

    def _to_end(self, chosen: list[int], *, top: bool) -> set[int]:
        count = len(chosen)
        others = self.ids()
        if (others[:count] if top else others[len(others) - count :]) == chosen:
            return set()
        for id_ in chosen:
            self.remove(id_)
        first = self._places[0] - count * GAP if top and self._places else self.end
        if not -LIMIT < first < LIMIT - count * GAP:
            return self._number_anew(chosen, top=top)
        for number, id_ in enumerate(chosen):
            self._put(id_, first + number * GAP)
        return set(chosen)

    def _step(self, chosen: list[int], *, up: bool) -> set[int]:
        """Each past one neighbour; those that are at the end already stay there together."""
        changed: set[int] = set()
        step = -1 if up else 1
        wall = -1 if up else len(self._places)
        for id_ in chosen if up else reversed(chosen):
            position = self.position(id_)
            if position + step == wall:
                wall = position
                continue
            changed |= self._swap(position, position + step)
            wall = position + step
        return changed

    def _swap(self, one: int, other: int) -> set[int]:
        places = self._places[one], self._places[other]
        ids = [self._id_at[place] for place in places]
        for id_, place in zip(reversed(ids), places, strict=True):
            self._id_at[place], self._place_of[id_] = id_, place
        return set(ids)

    # -- places --------------------------------------------------------------------------------

    def _put(self, id_: int, place: int) -> None:
        insort(self._places, place)
        self._id_at[place], self._place_of[id_] = id_, place

    def _bounds(self, first: int, last: int) -> tuple[int, int]:
        """The places that those in [first, last) have to stay between."""
        room = GAP * (last - first + 1)
        low = self._places[first - 1] if first else None
        high = self._places[last] if last < len(self._places) else None
        if low is None:
            low = -room if high is None else high - room
        return low, low + room if high is None else high

    def _has_room(self, position: int) -> bool:
        low, high = self._bounds(position, position)
        return high - low > 1 and low > -LIMIT and high < LIMIT

    def _between(self, position: int) -> int:
        low, high = self._bounds(position, position)
        return (low + high) // 2

    def _make_room(self, position: int) -> set[int]:
        """Spread some neighbours, so that another one fits in there."""
        width = WINDOW
        while True:
            first, last = max(0, position - width), min(len(self._places), position + width)
            ids = [self._id_at[place] for place in self._places[first:last]]
            low, high = self._bounds(first, last)
            gap = (high - low) // (len(ids) + 1)
            if gap > width and low > -LIMIT and high < LIMIT:
                break
            if len(ids) == len(self._places):
                return self._number_anew([], top=True)
            width *= 2
        for id_ in ids:
            self.remove(id_)
        for number, id_ in enumerate(ids, 1):
            self._put(id_, low + number * gap)
        return set(ids)

    def _number_anew(self, chosen: list[int], *, top: bool) -> set[int]:
        """Give everyone a new place, these before or behind all others."""
        others = self.ids()
        ids = [*chosen, *others] if top else [*others, *chosen]
        self._places, self._id_at, self._place_of = [], {}, {}
        for number, id_ in enumerate(ids):
            self._put(id_, number * GAP)
        return set(ids)
