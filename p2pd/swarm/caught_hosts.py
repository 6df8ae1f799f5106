"""Addresses of peers that worked, of all torrents together: whom to try when nobody is found.

Kept apart from the good peers of each torrent (good_peers.py), which say who has that torrent: here
it is only known that somebody was there, and how well that went. Hosts of private torrents (BEP 27)
never enter. Bounded; refuses to know where it is kept. `wall` is Unix seconds.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple

from p2pd.base.addresses import PeerAddress

LIMIT = 2000
SLACK = 200
"""Above the limit before the worst are thrown out, all at once."""

KEPT_SECONDS = 14 * 86_400.0
"""A peer that was not met for so long is forgotten."""

LEAST_BYTES = 16_384
LEAST_SECONDS = 60.0
"""Who moved less, and was there for less, has not been seen to work."""

MOST_FAILURES = 3
"""In a row, after which nobody is there any more."""

KEPT_OUT = 5000
"""Hosts of private torrents that are remembered, those met last."""

_DAY = 86_400.0


class CaughtHost(NamedTuple):
    """What there was of an address, over `successes` connections of `seconds` in all."""

    address: PeerAddress
    seen_at: float
    received: int
    sent: int
    seconds: float
    successes: int
    failures: int = 0

    def worth(self, wall: float) -> float:
        """The higher, the better: a day ago is as bad as half of the bytes."""
        moved = (1 + self.received + self.sent).bit_length()
        return moved + min(self.successes, 8) - (wall - self.seen_at) / _DAY


class CaughtHosts:
    """At most `limit` of them, the best. `changed` says whether they are as they were kept."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.changed = False
        self._limit = limit
        self._hosts: dict[PeerAddress, CaughtHost] = {}
        self._kept_out: dict[str, float] = {}

    def recall(
        self, hosts: Iterable[CaughtHost], kept_out: Iterable[tuple[str, float]], wall: float
    ) -> None:
        """Those of an earlier run; what is known by now stays."""
        known = self._kept_out
        self._kept_out = {host: at for host, at in kept_out if _is_fresh(at, wall)} | known
        for one in hosts:
            if _is_fresh(one.seen_at, wall) and one.address.host not in self._kept_out:
                self._hosts.setdefault(one.address, one)
        self._trim(wall, self._limit)

    def met(
        self, address: PeerAddress, *, received: int, sent: int, seconds: float, wall: float
    ) -> None:
        """A connection that we made is over, in peace."""
        if address.host in self._kept_out:
            return
        if received + sent < LEAST_BYTES and seconds < LEAST_SECONDS:
            return
        before = self._hosts.get(address)
        if before is not None:
            received += before.received
            sent += before.sent
            seconds += before.seconds
        successes = 1 if before is None else before.successes + 1
        self._hosts[address] = CaughtHost(address, wall, received, sent, seconds, successes)
        self.changed = True
        if len(self._hosts) > self._limit + SLACK:
            self._trim(wall, self._limit)

    def failed(self, address: PeerAddress) -> None:
        """Nobody was there."""
        known = self._hosts.get(address)
        if known is None:
            return
        self.changed = True
        if known.failures + 1 >= MOST_FAILURES:
            del self._hosts[address]
        else:
            self._hosts[address] = known._replace(failures=known.failures + 1)

    def forget(self, address: PeerAddress) -> None:
        """Whoever is there misbehaved."""
        self.changed |= self._hosts.pop(address, None) is not None

    def keep_out(self, host: str, wall: float) -> None:
        """Somebody at this host is a peer of a private torrent."""
        if self._kept_out.pop(host, None) is None:
            for address in [address for address in self._hosts if address.host == host]:
                del self._hosts[address]
            self.changed = True
        self._kept_out[host] = wall  # at the end: the one met longest ago is forgotten
        if len(self._kept_out) > KEPT_OUT:
            del self._kept_out[next(iter(self._kept_out))]

    def clear(self) -> None:
        """Nothing is to be known any more."""
        self.changed |= bool(self._hosts or self._kept_out)
        self._hosts.clear()
        self._kept_out.clear()

    def best(self, wall: float, wanted: Callable[[PeerAddress], bool]) -> PeerAddress | None:
        """The best of those that are wanted."""
        usable = (
            one
            for one in self._hosts.values()
            if _is_fresh(one.seen_at, wall) and wanted(one.address)
        )
        found = max(usable, key=lambda one: (one.worth(wall), one.address), default=None)
        return None if found is None else found.address

    def to_keep(self, wall: float) -> tuple[list[CaughtHost], list[tuple[str, float]]]:
        """What to keep: those that worked, and the hosts that may not enter."""
        self._trim(wall, self._limit)
        return list(self._hosts.values()), list(self._kept_out.items())

    def _trim(self, wall: float, limit: int) -> None:
        fresh = (one for one in self._hosts.values() if _is_fresh(one.seen_at, wall))
        best = sorted(fresh, key=lambda one: -one.worth(wall))[:limit]
        self._hosts = {one.address: one for one in best}

    def __iter__(self) -> Iterator[CaughtHost]:
        return iter(self._hosts.values())

    def __len__(self) -> int:
        return len(self._hosts)


def _is_fresh(at: float, wall: float) -> bool:
    return wall - at <= KEPT_SECONDS
