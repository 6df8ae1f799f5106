"""What is asked of a node of the DHT, and what those who asked are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Protocol

from p2pd.base.addresses import PeerAddress


@dataclass(frozen=True, slots=True)
class Announce:
    """Ourselves, as a peer of a torrent: where we listen, and whether we are a seed (BEP 33)."""

    port: int
    implied_port: bool = False
    """Whether others shall take the port that our datagrams come from."""
    seed: bool = False


@dataclass(frozen=True, slots=True)
class LookupOutcome:
    """How a lookup ended; `error` is a sentence when it found nobody to ask, else empty."""

    hops: int = 0
    """Nodes one after the other on the way to the closest that answered."""
    queried: int = 0
    answered: int = 0
    peers: int = 0
    announced_to: int = 0
    """Nodes that took what was to be stored."""
    seconds: float = 0.0
    seeds_estimate: float | None = None
    """Seeds and other peers by BEP 33; None when nobody told."""
    peers_estimate: float | None = None
    error: str = ""
    refusals: tuple[tuple[int, str], ...] = ()
    """Numbers and words of nodes that refused what was to be stored, some of them."""


@dataclass(frozen=True, slots=True)
class NodeSample:
    """What one node told of its info-hashes (BEP 51): ask it again after `interval` seconds."""

    address: PeerAddress
    count: int
    """Info-hashes that it has, by its word."""
    interval: int
    told: int
    """Info-hashes that it told of."""


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """Info-hashes that nodes near a target have peers of."""

    info_hashes: frozenset[bytes]
    nodes: tuple[NodeSample, ...]
    lookup: LookupOutcome


@dataclass(frozen=True, slots=True)
class DhtStatus:
    """Counts of a node, for people and metrics; those of datagrams are since the start."""

    node_id: bytes
    ipv6: bool
    read_only: bool
    external_address: str
    good: int
    questionable: int
    bad: int
    replacements: int
    depth: int
    """Buckets of the table."""
    queries_in: dict[str, int] = field(default_factory=dict)
    queries_out: dict[str, int] = field(default_factory=dict)
    answers_in: int = 0
    errors_in: int = 0
    errors_out: int = 0
    timeouts: int = 0
    malformed: int = 0
    unasked: int = 0
    """Answers to questions that were not asked, or asked of somebody else."""
    refused: int = 0
    """Queries of those who asked too much."""
    lookups_running: int = 0
    lookups_waiting: int = 0
    outstanding: int = 0
    stored_info_hashes: int = 0
    stored_peers: int = 0
    stored_items: int = 0
    stored_bytes: int = 0


class Operation:
    """Something under way; `cancel` ends it without a word to whoever waits."""

    __slots__ = ("_cancel",)

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel

    def cancel(self) -> None:
        """End it; once it is over this does nothing."""
        self._cancel()


class Found(Protocol):
    """Takes peers as they are found, each once in a lookup."""

    def __call__(self, peers: list[PeerAddress], /) -> None: ...
