"""Which peers snub us: they let us ask, are asked, and send nothing (BEP 3, anti-snubbing)."""

from __future__ import annotations

from typing import Hashable, Iterable, Protocol

SNUBBED_SECONDS = 60.0


class OwingPeer(Protocol):
    """What is to be known of a peer; times in seconds."""

    @property
    def key(self) -> Hashable:
        """What the answers name it by."""

    @property
    def owes(self) -> bool:
        """It has unchoked us, and we want something of it."""

    @property
    def last_block_at(self) -> float:
        """When its last block came."""


class Snubbing:
    """Since when each peer has owed us a block."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}

    def look(self, peers: Iterable[OwingPeer], now: float) -> set[Hashable]:
        """Every round, with all peers: those that have kept us waiting for a minute."""
        self._since = {
            peer.key: max(self._since.get(peer.key, now), peer.last_block_at)
            for peer in peers
            if peer.owes
        }
        return {key for key, since in self._since.items() if now - since >= SNUBBED_SECONDS}
