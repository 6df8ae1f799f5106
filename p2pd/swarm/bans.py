"""Who is banned: whole hosts, or single peers at hosts that others share; why, and until when.

Bounded; expired by who knows the time. Refuses to know of torrents, sockets and where it is kept.
Times are Unix seconds.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable, Iterator, NamedTuple

LIMIT = 10_000
"""Bans; the one that would end first gives way to a new one."""

REASON_LIMIT = 200
"""Characters."""


class PeerName(NamedTuple):
    """Who a peer is, even when it is gone. `port` is where it can be dialled, 0: it did not say."""

    host: str
    port: int
    peer_id: bytes


class Ban(NamedTuple):
    """Of a whole host, when port and peer id are empty; else of the peer that has either there."""

    host: str
    port: int
    peer_id: bytes
    reason: str
    since: float
    until: float | None
    """None: until it is lifted."""

    @property
    def whole_host(self) -> bool:
        """Whether it is of every peer at the host."""
        return not self.port and not self.peer_id

    def covers(self, port: int, peer_id: bytes) -> bool:
        """Whether it is of a peer of this host with this port, or with this id."""
        if self.whole_host:
            return True
        return bool((port and port == self.port) or (peer_id and peer_id == self.peer_id))


def ban_of(
    name: PeerName, reason: str, *, since: float, until: float | None, shared: bool = False
) -> Ban:
    """The ban of a peer: of its host, which costs it more than another port to get round.

    But only of itself, by its port and its id, on loopback, where everyone has one address, and
    when the host is known to be shared with a peer that is good (behind one NAT).
    """
    reason = reason[:REASON_LIMIT]
    if shared or ipaddress.ip_address(name.host).is_loopback:
        return Ban(name.host, name.port, name.peer_id, reason, since, until)
    return Ban(name.host, 0, b"", reason, since, until)


class Bans:
    """The bans in force, at most `limit`."""

    __slots__ = ("_by_host", "_count", "_first_end", "_limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._by_host: dict[str, list[Ban]] = {}
        self._count = 0
        self._first_end = float("inf")

    def add(self, ban: Ban) -> list[Ban]:
        """Ban; those that it replaces, or that gave way to it."""
        gone = [each for each in self._by_host.get(ban.host, ()) if _replaces(ban, each)]
        self._remove(gone)
        while self._count >= self._limit:
            ends_first = min(self, key=_end)
            self._remove([ends_first])
            gone.append(ends_first)
        self._by_host.setdefault(ban.host, []).append(ban)
        self._count += 1
        self._first_end = min(self._first_end, _end(ban))
        return gone

    def lift(self, host: str, port: int = 0) -> list[Ban]:
        """Lift all bans at a host, or with a port those of the peer that listens there."""
        found = [each for each in self._by_host.get(host, ()) if not port or each.port == port]
        self._remove(found)
        return found

    def expire(self, now: float) -> list[Ban]:
        """Those that are over, which are in force no more."""
        if now < self._first_end:
            return []
        over = [ban for ban in self if _end(ban) <= now]
        self._remove(over)
        self._first_end = min(map(_end, self), default=float("inf"))
        return over

    def covers(self, host: str, port: int = 0, peer_id: bytes = b"") -> bool:
        """Whether a peer is banned: its host, its port there, or its id there."""
        bans = self._by_host.get(host)
        return bans is not None and any(ban.covers(port, peer_id) for ban in bans)

    def _remove(self, bans: Iterable[Ban]) -> None:
        for ban in bans:
            at_host = self._by_host[ban.host]
            at_host.remove(ban)
            self._count -= 1
            if not at_host:
                del self._by_host[ban.host]

    def __iter__(self) -> Iterator[Ban]:
        for at_host in list(self._by_host.values()):
            yield from at_host

    def __contains__(self, ban: object) -> bool:
        return isinstance(ban, Ban) and ban in self._by_host.get(ban.host, ())

    def __len__(self) -> int:
        return self._count


def _end(ban: Ban) -> float:
    return float("inf") if ban.until is None else ban.until


def _replaces(new: Ban, old: Ban) -> bool:
    """Whether nothing is left of an old ban at the same host."""
    return new.whole_host or (new.port, new.peer_id) == (old.port, old.peer_id)
