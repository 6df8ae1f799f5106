"""What the nodes of a host store for others, and how much they answer; all share it (BEP 45)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from p2pd.discovery.dht.item_store import ItemStore
from p2pd.discovery.dht.peer_store import PeerStore
from p2pd.discovery.dht.query_limits import QueryLimits
from p2pd.discovery.dht.tokens import WriteTokens


@dataclass(frozen=True, slots=True)
class DhtStores:
    """Peers, items, the tokens to write with, and the bounds on queries."""

    peers: PeerStore
    items: ItemStore
    tokens: WriteTokens
    limits: QueryLimits


def new_stores(rng: random.Random, now: float) -> DhtStores:
    """Empty stores with their usual bounds; `rng` should be one that nobody can predict."""
    return DhtStores(PeerStore(rng), ItemStore(), WriteTokens(rng, now), QueryLimits(now))
