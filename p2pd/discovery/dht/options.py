"""What a node of the DHT may use, how fast it goes, and when it looks after its table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DhtOptions:
    """The defaults are those of BEP 5 where it has any; times are seconds."""

    closest: int = 8
    """Nodes in a bucket, in an answer, and that are announced to (K of BEP 5)."""
    concurrency: int = 4
    """Questions of one lookup that are under way (alpha); slow ones do not count."""
    lookups: int = 48
    """Lookups that run; more wait."""
    waiting_lookups: int = 2000
    """Lookups that wait; more are refused."""
    candidates: int = 100
    """Nodes that one lookup remembers, the closest of those it heard of."""
    queries_of_a_lookup: int = 150
    lookup_seconds: float = 120.0
    outstanding: int = 512
    """Questions without an answer yet, over all lookups and pings."""
    pings: int = 8
    """Nodes that are pinged at a time, of those that were heard of."""
    waiting_pings: int = 256
    peers_of_a_lookup: int = 5000
    restrict_addresses: bool = True
    """One node of each address in the table, one of each network (/24, /64) in a bucket and in a
    lookup; those on local networks excepted."""
    prefer_bound_ids: bool = True
    """Nodes whose id fits their address (BEP 42) go before those whose does not."""
    questionable_after: float = 900.0
    refresh_after: float = 900.0
    """Buckets, and our own neighbourhood, in which nothing happened for so long are looked up."""
    least_ping_interval: float = 4.0
    """Between two looks whether a node of the table is still there."""
    bootstrap_retry: float = 10.0
    """After which nodes are looked for again that nobody told us; doubled up to five minutes."""
    version: bytes = b"P2\x00\x01"
    """What our messages have as ``v``: it is four bytes."""
