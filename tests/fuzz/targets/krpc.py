"""KRPC messages: read or refused in words, and what was read can be written and read again."""

from __future__ import annotations

from typing import Callable

from p2pd.base.errors import FormatError
from p2pd.protocols.krpc import arguments
from p2pd.protocols.krpc.messages import MAX_SIZE, KrpcError, Query, Response, parse
from p2pd.protocols.krpc.usual_queries import recognised

_ID, _HASH = b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"
_PEER = b"\1\2\3\4\x1a\xe1"

SEEDS: list[bytes] = [
    Query(b"aa", b"ping", {b"id": _ID}).encode(),
    Query(b"aaaa", b"find_node", {b"id": _ID, b"target": _HASH}, version=b"LT\x01\x02").encode(),
    Query(b"aa", b"get_peers", {b"id": _ID, b"info_hash": _HASH}, read_only=True).encode(),
    Query(b"aa", b"get_peers", {b"id": _ID, b"info_hash": _HASH, b"want": [b"n4", b"n6"]}).encode(),
    Query(b"aa", b"put", {b"id": _ID, b"v": [1, {b"a": b"b"}], b"token": b"t", b"seq": 4}).encode(),
    Response(
        b"aa", {b"id": _ID, b"nodes": _ID + b"\1\2\3\4\x1a\xe1"}, ip=b"\1\2\3\4\x1a\xe1"
    ).encode(),
    Response(b"aa", {b"id": _ID, b"nodes6": _ID + bytes(15) + b"\1\0\1", b"token": b"t"}).encode(),
    Response(b"aa", {b"id": _ID, b"values": [b"\1\2\3\4\x1a\xe1", bytes(15) + b"\1\0\1"]}).encode(),
    Response(b"aa", {b"id": _ID, b"BFsd": bytes(256), b"BFpe": bytes(256)}).encode(),
    Response(b"aa", {b"id": _ID, b"samples": _HASH * 2, b"num": 9, b"interval": 60}).encode(),
    KrpcError(b"aa", 203, "bad token").encode(),
    b"d1:t2:aa1:y1:q1:q4:ping1:ad2:id20:abcdefghij0123456789ee",
]


def fuzz(data: bytes) -> None:
    """Whatever is recognised at a glance is what decoding finds."""
    parts = recognised(data)
    try:
        message = parse(data)
    except FormatError as refusal:
        _check_words(refusal)
        message = None
    if message is None:
        assert parts is None
        return
    if parts is not None:
        assert isinstance(message, Query)
        assert message.args[b"id"] == parts[0]
        assert b"%d:%b" % (len(message.transaction), message.transaction) == parts[4]
    if not isinstance(message, KrpcError):
        _use(message.args if isinstance(message, Query) else message.values)
        message = message._replace(canonical=True)
    again = message.encode()
    assert len(again) > MAX_SIZE or parse(again) == message


def _use(values: arguments.Values) -> None:
    for ipv6 in (False, True):
        arguments.taken_want(values, ipv6=ipv6)
        _take(arguments.taken_nodes, values, ipv6=ipv6)
    for key in (b"id", b"target", b"info_hash", b"BFsd", b"port", b"seq"):
        for taken in (arguments.taken_id, arguments.taken_filter, arguments.taken_number):
            _take(taken, values, key)
    _take(arguments.taken_peers, values)
    _take(arguments.taken_samples, values)
    _take(arguments.taken_bytes, values, b"token", arguments.MAX_TOKEN)


def _take(taken: Callable[..., object], *args: object, **named: object) -> None:
    try:
        taken(*args, **named)
    except FormatError as refusal:
        _check_words(refusal)


def _check_words(refusal: FormatError) -> None:
    assert str(refusal).isprintable()
