"""Upload slots of those whom the user trusts: a quarter, and one at least where there are two.

What they do not use is everybody's; who of them gets none of these competes like anybody else.
Among them it goes by turns.
"""

from __future__ import annotations

from typing import Collection, Hashable, Iterable, Sequence, TypeVar

from p2pd.swarm.choking.round_robin import round_robin
from p2pd.swarm.choking.seeding_peer import SeedingPeer
from p2pd.swarm.choking.terms import Terms

SHARE = 4


P = TypeVar("P", bound=SeedingPeer)


def favoured_share(slots: int) -> int:
    """How many of the slots are theirs first: never the only one."""
    return max(1, slots // SHARE) if slots > 1 else 0


def favoured_first(
    willing: Iterable[P], favoured: Collection[Hashable], terms: Terms, now: float, slots: int
) -> Sequence[P]:
    """Whom to serve for that."""
    if not favoured:
        return ()
    ours = sorted(
        (peer for peer in willing if peer.key in favoured),
        key=lambda peer: round_robin(peer, terms, now),
    )
    return ours[: favoured_share(slots)]
