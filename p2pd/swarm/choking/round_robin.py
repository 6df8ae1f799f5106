"""Seeding so that everybody has a turn: a minute each, then who has waited longest."""

from __future__ import annotations

from p2pd.swarm.choking.seeding_peer import SeedingPeer, is_settling
from p2pd.swarm.choking.terms import Terms

TURN_SECONDS = 60.0


def round_robin(peer: SeedingPeer, terms: Terms, now: float) -> tuple[float, ...]:
    """Who is in its turn and takes something, who waits longest, whose turn is over."""
    if not peer.unchoked:
        return 1, terms.waiting_since(peer.key, peer.connected_at)
    served = terms.served_for(peer.key, now)
    in_turn = served < TURN_SECONDS and peer.upload_rate > 0
    return (0 if in_turn or is_settling(peer, terms, now) else 2), served
