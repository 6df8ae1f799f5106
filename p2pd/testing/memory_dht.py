"""A DHT without nodes or datagrams: who announced what is known to everybody, a little later.

Each session has a `MemoryDhtNode` of one `MemoryDht`; what it was asked is in `asked`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall

ANSWER_SECONDS = 0.2
"""How long a look-up takes."""


@dataclass(frozen=True, slots=True)
class MemoryOutcome:
    """How a look-up ended (dht_network.LookupOutcome)."""

    answered: int
    announced_to: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up that a session began."""

    at: float
    info_hash: bytes
    port: int
    seed: bool


class _Operation:
    def __init__(self, node: MemoryDhtNode, call: DelayedCall) -> None:
        self._node = node
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()
            self._node.under_way -= 1
            self._node.cancelled += 1


class MemoryDht:
    """What all nodes know."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.peers: dict[bytes, dict[PeerAddress, bool]] = {}
        self.reachable = True
        """Whether anybody answers."""

    def at(self, host: str) -> MemoryDhtNode:
        """The node of the session at this host."""
        return MemoryDhtNode(self, host)


class MemoryDhtNode:
    """One session's way to it (dht_network.DhtNetwork)."""

    def __init__(self, dht: MemoryDht, host: str) -> None:
        self._dht = dht
        self._host = host
        self.enabled = True
        self.asked: list[Asked] = []
        self.nodes: list[PeerAddress] = []
        self.under_way = 0
        self.most_at_once = 0
        self.cancelled = 0

    def switch(self, on: bool) -> None:
        """Run, or do not."""
        self.enabled = on

    def find_peers(
        self,
        info_hash: bytes,
        port: int,
        *,
        seed: bool,
        found: Callable[[Sequence[PeerAddress]], None],
        done: Callable[[MemoryOutcome], None],
    ) -> _Operation:
        """Peers that announced it before."""
        self.asked.append(Asked(self._dht.clock.seconds(), info_hash, port, seed))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)

        def answer() -> None:
            self.under_way -= 1
            if not self._dht.reachable:
                done(MemoryOutcome(0, error="no node answered"))
                return
            swarm = self._dht.peers.setdefault(info_hash, {})
            me = PeerAddress(self._host, port)
            found([peer for peer in swarm if peer != me])
            if port:
                swarm[me] = seed
            done(MemoryOutcome(8, announced_to=8 if port else 0))

        return _Operation(self, self._dht.clock.callLater(ANSWER_SECONDS, answer))

    def add_node(self, address: PeerAddress) -> None:
        """Noted."""
        self.nodes.append(address)
