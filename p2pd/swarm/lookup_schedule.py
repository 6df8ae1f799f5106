"""When torrents are looked up and announced in the DHT: all of them, a few at a time, spread out.

A magnet that lacks its metadata comes first, then who lacks peers, then who only has to stay known:
addresses are forgotten by DHT nodes after half an hour or so (BEP 5 leaves it to them). Nobody
waits for ever: being ahead is worth some minutes, not more. Refuses to know of the network; `now`
is seconds.
"""

from __future__ import annotations

import enum
import heapq
import random
from typing import Generic, Hashable, TypeVar

AT_ONCE = 40
"""Torrents that are looked up at a time."""

KEPT_FOR_METADATA = 8
"""Of those, the ones that only a torrent without metadata may have."""

PER_SECOND = 10.0
"""Look-ups begun in a second: 10,000 torrents have theirs within the interval of a seed."""

UNHEARD_SECONDS = 20.0
"""After a look-up that no node answered, and twice as long after the next."""


class Need(enum.Enum):
    """What a torrent wants of the DHT: seconds between look-ups, at first and in the end."""

    METADATA = (15.0, 300.0, float("inf"))
    PEERS = (60.0, 900.0, 300.0)
    MORE_PEERS = (900.0, 900.0, 60.0)
    """It has some."""
    BE_FOUND = (1500.0, 1500.0, 0.0)
    """It has everything."""

    def __init__(self, first: float, longest: float, ahead: float) -> None:
        self.first = first
        self.longest = longest
        self.ahead = ahead
        """Seconds that it is before others that were due at the same time."""


class _Entry:
    """One torrent; `turn` tells its place in a heap from those that it had before."""

    __slots__ = ("answered", "due", "in_vain", "need", "running", "turn")

    def __init__(self, need: Need) -> None:
        self.need = need
        self.due = 0.0
        self.in_vain = 0
        self.answered = True
        self.running = False
        self.turn = 0


K = TypeVar("K", bound=Hashable)


class LookupSchedule(Generic[K]):
    """Torrents (any hashable) in the order in which they are looked up."""

    def __init__(
        self,
        rng: random.Random,
        *,
        at_once: int = AT_ONCE,
        kept_for_metadata: int = KEPT_FOR_METADATA,
        per_second: float = PER_SECOND,
    ) -> None:
        self._rng = rng
        self._at_once = at_once
        self._common = at_once - kept_for_metadata
        self._pause = 1.0 / per_second
        self._entries: dict[K, _Entry] = {}
        self._later: list[tuple[float, int, K]] = []
        self._ready: list[tuple[float, float, int, K]] = []
        self._turns = 0
        self._next_start = float("-inf")
        self.running = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, torrent: object) -> bool:
        return torrent in self._entries

    # -- torrents ------------------------------------------------------------------------------

    def add(self, torrent: K, need: Need, now: float) -> None:
        """It is to be looked up from now on, first as soon as it is its turn."""
        if torrent not in self._entries:
            self._entries[torrent] = _Entry(need)
            self._put(torrent, now)

    def remove(self, torrent: K) -> None:
        """No more; a look-up under way is over, too."""
        entry = self._entries.pop(torrent, None)
        if entry is not None and entry.running:
            self.running -= 1

    def needs(self, torrent: K, need: Need, now: float) -> None:
        """It wants something else than before: perhaps sooner than it would have its turn."""
        entry = self._entries.get(torrent)
        if entry is None or need is entry.need:
            return
        entry.need, entry.in_vain = need, 0
        if not entry.running:
            self._put(torrent, min(entry.due, now + self._interval(need.first)))

    def soon(self, torrent: K, now: float) -> None:
        """Somebody asks for it."""
        entry = self._entries.get(torrent)
        if entry is not None and not entry.running and entry.due > now:
            self._put(torrent, now)

    def everybody_soon(self, now: float) -> None:
        """The DHT can be asked, and could not before."""
        for torrent, entry in self._entries.items():
            if not entry.running:
                entry.in_vain = 0
                if entry.due > now:
                    self._put(torrent, now)

    # -- look-ups ------------------------------------------------------------------------------

    def take(self, now: float) -> K | None:
        """Whose turn it is, if there is room for another look-up; `over` ends it."""
        while self._later and self._later[0][0] <= now:
            due, turn, torrent = heapq.heappop(self._later)
            if self._is_current(torrent, turn):
                place = due - self._entries[torrent].need.ahead
                heapq.heappush(self._ready, (place, due, turn, torrent))
        if not self._has_room(now):
            return None
        torrent = heapq.heappop(self._ready)[-1]
        self._entries[torrent].running = True
        self._entries[torrent].turn = 0
        self.running += 1
        self._next_start = max(self._next_start, now - 1.0) + self._pause
        return torrent

    def over(self, torrent: K, need: Need, now: float, *, answered: bool) -> None:
        """A look-up ended, `answered` by some node, and what is needed now is `need`.

        Whoever needs the same as before waits longer each time.
        """
        entry = self._entries.get(torrent)
        if entry is None or not entry.running:
            return
        entry.running = False
        self.running -= 1
        if need is not entry.need or answered is not entry.answered:
            entry.need, entry.answered, entry.in_vain = need, answered, 0
        shortest = need.first if answered else min(UNHEARD_SECONDS, need.first)
        wait = min(shortest * (1 << min(entry.in_vain, 10)), need.longest)
        entry.in_vain += 1
        self._put(torrent, now + self._interval(wait))

    def due(self, torrent: K) -> float | None:
        """When it is looked up next, or was to be; None while that happens, or if it never will."""
        entry = self._entries.get(torrent)
        return None if entry is None or entry.running else entry.due

    def next_wake(self, now: float) -> float | None:
        """When to ask `take` again; None while only the end of a look-up can change anything."""
        self._drop_stale()
        waits = [self._later[0][0]] if self._later else []
        if self._ready and self.running < self._room_for(self._ready[0]):
            waits.append(self._allowed_at(self._ready[0]))
        return max(now, min(waits)) if waits else None

    # -- inside --------------------------------------------------------------------------------

    def _interval(self, seconds: float) -> float:
        return seconds * self._rng.uniform(0.9, 1.1)

    def _put(self, torrent: K, due: float) -> None:
        entry = self._entries[torrent]
        self._turns += 1
        entry.due, entry.turn = due, self._turns
        heapq.heappush(self._later, (due, self._turns, torrent))
        if len(self._later) > 2 * len(self._entries) + 64:
            self._later = [each for each in self._later if self._is_current(each[2], each[1])]
            heapq.heapify(self._later)

    def _is_current(self, torrent: K, turn: int) -> bool:
        entry = self._entries.get(torrent)
        return entry is not None and entry.turn == turn

    def _drop_stale(self) -> None:
        while self._later and not self._is_current(self._later[0][2], self._later[0][1]):
            heapq.heappop(self._later)
        while self._ready and not self._is_current(self._ready[0][3], self._ready[0][2]):
            heapq.heappop(self._ready)

    def _has_room(self, now: float) -> bool:
        self._drop_stale()
        if not self._ready or self.running >= self._room_for(self._ready[0]):
            return False
        return self._allowed_at(self._ready[0]) <= now

    def _room_for(self, first: tuple[float, float, int, K]) -> int:
        return self._at_once if self._is_urgent(first) else self._common

    def _allowed_at(self, first: tuple[float, float, int, K]) -> float:
        return float("-inf") if self._is_urgent(first) else self._next_start

    def _is_urgent(self, first: tuple[float, float, int, K]) -> bool:
        return self._entries[first[3]].need is Need.METADATA
