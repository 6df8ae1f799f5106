"""Pinging nodes that were heard of: a few at a time, and only if the table lacks such nodes."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.lookup import AskingNode
from p2pd.discovery.dht.routing_table import RoutingTable
from p2pd.discovery.dht.transactions import Asked
from p2pd.protocols.krpc.messages import PING, KrpcError, Response

FEW = 4
"""Nodes in a table that needs every one that it can get."""

PINGS = 3
"""That a node is worth while there are few others: datagrams are lost, too."""

SILENT_SECONDS = 600.0
"""Who did not answer is not pinged again for so long, however often it asks us something."""

MOST_SILENT = 1024
MOST_PASSED_OVER = 4096


class Heard(NamedTuple):
    """A node that may be there: its id, if that was told, and how often it is pinged with this."""

    node_id: bytes | None
    pings: int = 1


class PingingNode(AskingNode, Protocol):
    """What this needs of its node."""

    table: RoutingTable


class Pings:
    """Nodes that wait for their ping, or were pinged; those that answer the node itself notes."""

    def __init__(self, node: PingingNode) -> None:
        self._node = node
        self._table = node.table
        self._waiting: OrderedDict[PeerAddress, Heard] = OrderedDict()
        self._pinged: set[PeerAddress] = set()
        self.passed_over: set[PeerAddress] = set()
        """Who was heard of lately and was of no use: nothing is done for them for a while."""
        self._silent: OrderedDict[PeerAddress, float] = OrderedDict()

    def hear_of(
        self, node_id: bytes | None, address: PeerAddress, now: float, *, on_purpose: bool = False
    ) -> None:
        """There may be a node at this address; nothing happens if it is of no use."""
        if len(self._waiting) >= self._node.options.waiting_pings or address in self._waiting:
            return
        if address in self._pinged:
            return
        if self._is_of_use(node_id, address, now, on_purpose):
            self._waiting[address] = Heard(node_id)
            self.resume(now)
        elif len(self.passed_over) < MOST_PASSED_OVER:
            self.passed_over.add(address)

    def resume(self, now: float) -> None:
        """Ping those that wait, as many as may be."""
        while self._waiting and len(self._pinged) < self._node.options.pings:
            address, heard = next(iter(self._waiting.items()))
            if heard.node_id is None or self._table.lacks(heard.node_id, address):
                asked = self._node.ask(address, PING, {}, self, now, heard.node_id)
                if asked is None:
                    return
                asked.context = heard
                self._pinged.add(address)
            del self._waiting[address]

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        """It is there, which the node noted."""
        self._silent.pop(asked.address, None)
        self._over(asked, now)

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        """Whoever refuses a ping is no node for us."""
        self._is_silent(asked.address, now)
        self._over(asked, now)

    def slow(self, asked: Asked, now: float) -> None:
        """There is no hurry."""

    def lost(self, asked: Asked, now: float) -> None:
        """It is not there; while we know few it is worth another ping."""
        heard: Heard = asked.context
        if heard.pings < PINGS and len(self._table) < FEW:
            self._waiting[asked.address] = Heard(heard.node_id, heard.pings + 1)
        else:
            self._is_silent(asked.address, now)
        self._over(asked, now)

    def _is_of_use(
        self, node_id: bytes | None, address: PeerAddress, now: float, on_purpose: bool
    ) -> bool:
        if node_id is None:
            lacking = self._table.find(address) is None
        else:
            lacking = self._table.lacks(node_id, address)
        if not lacking or on_purpose:
            return lacking
        silent_since = self._silent.get(address)
        return silent_since is None or now - silent_since >= SILENT_SECONDS

    def _is_silent(self, address: PeerAddress, now: float) -> None:
        self._silent[address] = now
        self._silent.move_to_end(address)
        if len(self._silent) > MOST_SILENT:
            self._silent.popitem(last=False)

    def _over(self, asked: Asked, now: float) -> None:
        self._pinged.discard(asked.address)
        self.resume(now)
