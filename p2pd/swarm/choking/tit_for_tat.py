"""While downloading: the slots are for those who send us most (BEP 3, choking)."""

from __future__ import annotations

from typing import Protocol

from p2pd.swarm.choking.slot_peer import SlotPeer

TRADE_SECONDS = 20
"""Rates are compared over this time."""


class TradePeer(SlotPeer, Protocol):
    """What a peer is to a leecher."""

    @property
    def download_rate(self) -> float:
        """What it sends us."""


def has_earned(peer: TradePeer) -> bool:
    """Whether it may have a regular slot at all."""
    return peer.download_rate > 0


def trade_rank(peer: TradePeer) -> tuple[float, ...]:
    """The least is the best: who sends most; among equals who has a slot, then the eldest."""
    return -peer.download_rate, not peer.unchoked, -peer.upload_rate, peer.connected_at
