"""A node's counts as one object that others may keep."""

from __future__ import annotations

from typing import Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.counts import DhtCounts, by_name
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.outcomes import DhtStatus
from p2pd.discovery.dht.routing_table import BAD, RoutingTable
from p2pd.discovery.dht.stores import DhtStores


class CountedNode(Protocol):
    """What is told of a node."""

    node_id: bytes
    ipv6: bool
    read_only: bool
    options: DhtOptions
    table: RoutingTable
    counts: DhtCounts
    stores: DhtStores

    @property
    def external_address(self) -> PeerAddress | None:
        """Our address as others see it."""


def status_of(
    node: CountedNode, *, now: float, lookups: tuple[int, int], outstanding: int
) -> DhtStatus:
    """The counts; `lookups` are those that run, and those that wait."""
    counts, stores = node.counts, node.stores
    bad = sum(entry.failures >= BAD for entry in node.table)
    since = now - node.options.questionable_after
    good = sum(not entry.failures and entry.heard_at >= since for entry in node.table)
    return DhtStatus(
        node_id=node.node_id,
        ipv6=node.ipv6,
        read_only=node.read_only,
        external_address="" if node.external_address is None else str(node.external_address),
        good=good,
        questionable=len(node.table) - good - bad,
        bad=bad,
        replacements=node.table.replacements,
        depth=len(node.table.buckets),
        queries_in=by_name(counts.queries_in),
        queries_out=by_name(counts.queries_out),
        answers_in=counts.answers_in,
        errors_in=counts.errors_in,
        errors_out=counts.errors_out,
        timeouts=counts.timeouts,
        malformed=counts.malformed,
        unasked=counts.unasked,
        refused=counts.refused,
        lookups_running=lookups[0],
        lookups_waiting=lookups[1],
        outstanding=outstanding,
        stored_info_hashes=stores.peers.info_hashes,
        stored_peers=stores.peers.peer_count,
        stored_items=len(stores.items),
        stored_bytes=stores.peers.memory + stores.items.memory,
    )
