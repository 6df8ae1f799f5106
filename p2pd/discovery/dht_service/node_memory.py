"""What is kept of the DHT between two runs: loaded once, saved now and then and at the end."""

from __future__ import annotations

import random
from typing import Iterable, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import StateError
from p2pd.discovery.dht_service.node_driver import NodeDriver
from p2pd.state.dht_nodes import Node, SavedDht

MOST_TOLD = 100
"""Nodes of an earlier run that one node of ours is told of."""


class Store(Protocol):
    """Where it is kept."""

    def load(self) -> Deferred[SavedDht]:
        """What was saved. Fails with StateError."""

    def save(self, saved: SavedDht) -> Deferred[None]:
        """This instead. Fails with StateError."""


class NodeMemory:
    """Our ids, and nodes that were good."""

    log = Logger()

    def __init__(self, store: Store, rng: random.Random) -> None:
        self._store = store
        self._rng = rng
        self._own_ids: dict[str, bytes] = {}
        self._nodes: list[Node] = []
        self._saved: SavedDht | None = None

    async def load(self) -> None:
        """Read it; without it we begin as if for the first time."""
        try:
            self._saved = await self._store.load()
        except StateError as problem:
            self.log.error("nodes of the DHT cannot be read: {problem}", problem=problem)
            return
        self._own_ids = dict(self._saved.own_ids)
        self._nodes = list(self._saved.nodes)

    def own_id(self, listen: str) -> bytes | None:
        """The id that a node had there."""
        return self._own_ids.get(listen)

    def nodes(self, ipv6: bool) -> list[tuple[bytes, PeerAddress]]:
        """Some of those of a family."""
        known = [each for each in self._nodes if each[1].is_ipv6 is ipv6]
        return self._rng.sample(known, min(len(known), MOST_TOLD))

    def note(self, drivers: Iterable[NodeDriver]) -> None:
        """What these know now is what is to be known later."""
        found: dict[bool, dict[PeerAddress, bytes]] = {}
        for driver in drivers:
            node = driver.node
            # The ids in use go first: the bound cuts off what was not used for longest.
            self._own_ids = {
                driver.listen: node.node_id,
                **{at: each for at, each in self._own_ids.items() if at != driver.listen},
            }
            of_family = found.setdefault(node.ipv6, {})
            of_family.update((address, node_id) for node_id, address in node.nodes_to_save())
        for ipv6, nodes in found.items():
            if nodes:  # with an empty table we were cut off, and know better from before
                others = [each for each in self._nodes if each[1].is_ipv6 is not ipv6]
                self._nodes = [*others, *((node_id, at) for at, node_id in nodes.items())]

    async def save(self) -> None:
        """Write it, if it is other than what was written last."""
        now = SavedDht(dict(self._own_ids), list(self._nodes))
        if now == self._saved:
            return
        try:
            await self._store.save(now)
            self._saved = now
        except StateError as problem:
            self.log.error("nodes of the DHT cannot be saved: {problem}", problem=problem)
