"""What the seeding policies see of a peer, and what a policy is."""

from __future__ import annotations

from typing import Callable, Protocol

from p2pd.swarm.choking.slot_peer import SlotPeer
from p2pd.swarm.choking.terms import Terms

GRACE_SECONDS = 20.0
"""A slot is not taken away before its peer could show what it takes."""


class SeedingPeer(SlotPeer, Protocol):
    """What a peer is to a seed."""

    @property
    def progress(self) -> float:
        """How much of the torrent it has, 0 to 1: what it says, or what we gave it if more."""


SeedingRank = Callable[[SeedingPeer, Terms, float], tuple[float, ...]]
"""A peer's rank from its terms and the time; the least is served first."""


def is_settling(peer: SeedingPeer, terms: Terms, now: float) -> bool:
    """Whether it got its slot only just now."""
    return peer.unchoked and terms.served_for(peer.key, now) < GRACE_SECONDS
