"""Seeding so that most is sent: the slots are for those who take most."""

from __future__ import annotations

from p2pd.swarm.choking.seeding_peer import SeedingPeer, is_settling
from p2pd.swarm.choking.terms import Terms


def fastest_upload(peer: SeedingPeer, terms: Terms, now: float) -> tuple[float, ...]:
    """Who was just let in, who takes most, who waits longest; at the end who takes nothing."""
    rate = peer.upload_rate if peer.unchoked else 0.0
    waiting = terms.waiting_since(peer.key, peer.connected_at)
    return not is_settling(peer, terms, now), -rate, peer.unchoked, waiting
