"""The answers to queries (BEP 5, 32, 33, 42, 44, 51), written as bytes without a dictionary first.

A query that is not as it should be is refused with an error, which is smaller than most answers.
Who may ask how much, and who gets into the table, is decided elsewhere.
"""

from __future__ import annotations

from typing import Any, Callable

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.item_answers import ItemAnswers
from p2pd.discovery.dht.routing_table import RoutingTable
from p2pd.discovery.dht.sampling import Sampling
from p2pd.discovery.dht.stores import DhtStores
from p2pd.protocols.krpc import messages as krpc
from p2pd.protocols.krpc.arguments import (
    MAX_TOKEN,
    Values,
    flag,
    taken_bytes,
    taken_id,
    taken_number,
    taken_want,
)
from p2pd.protocols.krpc.compact import ID_SIZE, pack_address
from p2pd.protocols.krpc.messages import MAX_TRANSACTION, KrpcError, KrpcFormatError, Query

MAX_ANSWER = 1024
"""Bytes of an answer (BEP 32), but for one with an item (BEP 44), which may be 1000 itself."""

_OVERHEAD = 85
"""Bytes of an answer besides its values and transaction id."""

_REMEMBERED = 8192


class QueryRefused(Exception):  # noqa: N818 - an answer like any other
    """A query is answered with an error: `code` and `words` (BEP 5)."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class Answering:
    """Answers for the node whose table this is; `sibling` is that of the other address family."""

    def __init__(
        self, table: RoutingTable, stores: DhtStores, *, ipv6: bool, version: bytes
    ) -> None:
        self._stores = stores
        self._ipv6 = ipv6
        self._items = ItemAnswers(stores)
        self._sampling = Sampling(stores.peers)
        self.sibling: RoutingTable | None = None
        self._tail = b"1:v%d:%b1:y1:re" % (len(version), version) if version else b"1:y1:re"
        self._version = version
        self._nodes_key = b"6:nodes6" if ipv6 else b"5:nodes"
        self._peer_size = 21 if ipv6 else 8
        self._heads: dict[PeerAddress, bytes] = {}
        self._handlers: dict[bytes, Callable[[Query, PeerAddress, float], bytes]] = {
            krpc.PING: self._ping,
            krpc.FIND_NODE: self._find_node,
            krpc.GET_PEERS: self._get_peers,
            krpc.ANNOUNCE_PEER: self._announce_peer,
            krpc.GET: self._get,
            krpc.PUT: self._put,
            krpc.SAMPLE_INFOHASHES: self._sample_infohashes,
        }
        self._table = table
        self.use_id(table.own_id)

    def use_id(self, node_id: bytes) -> None:
        """Answer as the node of this id."""
        self._id = b"2:id20:" + node_id
        self._id_and_nodes = self._id + self._nodes_key

    def answer(self, query: Query, address: PeerAddress, now: float) -> bytes:
        """The datagram for a query whose sender's id was looked at. Raises QueryRefused."""
        handler = self._handlers.get(query.method, self._unknown)
        try:
            values = handler(query, address, now)
        except KrpcFormatError as error:
            raise QueryRefused(krpc.PROTOCOL_ERROR, str(error)) from None
        transaction = query.transaction
        head = self._heads.get(address) or self._head(address)
        return b"%b%be1:t%d:%b%b" % (head, values, len(transaction), transaction, self._tail)

    def answer_usual(
        self,
        info_hash: bytes | None,
        target: bytes | None,
        transaction: bytes,
        address: PeerAddress,
        now: float,
    ) -> bytes:
        """The same for a query that was recognised at a glance; `transaction` is bencoded."""
        head = self._heads.get(address) or self._head(address)
        if info_hash is not None:
            nodes = self._id_and_nodes + self._table.closest_bencoded(info_hash)
            values = self._with_peers(nodes, info_hash, MAX_TRANSACTION, address, now)
            return b"%b%be1:t%b%b" % (head, values, transaction, self._tail)
        if target is not None:
            nodes = self._table.closest_bencoded(target)
            return b"%b%b%be1:t%b%b" % (head, self._id_and_nodes, nodes, transaction, self._tail)
        return b"%b%be1:t%b%b" % (head, self._id, transaction, self._tail)

    def refusal(self, query: Query, address: PeerAddress, refused: QueryRefused) -> bytes:
        """The datagram that says so."""
        seen = pack_address(address)
        error = KrpcError(query.transaction, refused.code, refused.words, seen, self._version)
        return error.encode()

    def _head(self, address: PeerAddress) -> bytes:
        """What comes before the values: our view of the asker's address (BEP 42)."""
        if len(self._heads) >= _REMEMBERED:
            self._heads.clear()
        packed = pack_address(address)
        head = self._heads[address] = b"d2:ip%d:%b1:rd" % (len(packed), packed)
        return head

    # --- what each method's answer has as values ------------------------------------------------

    def _ping(self, query: Query, address: PeerAddress, now: float) -> bytes:
        return self._id

    def _find_node(self, query: Query, address: PeerAddress, now: float) -> bytes:
        return self._id + self._nodes(query.args, taken_id(query.args, b"target"))

    def _get_peers(self, query: Query, address: PeerAddress, now: float) -> bytes:
        args = query.args
        info_hash = taken_id(args, b"info_hash")
        scrape = self._filters(info_hash) if flag(args, b"scrape") else b""
        nodes = self._nodes(args, info_hash, only_own=bool(scrape))
        return self._with_peers(
            b"%b%b%b" % (scrape, self._id, nodes),
            info_hash,
            len(query.transaction),
            address,
            now,
            noseed=flag(args, b"noseed"),
        )

    def _with_peers(
        self,
        values: bytes,
        info_hash: bytes,
        transaction_size: int,
        address: PeerAddress,
        now: float,
        noseed: bool = False,
    ) -> bytes:
        """The values of an answer so far, with a token and as many peers as fit beside them."""
        token = self._stores.tokens.make(address, info_hash, now)
        room = MAX_ANSWER - _OVERHEAD - len(values) - transaction_size
        peers = self._stores.peers.listed_peers(
            info_hash, room // self._peer_size, now, noseed, ipv6=self._ipv6
        )
        values = b"%b5:token%d:%b" % (values, len(token), token)
        return b"%b6:values%b" % (values, peers) if peers else values

    def _announce_peer(self, query: Query, address: PeerAddress, now: float) -> bytes:
        args, stores = query.args, self._stores
        info_hash = taken_id(args, b"info_hash")
        port = taken_number(args, b"port", 65535)
        if flag(args, b"implied_port"):
            port = address.port
        if not port:
            raise KrpcFormatError("port has to be a number from 1 to 65535")
        self._check_token(args, address, info_hash, now)
        peer = PeerAddress(address.host, port)
        if not stores.peers.add(info_hash, peer, flag(args, b"seed"), now):
            raise QueryRefused(krpc.SERVER_ERROR, "your network has as many peers here as it may")
        return self._id

    def _get(self, query: Query, address: PeerAddress, now: float) -> bytes:
        target = taken_id(query.args, b"target")
        before_nodes, after_nodes = self._items.get(query.args, target, now)
        token = self._stores.tokens.make(address, target, now)
        nodes = self._nodes(query.args, target)
        middle, last = after_nodes
        return b"%b%b%b%b5:token%d:%b%b" % (
            self._id, before_nodes, nodes, middle, len(token), token, last,
        )  # fmt: skip

    def _put(self, query: Query, address: PeerAddress, now: float) -> bytes:
        if not query.canonical:
            raise KrpcFormatError("the query is not canonical bencode")
        put = self._items.read_put(query.args)
        self._check_token(query.args, address, put.target, now)
        refused = put.store(address.host, now)
        if refused is not None:
            raise QueryRefused(*refused)
        return self._id

    def _sample_infohashes(self, query: Query, address: PeerAddress, now: float) -> bytes:
        nodes = self._nodes(query.args, taken_id(query.args, b"target"), only_own=True)
        interval, count, samples = self._sampling.at(now)
        return b"%b8:intervali%de%b3:numi%de7:samples%d:%b" % (
            self._id, interval, nodes, count, len(samples), samples,
        )  # fmt: skip

    def _unknown(self, query: Query, address: PeerAddress, now: float) -> bytes:
        """What we do not know may still be on its way to a target: the nodes near it help."""
        for key in (b"target", b"info_hash"):
            target = query.args.get(key)
            if type(target) is bytes and len(target) == ID_SIZE:
                return self._id + self._nodes(query.args, target)
        raise QueryRefused(krpc.METHOD_UNKNOWN, "this method is not known here")

    # --- their parts ----------------------------------------------------------------------------

    def _nodes(self, args: Values, target: bytes, *, only_own: bool = False) -> bytes:
        if b"want" not in args or only_own:
            return self._nodes_key + self._table.closest_bencoded(target)
        parts = b""
        want_v4, want_v6 = taken_want(args, ipv6=self._ipv6)
        for wanted, ipv6, key in ((want_v4, False, b"5:nodes"), (want_v6, True, b"6:nodes6")):
            table = self._table if ipv6 is self._ipv6 else self.sibling
            if wanted and table is not None:
                parts += key + table.closest_bencoded(target)
        return parts

    def _filters(self, info_hash: bytes) -> bytes:
        filters = self._stores.peers.scrape(info_hash, ipv6=self._ipv6)
        if filters is None:
            return b""
        return b"4:BFpe256:%b4:BFsd256:%b" % (filters[1], filters[0])

    def _check_token(
        self, args: dict[bytes, Any], address: PeerAddress, target: bytes, now: float
    ) -> None:
        token = taken_bytes(args, b"token", MAX_TOKEN)
        if token is None or not self._stores.tokens.check(token, address, target, now):
            raise QueryRefused(krpc.PROTOCOL_ERROR, "bad token")
