"""A DHT without nodes or datagrams: who announced what is known to everybody, a little later.

Each session has a `MemoryDhtNode` of one `MemoryDht`; what it was asked is in `asked`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence, TypeVar

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.dht.item_store import ImmutableItem, ItemStore, PutRefused
from p2pd.discovery.dht.mutable_items import MutableItem, target_of
from p2pd.discovery.dht.outcomes import DhtStatus

T = TypeVar("T")

ANSWER_SECONDS = 0.2
"""How long a look-up takes."""


@dataclass(frozen=True, slots=True)
class MemoryOutcome:
    """How a look-up ended (dht_network.LookupOutcome)."""

    answered: int
    announced_to: int = 0
    error: str = ""
    seeds_estimate: float | None = None
    peers_estimate: float | None = None
    refusals: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """What a real DHT tells of itself, of one that has no nodes."""

    nodes: tuple[DhtStatus, ...] = ()
    read_only: bool = False
    bootstrap_error: str = ""
    sent_bytes: int = 0
    dropped: int = 0
    unread: int = 0


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
        self.items = ItemStore()
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
        self.port = 6881
        self.asked: list[Asked] = []
        self.nodes: list[PeerAddress] = []
        self.named: list[tuple[str, int]] = []
        self.puts: list[MutableItem] = []
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
        scrape: bool = False,
        noseed: bool = False,
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
            found([peer for peer, seeds in swarm.items() if peer != me and not (seeds and noseed)])
            seeding = float(sum(swarm.values()))
            if port:
                swarm[me] = seed
            told = (seeding, len(swarm) - seeding) if scrape else (None, None)
            done(MemoryOutcome(8, 8 if port else 0, "", *told))

        return _Operation(self, self._dht.clock.callLater(ANSWER_SECONDS, answer))

    def add_node(self, address: PeerAddress) -> None:
        """Noted."""
        self.nodes.append(address)

    def add_named_node(self, host: str, port: int) -> None:
        """Noted."""
        self.named.append((host, port))

    # -- items ---------------------------------------------------------------------------------

    def get_immutable(self, target: bytes) -> Deferred[bytes | None]:
        """The value, if somebody put it."""
        return self._later(lambda: self._value(target))

    def get_mutable(self, public_key: bytes, salt: bytes = b"") -> Deferred[MutableItem | None]:
        """The item, if somebody put one."""
        return self._later(lambda: self._item(target_of(public_key, salt)))

    def put_immutable(self, value: bytes) -> Deferred[MemoryOutcome]:
        """Kept."""
        return self._later(lambda: self._put(lambda now: self._dht.items.put_immutable(value, now)))

    def put_mutable(self, item: MutableItem, cas: int | None = None) -> Deferred[MemoryOutcome]:
        """Kept, unless the store refuses it."""
        self.puts.append(item)
        return self._later(
            lambda: self._put(lambda now: self._dht.items.put_mutable(item, now, cas=cas))
        )

    def status(self) -> MemoryStatus:
        """There are no nodes."""
        return MemoryStatus()

    def _value(self, target: bytes) -> bytes | None:
        found = self._dht.items.get(target, self._dht.clock.seconds())
        return found.value if isinstance(found, ImmutableItem) else None

    def _item(self, target: bytes) -> MutableItem | None:
        found = self._dht.items.get(target, self._dht.clock.seconds())
        return found if isinstance(found, MutableItem) else None

    def _put(self, put: Callable[[float], object]) -> MemoryOutcome:
        if not self._dht.reachable:
            return MemoryOutcome(0, error="no node answered")
        try:
            put(self._dht.clock.seconds())
        except PutRefused as refused:
            return MemoryOutcome(8, refusals=((refused.code, refused.words),))
        return MemoryOutcome(8, announced_to=8)

    def _later(self, work: Callable[[], T]) -> Deferred[T]:
        answer: Deferred[T] = Deferred()
        self._dht.clock.callLater(ANSWER_SECONDS, lambda: answer.callback(work()))
        return answer
