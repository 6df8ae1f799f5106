"""Looking after the routing table: joining the network, refreshing, and asking who is still there.

Nodes in it are asked for others when they were not heard of for long, longest first and one at a
time: an answer shows that they are there and fills the bucket they are in (BEP 5).
"""

from __future__ import annotations

import functools
import random
from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.discovery.dht.lookup import AskingNode, Search
from p2pd.discovery.dht.node_search import NodeSearch
from p2pd.discovery.dht.outcomes import LookupOutcome
from p2pd.discovery.dht.pings import FEW, Pings
from p2pd.discovery.dht.routing_table import RoutingTable
from p2pd.discovery.dht.table_entry import TableEntry
from p2pd.discovery.dht.transactions import Asked
from p2pd.protocols.krpc.arguments import taken_nodes
from p2pd.protocols.krpc.messages import FIND_NODE, KrpcError, Response

MOST_ROUTERS = 32
LONGEST_RETRY = 300.0


class KeptNode(AskingNode, Protocol):
    """What the upkeep needs of its node."""

    table: RoutingTable
    rng: random.Random

    @property
    def has_sibling(self) -> bool:
        """Whether nodes of the other address family are of use."""

    def look_up(self, search: Search, now: float) -> None:
        """Run a lookup at once."""


class Upkeep:
    """Pings and lookups that keep the table of `node` true."""

    def __init__(self, node: KeptNode, now: float) -> None:
        self._node = node
        self._table = node.table
        self._options = node.options
        self._pings = Pings(node)
        self.passed_over = self._pings.passed_over
        self.routers: dict[PeerAddress, None] = {}
        self._told_of: OrderedDict[PeerAddress, bytes | None] = OrderedDict()
        self._look_at = now + self._options.least_ping_interval
        self._join_at: float | None = None
        self._retry_after = self._join_again_after = self._options.bootstrap_retry
        self.joining = False

    # --- what is heard --------------------------------------------------------------------------

    def add_router(self, address: PeerAddress, now: float) -> None:
        """A node to begin with, which is not kept; of many the latest are asked."""
        self.routers[address] = None
        if len(self.routers) > MOST_ROUTERS:
            del self.routers[next(iter(self.routers))]
        self._join_soon(now)

    def add_node(self, node_id: bytes | None, address: PeerAddress, now: float) -> None:
        """We are told of a node on purpose: while we know few it is asked again later."""
        if len(self._table) < FEW:
            self._told_of[address] = node_id
            if len(self._told_of) > MOST_ROUTERS:
                self._told_of.popitem(last=False)
            self._join_later(now)
        self.hear_of(node_id, address, now, on_purpose=True)

    def hear_of(
        self, node_id: bytes | None, address: PeerAddress, now: float, *, on_purpose: bool = False
    ) -> None:
        """There may be a node at this address; nothing happens if it is of no use."""
        if address not in self.routers:
            self._pings.hear_of(node_id, address, now, on_purpose=on_purpose)

    def entered(self, now: float) -> None:
        """A node got into the table: the first few are a way into the network."""
        if self._join_at is None or len(self._table) == 1:
            self._join_soon(now)

    def begin_anew(self, now: float) -> None:
        """Our id changed, and with it who our neighbours are."""
        self._join_at = now
        self._join_again_after = self._options.bootstrap_retry

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When there is something to do."""
        return self._look_at if self._join_at is None else min(self._look_at, self._join_at)

    def handle_due(self, now: float) -> None:
        """Do it."""
        if self._join_at is not None and self._join_at <= now:
            self._join(now)
        if self._look_at <= now:
            self._look_after(now)

    # --- joining --------------------------------------------------------------------------------

    def _join_soon(self, now: float) -> None:
        if not self.joining and (self._join_at is None or self._join_at > now):
            self._join_at = now

    def _join(self, now: float) -> None:
        """Look for ourselves: those who answer are our neighbours, and know us from then on."""
        self._join_at = None
        if self.joining:
            return
        if len(self._table) < FEW:
            for address, node_id in self._told_of.items():
                self.hear_of(node_id, address, now, on_purpose=True)
        if not self.routers and not len(self._table):
            self._join_later(now)
            return
        self.joining = True
        search = NodeSearch(self._node.node_id, self._joined, both=self._node.has_sibling)
        self._node.look_up(search, now)

    def _joined(self, outcome: LookupOutcome, now: float) -> None:
        self.joining = False
        if len(self._table) >= FEW:
            self._retry_after = self._options.bootstrap_retry
            self._told_of.clear()
            # Soon at first: who joined when we did could not be told of then, nor told of us.
            self._join_at = now + self._join_again_after
            self._join_again_after = min(2 * self._join_again_after, self._options.refresh_after)
            self._fill(0, now)
        else:
            self._join_later(now)

    def _fill(self, first: int, now: float) -> None:
        """Look for nodes of the buckets that have room, one after another from the farthest on.

        The lookup for ourselves meets next to nobody who is far from us: where many join at one
        moment none of them would know anybody in the other half (Kademlia, 2.3).
        """
        table = self._table
        for index in range(first, len(table.buckets) - 1):
            if len(table.buckets[index].nodes) < self._options.closest:
                table.buckets[index].changed_at = now
                target = table.random_id(index, self._node.rng)
                rest = functools.partial(self._filled, index)
                self._node.look_up(NodeSearch(target, rest), now)
                return

    def _filled(self, index: int, outcome: LookupOutcome, now: float) -> None:
        self._fill(index + 1, now)

    def _join_later(self, now: float) -> None:
        if self._join_at is None and not self.joining:
            self._join_at = now + self._retry_after
            self._retry_after = min(2 * self._retry_after, LONGEST_RETRY)

    # --- looking after nodes --------------------------------------------------------------------

    def _look_after(self, now: float) -> None:
        table, options = self._table, self._options
        self._look_at = now + options.least_ping_interval
        self.passed_over.clear()
        index = table.stale_bucket(now)
        if index is not None and len(table):
            table.buckets[index].changed_at = now
            target = table.random_id(index, self._node.rng)
            self._node.look_up(NodeSearch(target, lambda outcome, then: None), now)
            return
        entry = table.stalest()
        if entry is None:
            self._look_at = now + options.refresh_after
            self._join_later(now)
        elif entry.failures or now - entry.last_seen >= options.questionable_after:
            self._ask_whether_there(entry, now)
        else:
            due = min(entry.last_seen + options.questionable_after, self._next_refresh())
            self._look_at = max(self._look_at, due)

    def _next_refresh(self) -> float:
        oldest = min(bucket.changed_at for bucket in self._table.buckets)
        return oldest + self._options.refresh_after

    def _ask_whether_there(self, entry: TableEntry, now: float) -> None:
        table = self._table
        target = table.random_id(table.index_of(entry.number), self._node.rng)
        entry.looked_at = now
        args = {b"target": target}
        self._node.ask(entry.address, FIND_NODE, args, self, now, entry.node_id)

    # --- questions under way --------------------------------------------------------------------

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        """It is there, which the node noted; who else is, it may have told."""
        with suppress(FormatError):
            contacts = taken_nodes(response.values, ipv6=self._node.ipv6)
            self._node.told_of(contacts, asked.address, now)

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        """It answers, if not this."""

    def slow(self, asked: Asked, now: float) -> None:
        """There is no hurry."""

    def lost(self, asked: Asked, now: float) -> None:
        """It is not there, which the node noted."""

    def resume(self, now: float) -> None:
        """The next look comes by itself."""
