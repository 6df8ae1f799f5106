"""Our addresses on the internet, by the votes of who sees them: trackers, peers, DHT, the gateway.

One voter may say what it likes, so an address is believed when two networks told it, and more of
them than told any other (BEP 24, BEP 10's ``yourip``, BEP 42's ``ip``). The gateway that maps our
ports is worth two, since whoever could lie in its name could do worse. Addresses that nobody on the
internet can have are refused: a gateway behind another NAT tells such.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Callable

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError

SOURCES = ("tracker", "peer", "dht", "nat")

VOTERS = 64
"""Of each family, whose latest word counts; who was silent longest is forgotten first."""

ENOUGH = 2
KEPT_SECONDS = 4 * 3600.0
"""For so long a vote counts."""

_WEIGHTS = {"nat": ENOUGH}
_LONGEST_NAME = 255

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Vote:
    """What a voter told last, and when (the session's clock)."""

    source: str
    address: str
    at: float


class ExternalAddresses:
    """`changed` is called whenever another address is believed."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.refused = 0
        """Votes for what cannot be."""
        self._changed = changed
        self._votes: dict[bool, OrderedDict[str, Vote]] = {
            False: OrderedDict(),
            True: OrderedDict(),
        }
        self._believed: dict[bool, str] = {}

    def vote(self, source: str, voter: str, address: str, now: float) -> None:
        """`voter` (an IP address, or a name that is nobody else's) sees us as `address`."""
        seen = _public(address)
        key = None if seen is None else _voter(source, voter, seen)
        if seen is None or key is None or source not in SOURCES:
            self.refused += 1
            return
        ipv6 = ":" in str(seen)
        votes = self._votes[ipv6]
        before = votes.pop(key, None)
        if source == "nat" and before is not None and before.address != str(seen):
            self._drop(ipv6, before.address)
        votes[key] = Vote(source, str(seen), now)
        if len(votes) > VOTERS:
            votes.popitem(last=False)
        self._count(ipv6, now)

    def best(self, ipv6: bool) -> str | None:
        """Our address; None while that is not sure. It stays until another is believed."""
        return self._believed.get(ipv6)

    def counts(self, ipv6: bool) -> dict[str, dict[str, int]]:
        """How many voters of each source told each address."""
        found: dict[str, dict[str, int]] = {}
        for vote in self._votes[ipv6].values():
            of_address = found.setdefault(vote.address, {})
            of_address[vote.source] = of_address.get(vote.source, 0) + 1
        return found

    def forget(self) -> None:
        """We are connected in another way now: nothing that was told holds."""
        for votes in self._votes.values():
            votes.clear()
        if self._believed:
            self._believed.clear()
            self._changed()

    def _drop(self, ipv6: bool, address: str) -> None:
        """The gateway has another address: who told of the one before has not seen it yet."""
        votes = self._votes[ipv6]
        for key in [key for key, vote in votes.items() if vote.address == address]:
            del votes[key]

    def _count(self, ipv6: bool, now: float) -> None:
        votes = self._votes[ipv6]
        while votes and next(iter(votes.values())).at < now - KEPT_SECONDS:
            votes.popitem(last=False)
        counted: Counter[str] = Counter()
        for vote in votes.values():
            counted[vote.address] += _WEIGHTS.get(vote.source, 1)
        (winner, count), *rest = counted.most_common(2)
        tie = bool(rest) and rest[0][1] == count
        if count >= ENOUGH and not tie and self._believed.get(ipv6) != winner:
            self._believed[ipv6] = winner
            self._changed()


def is_public(host: str) -> bool:
    """Whether somebody on the internet can have that IP address."""
    return _public(host) is not None


def _public(host: str) -> IpAddress | None:
    try:
        address = ipaddress.ip_address(canonical_host(host))
    except FormatError:
        return None
    return address if address.is_global and not address.is_multicast else None


def _voter(source: str, voter: str, seen: IpAddress) -> str | None:
    """Under what the vote is kept: one for each network. None when it cannot know."""
    if source == "nat":
        return source  # another gateway is in the place of the one before
    try:
        teller = ipaddress.ip_address(canonical_host(voter))
    except FormatError:
        return voter[:_LONGEST_NAME] if source == "tracker" and voter else None
    if not teller.is_global or teller.version != seen.version:
        return None
    return str(ipaddress.ip_network((teller, 16 if teller.version == 4 else 32), strict=False))
