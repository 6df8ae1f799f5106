"""When torrents are announced to neighbours (BEP 14): each every five minutes, many together.

As many as fit are in one datagram, and these stay together, so that a round of 10,000 torrents is
some hundred datagrams, evenly spread; never more than one a second, and one a minute where so few
are enough, but for torrents that are new. Refuses to know of sockets; `now` is seconds.
"""

from __future__ import annotations

from typing import Callable, Generic, Hashable, Iterable, TypeVar

from p2pd.protocols.lsd import MOST_HASHES

INTERVAL = 300.0
GATHER = 2.0
"""Seconds that a new torrent waits for others."""
EARLY = 30.0
"""Seconds before it is due that a torrent fills a datagram that is sent anyway."""

LEAST_GAP = 1.0
LONGEST_GAP = 60.0
AT_ONCE = 5
"""Datagrams that are saved up while none was needed, for torrents that are new."""

K = TypeVar("K", bound=Hashable)


class Rounds(Generic[K]):
    """Torrents (any hashable); `hashes_of` tells how many info-hashes one has."""

    def __init__(self, hashes_of: Callable[[K], int]) -> None:
        self._hashes_of = hashes_of
        self._new: dict[K, float] = {}
        self._due: dict[K, float] = {}
        """In the order in which they are due."""
        self._missed: set[K] = set()
        """Those whose turn it was, and of whom nobody heard."""
        self._hashes = 0
        """Of all of them; a magnet may have turned out to have one more."""
        self._tokens = float(AT_ONCE)
        self._counted_at = 0.0
        self._sent_at = float("-inf")

    def add(self, torrent: K, now: float) -> None:
        """It runs: announce it soon."""
        if torrent not in self:
            self._hashes += self._hashes_of(torrent)
        self._due.pop(torrent, None)
        self._missed.discard(torrent)
        self._new.setdefault(torrent, now)

    def remove(self, torrent: K) -> None:
        """It runs no more."""
        if torrent in self:
            self._new.pop(torrent, None)
            self._due.pop(torrent, None)
            self._missed.discard(torrent)
            self._hashes = max(len(self), self._hashes - self._hashes_of(torrent))

    def everybody(self, now: float) -> None:
        """There is another network: nobody there has heard of any."""
        for torrent in self._due:
            self._new.setdefault(torrent, now)
        self._due.clear()
        self._missed.clear()

    def __contains__(self, torrent: object) -> bool:
        return torrent in self._new or torrent in self._due

    def __len__(self) -> int:
        return len(self._new) + len(self._due)

    def due(self, torrent: K) -> float | None:
        """When it is announced, or as soon as its turn comes; None when it is not known."""
        return self._new.get(torrent, self._due.get(torrent))

    def announced(self, torrent: K) -> float | None:
        """When it was last; None while it was not, or was to be announced anew."""
        due = self._due.get(torrent)
        return None if due is None or torrent in self._missed else due - INTERVAL

    def missed(self, torrents: Iterable[K]) -> None:
        """Of these that were just taken nobody heard: their next turn is when it would be."""
        self._missed.update(torrent for torrent in torrents if torrent in self._due)

    # -- datagrams -----------------------------------------------------------------------------

    def next_due(self, now: float) -> float | None:
        """When the next datagram is to be sent; None while there is nobody."""
        if self._new:
            wanted = next(iter(self._new.values())) + GATHER
        elif self._due:
            wanted = next(iter(self._due.values()))
        else:
            return None
        return max(wanted, self._allowed_at(now), now)

    def take(self, now: float) -> list[K]:
        """Those of the next datagram, which counts as sent: at a time that `next_due` told."""
        self._count(now)
        self._tokens -= 1.0
        self._sent_at = now
        taken: list[K] = []
        room = MOST_HASHES
        for queue, until in ((self._new, now), (self._due, now + EARLY)):
            while queue and next(iter(queue.values())) <= until:
                torrent = next(iter(queue))
                room -= self._hashes_of(torrent)
                if room < 0:
                    break
                del queue[torrent]
                taken.append(torrent)
        for torrent in taken:
            self._due[torrent] = now + INTERVAL
            self._missed.discard(torrent)
        return taken

    @property
    def gap(self) -> float:
        """Seconds between the datagrams of a round."""
        datagrams = max(1.0, self._hashes / MOST_HASHES)
        return min(max(INTERVAL / datagrams, LEAST_GAP), LONGEST_GAP)

    def _allowed_at(self, now: float) -> float:
        self._count(now)
        waits = max(0.0, 1.0 - self._tokens) * self.gap
        return max(now + waits, self._sent_at + LEAST_GAP)

    def _count(self, now: float) -> None:
        self._tokens = min(float(AT_ONCE), self._tokens + (now - self._counted_at) / self.gap)
        self._counted_at = now
