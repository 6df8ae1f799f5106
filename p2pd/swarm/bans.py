"""Who is banned: whole hosts, single peers at hosts that others share, and nodes by their keys,
wherever they are; why, and until when.

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
    """Who a peer is, even when it is gone. `port` is where it can be dialled, 0: it did not say;
    `node_key` is the one that it proved to have, empty: none.
    """

    host: str
    port: int
    peer_id: bytes
    node_key: bytes = b""


class Ban(NamedTuple):
    """Of a whole host, when port and peer id are empty; else of the peer that has either there.

    With a `node_key` it is of that node alone: the host is empty then.
    """

    host: str
    port: int
    peer_id: bytes
    reason: str
    since: float
    until: float | None
    """None: until it is lifted."""
    node_key: bytes = b""

    @property
    def whole_host(self) -> bool:
        """Whether it is of every peer at the host."""
        return not (self.port or self.peer_id or self.node_key)

    @property
    def place(self) -> str | bytes:
        """The host, or the key of the node."""
        return self.node_key or self.host

    def covers(self, port: int, peer_id: bytes) -> bool:
        """Whether it is of a peer of this host with this port, or with this id; or of the node."""
        if self.whole_host or self.node_key:
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

    __slots__ = ("_by_place", "_count", "_first_end", "_limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._by_place: dict[str | bytes, list[Ban]] = {}
        self._count = 0
        self._first_end = float("inf")

    def add(self, ban: Ban) -> list[Ban]:
        """Ban; those that it replaces, or that gave way to it."""
        gone = [each for each in self._by_place.get(ban.place, ()) if _replaces(ban, each)]
        self._remove(gone)
        while self._count >= self._limit:
            ends_first = min(self, key=_end)
            self._remove([ends_first])
            gone.append(ends_first)
        self._by_place.setdefault(ban.place, []).append(ban)
        self._count += 1
        self._first_end = min(self._first_end, _end(ban))
        return gone

    def lift(self, place: str | bytes, port: int = 0) -> list[Ban]:
        """Lift all bans at a host, or with a port those of the peer that listens there; or of the
        node with a key.
        """
        found = [each for each in self._by_place.get(place, ()) if not port or each.port == port]
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

    def covers(self, host: str, port: int = 0, peer_id: bytes = b"", node_key: bytes = b"") -> bool:
        """Whether a peer is banned: its host, its port there, its id there, or its node."""
        if node_key and node_key in self._by_place:
            return True
        bans = self._by_place.get(host)
        return bans is not None and any(ban.covers(port, peer_id) for ban in bans)

    @property
    def is_half_full(self) -> bool:
        """Whether no more are to be made of those that are there: others could have to give way."""
        return 2 * self._count >= self._limit

    def of_node(self, node_key: bytes) -> list[Ban]:
        """Those of the node with this key."""
        return list(self._by_place.get(node_key, ()))

    def _remove(self, bans: Iterable[Ban]) -> None:
        for ban in bans:
            at_place = self._by_place[ban.place]
            at_place.remove(ban)
            self._count -= 1
            if not at_place:
                del self._by_place[ban.place]

    def __iter__(self) -> Iterator[Ban]:
        for at_place in list(self._by_place.values()):
            yield from at_place

    def __contains__(self, ban: object) -> bool:
        return isinstance(ban, Ban) and ban in self._by_place.get(ban.place, ())

    def __len__(self) -> int:
        return self._count


def _end(ban: Ban) -> float:
    return float("inf") if ban.until is None else ban.until


def _replaces(new: Ban, old: Ban) -> bool:
    """Whether nothing is left of an old ban at the same host, or of the same node."""
    return new.whole_host or (new.port, new.peer_id) == (old.port, old.peer_id)
