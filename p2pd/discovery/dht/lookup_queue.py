"""Which lookups run: so many at a time, the others in the order in which they came."""

from __future__ import annotations

from collections import deque
from typing import Callable, Iterable

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.lookup import Lookup
from p2pd.discovery.dht.options import DhtOptions

Seeds = Iterable[tuple[bytes | None, PeerAddress]]


class LookupQueue:
    """Lookups by their state; `seeds_for` says with which nodes one begins."""

    def __init__(self, options: DhtOptions, seeds_for: Callable[[bytes], Seeds]) -> None:
        self._options = options
        self._seeds_for = seeds_for
        self._waiting: deque[Lookup] = deque()
        self._running: set[Lookup] = set()
        self._turned_away: list[Lookup] = []

    @property
    def running(self) -> int:
        """How many ask."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many do not yet."""
        return len(self._waiting)

    def add(self, lookup: Lookup) -> None:
        """Run it when there is room; when too many wait, it ends without having asked anybody."""
        if len(self._waiting) >= self._options.waiting_lookups:
            self._turned_away.append(lookup)
        else:
            self._waiting.append(lookup)

    def start(self, lookup: Lookup, now: float) -> None:
        """Run it now, whatever else runs: the node needs it itself."""
        self._running.add(lookup)
        lookup.start(self._seeds_for(lookup.search.target), now)

    def ended(self, lookup: Lookup) -> None:
        """It asks no more."""
        self._running.discard(lookup)
        if lookup in self._waiting:
            self._waiting.remove(lookup)

    def has_work(self) -> bool:
        """Whether something could begin, or end, now."""
        room = len(self._running) < self._options.lookups
        return bool(self._turned_away) or (room and bool(self._waiting))

    def run(self, now: float) -> None:
        """Begin what there is room for."""
        turned_away, self._turned_away = self._turned_away, []
        for lookup in turned_away:
            lookup.start((), now)
        while self._waiting and len(self._running) < self._options.lookups:
            self.start(self._waiting.popleft(), now)
