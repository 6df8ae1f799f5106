"""Our own addresses as others see them: what most peers of different networks tell (BEP 10, 24).

One peer may say what it likes, so an address is believed once two networks told it, and more of
them than told any other. Peers on our own network see another address than those on the internet.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from typing import NamedTuple

VOTERS = 64
"""Networks whose latest word counts; the oldest is forgotten first."""

ENOUGH = 2
"""Networks that must agree."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Side(NamedTuple):
    """From where we are seen: by which family, and from the internet or from a private network."""

    version: int
    public: bool


class OwnAddresses:
    """One address for each side. `version` counts how often one of them changed."""

    __slots__ = ("_believed", "_votes", "version")

    def __init__(self) -> None:
        self.version = 0
        self._votes: dict[Side, OrderedDict[bytes, IpAddress]] = {}
        self._believed: dict[Side, IpAddress] = {}

    def told(self, ours: str, by: str) -> None:
        """The peer or tracker at `by` sees us as `ours`. What cannot be is ignored."""
        try:
            seen, teller = ipaddress.ip_address(ours), ipaddress.ip_address(by)
        except ValueError:
            return
        side = side_of(teller)
        if side_of(seen) != side or not _possible(seen):
            return
        votes = self._votes.setdefault(side, OrderedDict())
        network = teller.packed[: 2 if side.version == 4 else 4] if side.public else teller.packed
        votes[network] = seen
        votes.move_to_end(network)
        if len(votes) > VOTERS:
            votes.popitem(last=False)
        self._count(side)

    def believe(self, host: str | None, *, ipv6: bool) -> None:
        """Somebody else knows better what the internet sees us as; None: nobody does."""
        side = Side(6 if ipv6 else 4, public=True)
        address = None if host is None else ipaddress.ip_address(host)
        if self._believed.get(side) != address:
            self.version += 1
            self._believed.pop(side, None)
            if address is not None:
                self._believed[side] = address

    def _count(self, side: Side) -> None:
        (winner, count), *rest = Counter(self._votes[side].values()).most_common(2)
        tie = bool(rest) and rest[0][1] == count
        if count >= ENOUGH and not tie and self._believed.get(side) != winner:
            self._believed[side] = winner
            self.version += 1

    def seen_by(self, side: Side) -> IpAddress | None:
        """Our address as that side sees it; None while that is not sure."""
        return self._believed.get(side)

    def all(self) -> tuple[IpAddress, ...]:
        """Every address that is believed to be ours."""
        return tuple(self._believed.values())


def side_of(address: IpAddress) -> Side:
    """The side that an address is on."""
    return Side(address.version, not address.is_private)


def _possible(address: IpAddress) -> bool:
    return not (address.is_multicast or address.is_unspecified or address.is_loopback)
