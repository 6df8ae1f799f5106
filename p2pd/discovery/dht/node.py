"""One node of the DHT in one address family's network (BEP 5, 32), without input or output.

Datagrams and the time go in; what is to be sent is fetched with ``datagrams_to_send`` after each
call, and ``next_deadline`` asked for. Whatever comes that no node would send changes a counter and
nothing else. `rng` makes the transaction ids and tokens: it has to be one that nobody can predict
(``random.SystemRandom``) where strangers are.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any, Callable

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.base.errors import FormatError
from p2pd.discovery.dht.address_votes import AddressVotes
from p2pd.discovery.dht.answering import Answering, QueryRefused
from p2pd.discovery.dht.counts import DhtCounts
from p2pd.discovery.dht.lookup import Lookup, Search
from p2pd.discovery.dht.lookup_queue import LookupQueue, Seeds
from p2pd.discovery.dht.node_ids import as_number, bound_node_id, fits_address
from p2pd.discovery.dht.node_lookups import NodeLookups
from p2pd.discovery.dht.node_status import status_of
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.outcomes import DhtStatus, Operation
from p2pd.discovery.dht.pings import FEW
from p2pd.discovery.dht.routing_table import RoutingTable
from p2pd.discovery.dht.stores import DhtStores, new_stores
from p2pd.discovery.dht.transactions import Asked, Asker, Transactions
from p2pd.discovery.dht.upkeep import Upkeep
from p2pd.protocols.krpc.arguments import taken_nodes
from p2pd.protocols.krpc.compact import ID_SIZE, Contact, unpack_address
from p2pd.protocols.krpc.messages import (
    FIND_NODE,
    GET_PEERS,
    PING,
    PROTOCOL_ERROR,
    KrpcError,
    Query,
    Response,
    parse,
)
from p2pd.protocols.krpc.usual_queries import UsualQuery, recognised

SAVED = 200
"""Nodes that are worth keeping for the next start."""

RENEWALS_APART = 3600.0
"""Seconds between two changes of our id: who could make us change it often would keep us out."""


class DhtNode(NodeLookups):
    """A node; `sibling` is ours of the other family, `stores` are shared by all of a host (BEP 45).

    `read_only` nodes (BEP 43) answer nobody. `address_changed` hears of another external host of
    ours, `address_voted` of each node's word on it (the voter, then what it sees).
    """

    def __init__(
        self,
        node_id: bytes,
        *,
        ipv6: bool,
        rng: random.Random,
        now: float,
        options: DhtOptions | None = None,
        stores: DhtStores | None = None,
        read_only: bool = False,
    ) -> None:
        self.node_id = node_id
        self.ipv6 = ipv6
        self.rng = rng
        self.options = options or DhtOptions()
        self.read_only = read_only
        self.stores = stores or new_stores(rng, now)
        self.table = RoutingTable(node_id, self.options, now)
        self.counts = DhtCounts()
        self.address_changed: Callable[[PeerAddress], None] | None = None
        self.address_voted: Callable[[PeerAddress, PeerAddress], None] | None = None
        self._sibling: DhtNode | None = None
        self._votes = AddressVotes()
        self._renewed_at: float | None = None
        self._now = now
        self._out: list[tuple[bytes, PeerAddress]] = []
        self._transactions = Transactions(rng, self.options.outstanding, self._lost)
        self._starved: dict[Asker, None] = {}
        self._allows = self.stores.limits.allows
        self._upkeep = Upkeep(self, now)
        self._passed_over = self._upkeep.passed_over
        self._lookups = LookupQueue(self.options, self._seeds_for)
        self._answering = Answering(
            self.table, self.stores, ipv6=ipv6, version=self.options.version
        )

    @property
    def sibling(self) -> DhtNode | None:
        """Our node of the other address family, if there is one (BEP 32).

        What is heard here of its nodes makes it send something: fetch its datagrams as well.
        """
        return self._sibling

    @sibling.setter
    def sibling(self, node: DhtNode | None) -> None:
        self._sibling = node
        self._answering.sibling = None if node is None else node.table

    @property
    def has_sibling(self) -> bool:
        """Whether nodes of the other address family are of use."""
        return self._sibling is not None

    @property
    def external_address(self) -> PeerAddress | None:
        """Our address as most of the nodes see it (BEP 42); None while that is not sure."""
        return self._votes.address

    # --- datagrams and time ---------------------------------------------------------------------

    def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
        """A datagram came from an address."""
        self._now = now
        usual = recognised(data)
        if usual is not None:
            self._receive_usual(usual, len(data), address, now)
            return
        try:
            message = parse(data)
        except FormatError:
            self.counts.malformed += 1
            return
        if type(message) is Query:
            self._receive_query(message, len(data), address, now)
            return
        asked = self._transactions.take(message.transaction, address, now)
        if asked is None:
            self.counts.unasked += 1
        elif type(message) is Response:
            self._receive_response(message, asked, now)
        elif type(message) is KrpcError:
            self.counts.errors_in += 1
            asked.asker.refused(asked, message, now)
        self._go_on(now)

    def datagrams_to_send(self) -> list[tuple[bytes, PeerAddress]]:
        """What is to be sent now, and to whom; each is told of once."""
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> float | None:
        """When ``handle_timer`` is to be called; to be asked again after every other call."""
        if self._lookups.has_work() and self._may_look_up():
            return self._now
        due, asked = self._upkeep.next_deadline(), self._transactions.next_deadline()
        return due if asked is None else min(due, asked)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._now = now
        self._transactions.handle_due(now)
        self._upkeep.handle_due(now)
        self._go_on(now)

    # --- other nodes ----------------------------------------------------------------------------

    def add_router(self, address: PeerAddress, now: float) -> None:
        """A node to join the network through; it is asked, and never kept in the table."""
        self._now = now
        if address.is_ipv6 is self.ipv6:
            self._upkeep.add_router(address, now)

    def add_node(self, address: PeerAddress, now: float, node_id: bytes | None = None) -> None:
        """There may be a node at this address: it is pinged, if the table lacks it."""
        self._now = now
        if address.is_ipv6 is self.ipv6:
            self._upkeep.add_node(node_id, address, now)

    def nodes_to_save(self) -> list[tuple[bytes, PeerAddress]]:
        """Nodes for ``add_node`` after the next start, all of which answered; neighbours first."""
        good = [entry for entry in self.table if not entry.failures]
        own = as_number(self.node_id)
        good.sort(key=lambda entry: entry.number ^ own)
        return [(entry.node_id, entry.address) for entry in good[:SAVED]]

    def status(self) -> DhtStatus:
        """Counts, for people and metrics."""
        return status_of(
            self,
            now=self._now,
            lookups=(self._lookups.running, self._lookups.waiting),
            outstanding=len(self._transactions),
        )

    # --- lookups --------------------------------------------------------------------------------

    def begin(self, search: Search, now: float, cancelled: Callable[[], None]) -> Operation:
        """Look up; nothing is told before this returned: with nobody to ask it ends later."""
        self._now = now
        lookup = Lookup(self, search, now)
        self._lookups.add(lookup)
        if self._may_look_up() and (len(self.table) or self._upkeep.routers):
            self._lookups.run(now)

        def cancel() -> None:
            lookup.cancel(self._now)
            cancelled()

        return Operation(cancel)

    # --- what lookups and upkeep need of their node -----------------------------------------------

    def ask(
        self,
        address: PeerAddress,
        method: bytes,
        args: dict[bytes, Any],
        asker: Asker,
        now: float,
        node_id: bytes | None = None,
        *,
        urgent: bool = False,
    ) -> Asked | None:
        """Send a question; None when too many are under way: ``resume`` is called when not."""
        if self._transactions.full and not urgent:
            self._starved[asker] = None
            return None
        known = self.table.find(address)
        asked = self._transactions.start(
            address, asker, now, 0.0 if known is None else known.round_trip
        )
        asked.node_id = node_id
        self.counts.queries_out[method] += 1
        query = Query(
            asked.transaction,
            method,
            {b"id": self.node_id, **args},
            self.read_only,
            self.options.version,
        )
        self._out.append((query.encode(), address))
        return asked

    def told_of(self, contacts: list[Contact], teller: PeerAddress, now: float) -> None:
        """An answer told of nodes: those that the table lacks are pinged."""
        teller_is_local = is_local(teller.host)
        for node_id, address in contacts:
            if teller_is_local or not is_local(address.host):
                self._upkeep.hear_of(node_id, address, now)

    def look_up(self, search: Search, now: float) -> None:
        """Run a lookup of our own at once."""
        self._lookups.start(Lookup(self, search, now), now)

    def lookup_ended(self, lookup: Lookup, now: float) -> None:
        """The lookup asks no more."""
        self._lookups.ended(lookup)
        self._starved.pop(lookup, None)

    # --- the inside -----------------------------------------------------------------------------

    def _receive_usual(
        self, query: UsualQuery, size: int, address: PeerAddress, now: float
    ) -> None:
        """What :meth:`_receive_query` does, for the queries that a busy node is asked most."""
        sender_id, info_hash, target, read_only, transaction = query
        queries_in = self.counts.queries_in
        if info_hash is not None:
            queries_in[GET_PEERS] += 1
        else:
            queries_in[PING if target is None else FIND_NODE] += 1
        if self.read_only:
            return
        if not address.port or not self._allows(address, size, now):
            self.counts.refused += 1
            return
        answer = self._answering.answer_usual(info_hash, target, transaction, address, now)
        self._out.append((answer, address))
        if read_only is None and address not in self._passed_over:
            self._upkeep.hear_of(sender_id, address, now)

    def _receive_query(self, query: Query, size: int, address: PeerAddress, now: float) -> None:
        self.counts.query_in(query.method)
        if self.read_only:
            return
        if not address.port or not self._allows(address, size, now):
            self.counts.refused += 1
            return
        try:
            node_id = query.args.get(b"id")
            if type(node_id) is not bytes or len(node_id) != ID_SIZE:
                raise QueryRefused(PROTOCOL_ERROR, "id has to be 20 bytes")
            answer = self._answering.answer(query, address, now)
        except QueryRefused as refused:
            self.counts.errors_out += 1
            self._out.append((self._answering.refusal(query, address, refused), address))
            return
        self._out.append((answer, address))
        if not query.read_only and address not in self._passed_over:
            self._upkeep.hear_of(node_id, address, now)

    def _receive_response(self, response: Response, asked: Asked, now: float) -> None:
        address = asked.address
        node_id = response.values.get(b"id")
        if type(node_id) is not bytes or len(node_id) != ID_SIZE:
            self.counts.malformed += 1
            self.table.failed(address, now)
            asked.asker.lost(asked, now)
            return
        self.counts.answers_in += 1
        if address not in self._upkeep.routers:
            entry = self.table.answered(node_id, address, now - asked.sent_at, now)
            if entry is not None:
                self._upkeep.entered(now)
        if response.ip:
            self._told_our_address(response.ip, address, now)
        if self._sibling is not None:
            self._tell_sibling(response, self._sibling, address, now)
        asked.asker.answered(asked, response, now)

    def _tell_sibling(
        self, response: Response, sibling: DhtNode, teller: PeerAddress, now: float
    ) -> None:
        with suppress(FormatError):
            contacts = taken_nodes(response.values, ipv6=sibling.ipv6)
            sibling.told_of(contacts, teller, now)

    def _told_our_address(self, packed: bytes, by: PeerAddress, now: float) -> None:
        ours = unpack_address(packed)
        if ours is None or ours.is_ipv6 is not self.ipv6:
            return
        if self.address_voted is not None:
            self.address_voted(by, ours)
        changed = self._votes.told(ours, by)
        believed = self._votes.address
        if believed is None:
            return
        if changed and self.address_changed is not None:
            self.address_changed(believed)
        rests = self._renewed_at is not None and now - self._renewed_at < RENEWALS_APART
        if not rests and not fits_address(self.node_id, believed.host):
            self._renew_id(believed.host, now)

    def _renew_id(self, host: str, now: float) -> None:
        self._renewed_at = now
        self.node_id = bound_node_id(host, self.rng)
        self.table.change_id(self.node_id, now)
        self._answering.use_id(self.node_id)
        self._upkeep.begin_anew(now)

    def _lost(self, asked: Asked, now: float) -> None:
        self.counts.timeouts += 1
        self.table.failed(asked.address, now)

    def _may_look_up(self) -> bool:
        """While we join the network nobody could be asked yet."""
        return not self._upkeep.joining or len(self.table) >= self.options.closest

    def _go_on(self, now: float) -> None:
        """Let those go on who waited for others to end."""
        while self._starved and not self._transactions.full:
            asker = next(iter(self._starved))
            del self._starved[asker]
            asker.resume(now)
        if self._lookups.has_work() and self._may_look_up():
            self._lookups.run(now)

    def _seeds_for(self, target: bytes) -> Seeds:
        """Where a lookup begins: the closest we know; routers as long as these are few.

        And as long as all whom we know are on our side of the network: they may know no others.
        """
        entries = self.table.closest(as_number(target), 2 * self.options.closest)
        seeds: list[tuple[bytes | None, PeerAddress]]
        seeds = [(entry.node_id, entry.address) for entry in entries]
        if len(seeds) < FEW:
            seeds += [(entry.node_id, entry.address) for entry in self.table if entry.failures]
        if len(seeds) < FEW or self.table.is_one_sided(as_number(target)):
            seeds += [(None, router) for router in self._upkeep.routers]
        return seeds
