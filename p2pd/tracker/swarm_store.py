"""What a tracker needs of the place where it keeps its swarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Awaitable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress


@dataclass(frozen=True, slots=True)
class SwarmPeer:
    """A peer that announced itself. `key` (BEP 7) proves that it is the same one later."""

    peer_id: bytes
    address: PeerAddress
    left: int
    key: str = ""

    @property
    def is_seeder(self) -> bool:
        """Whether it has everything."""
        return self.left == 0


@dataclass(frozen=True, slots=True)
class SwarmCounts:
    """How many seeders and leechers a swarm has, and how often its download was finished."""

    seeders: int = 0
    leechers: int = 0
    downloads: int = 0


class SwarmStore(Protocol):
    """Swarms by 20-byte info-hash. `now` is monotonic seconds; answers may take their time."""

    def announce(
        self, info_hash: bytes, peer: SwarmPeer, *, event: str, expires: float, now: float
    ) -> Awaitable[SwarmCounts]:
        """Put the peer in (or out, when it stopped). Raises TrackerFullError, KeyMismatchError."""

    def peers(
        self, info_hash: bytes, asking: SwarmPeer, count: int, *, now: float
    ) -> Awaitable[Sequence[SwarmPeer]]:
        """Up to `count` others at random; a seeder is given no seeders."""

    def scrape(self, info_hash: bytes, *, now: float) -> Awaitable[SwarmCounts | None]:
        """The counts of a swarm; None when there is none."""


class TrackerFullError(Exception):
    """There is no room for another swarm, or another peer in it."""


class KeyMismatchError(Exception):
    """Somebody else announced this peer id at this address."""
