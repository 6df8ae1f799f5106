"""A node of the DHT fed with datagrams as strangers write them: it answers, counts, and goes on.

The bytes are cut into datagrams; some come from the nodes that were asked something, with the
transaction id of a question under way written into them, so that answers are looked at.
"""

from __future__ import annotations

import random

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.outcomes import Announce
from p2pd.protocols.krpc.messages import KrpcError, Query, Response, parse

_ID, _HASH = b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"
_NODES = _ID[:19] + b"x" + b"\5\6\7\x08\x1a\xe1" + _HASH + b"\x09\6\7\x08\x1a\xe1"
_CUT, _TRANSACTION = b"\n--\n", b"4:TTTT"
_OPTIONS = DhtOptions(outstanding=16, lookups=3, waiting_lookups=3, queries_of_a_lookup=30)
_ITEM = {b"k": b"k" * 32, b"seq": 3, b"sig": b"s" * 64, b"v": b"Hello"}


def _sequence(*messages: Query | Response | KrpcError) -> bytes:
    return _CUT.join(message.encode() for message in messages)


SEEDS: list[bytes] = [
    _sequence(
        Query(b"aa", b"ping", {b"id": _ID}),
        Query(b"aa", b"find_node", {b"id": _ID, b"target": _HASH, b"want": [b"n4", b"n6"]}),
        Query(b"aa", b"get_peers", {b"id": _ID, b"info_hash": _HASH, b"scrape": 1, b"noseed": 1}),
        Query(b"aa", b"sample_infohashes", {b"id": _ID, b"target": _HASH}, read_only=True),
    ),
    _sequence(
        Query(
            b"aa", b"announce_peer", {b"id": _ID, b"info_hash": _HASH, b"port": 1, b"token": b""}
        ),
        Query(b"aa", b"get", {b"id": _ID, b"target": _HASH, b"seq": 3}),
        Query(b"aa", b"put", {b"id": _ID, b"token": b"t", **_ITEM, b"cas": 2, b"salt": b"s"}),
        Query(b"aa", b"put", {b"id": _ID, b"token": b"t", b"v": [1, {b"x": b""}]}),
    ),
    _sequence(
        Response(b"TTTT", {b"id": _ID, b"nodes": _NODES, b"token": b"t"}, ip=b"\1\2\3\4\x1a\xe1"),
        Response(b"TTTT", {b"id": _ID, b"values": [b"\1\2\3\4\x1a\xe1"], b"token": b"t"}),
        Response(b"TTTT", {b"id": _ID, b"BFsd": bytes(256), b"BFpe": bytes(256)}),
        Response(b"TTTT", {b"id": _HASH, b"samples": _HASH, b"num": 1, b"interval": 9}),
        Response(b"TTTT", {b"id": _HASH, **_ITEM}),
        KrpcError(b"TTTT", 203, "no"),
    ),
]


def fuzz(data: bytes) -> None:
    """Nothing gets out but datagrams, and nothing grows past its bound."""
    now = 100.0
    node = DhtNode(_HASH, ipv6=False, rng=random.Random(7), now=now, options=_OPTIONS)
    for index in range(4):
        address = PeerAddress(f"40.{index}.1.1", 6881)
        node.table.answered(bytes((index << 6,)) + _ID[1:], address, 0.1, now)
    _look_up(node, now)
    asked = list(node.datagrams_to_send())
    for number, part in enumerate(data.split(_CUT)[:40]):
        by = PeerAddress(f"50.{number}.1.1", 6881)
        if asked and _TRANSACTION in part:
            question, by = asked.pop(0)
            transaction = parse(question).transaction
            part = part.replace(_TRANSACTION, b"%d:%b" % (len(transaction), transaction), 1)
        node.receive_datagram(part, by, now)
        out = node.datagrams_to_send()
        for sent, to in out:
            assert len(sent) <= 1500
            message = parse(sent)
            if isinstance(message, Query):
                asked.append((sent, to))
        now += 0.5
        due = node.next_deadline()
        if due is not None and due <= now:
            node.handle_timer(now)
            asked += node.datagrams_to_send()
        _check(node)


def _look_up(node: DhtNode, now: float) -> None:
    def ended(*_: object) -> None:
        """Whatever came of it."""

    node.find_peers(_ID, now, found=ended, done=ended, announce=Announce(6881), scrape=True)
    node.get_mutable(b"k" * 32, b"", now, ended)
    node.get_immutable(_ID, now, ended)
    node.sample_infohashes(_ID, now, ended)


def _check(node: DhtNode) -> None:
    status = node.status()
    assert status.outstanding <= _OPTIONS.outstanding + 16 * 4
    assert status.lookups_running <= _OPTIONS.lookups + 2
    assert status.good + status.questionable + status.bad <= 48 * 8
    assert status.stored_items <= 40
