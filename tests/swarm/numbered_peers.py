"""Peers that are called by a number, each at a host of its own."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import Ban, Bans
from p2pd.swarm.peer_pool import PeerPool


def address(number: int, port: int = 6881) -> PeerAddress:
    return PeerAddress(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", port)


def ban(bans: Bans, pool: PeerPool, number: int, port: int = 0) -> None:
    """As a session does."""
    bans.add(Ban(address(number).host, port, b"", "it lied", 0.0, None))
    pool.drop_banned({address(number).host})
