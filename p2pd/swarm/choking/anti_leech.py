"""Seeding so that those who only take are served last.

Who just came has nothing to give yet, and who is about to complete becomes a seed: these are served
first. In between a peer can live on what others trade for; one that gives nothing stays there
longest. (Chow, Golubchik, Misra: Improving BitTorrent, a simple approach, 2008.)
"""

from __future__ import annotations

from p2pd.swarm.choking.round_robin import round_robin
from p2pd.swarm.choking.seeding_peer import SeedingPeer, is_settling
from p2pd.swarm.choking.terms import Terms

STEPS = 20
"""Ranks go by twentieths of the torrent, so that a slot does not move with every piece."""


def anti_leech(peer: SeedingPeer, terms: Terms, now: float) -> tuple[float, ...]:
    """Who was just let in, who is farthest from the middle; among equals by turns."""
    extreme = round(abs(peer.progress - 0.5) * STEPS)
    return not is_settling(peer, terms, now), -extreme, *round_robin(peer, terms, now)
