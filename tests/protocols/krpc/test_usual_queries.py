"""Queries recognised at a glance are those that decoding finds, and nothing else is recognised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.protocols.krpc.messages import Query, parse
from p2pd.protocols.krpc.usual_queries import recognised

ID, HASH = b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"

_ids = st.binary(min_size=20, max_size=20)
_methods = st.sampled_from(
    [(b"ping", b""), (b"find_node", b"target"), (b"get_peers", b"info_hash"), (b"get", b"target")]
)


def query_of(data: bytes) -> Query | None:
    """What decoding finds; None when it is no query of the three, or has more in it."""
    try:
        message = parse(data)
    except FormatError:
        return None
    return message if isinstance(message, Query) else None


@given(
    method=_methods,
    sender=_ids,
    target=_ids,
    transaction=st.binary(min_size=1, max_size=8),
    read_only=st.booleans(),
    version=st.sampled_from([b"", b"LT\x01\x02"]),
)
def test_what_is_usual_is_recognised(
    method: tuple[bytes, bytes],
    sender: bytes,
    target: bytes,
    transaction: bytes,
    read_only: bool,
    version: bytes,
) -> None:
    name, key = method
    args = {b"id": sender, **({key: target} if key else {})}
    data = Query(transaction, name, args, read_only, version).encode()
    expected = (
        sender,
        target if name == b"get_peers" else None,
        target if name == b"find_node" else None,
        b"2:roi1e" if read_only else None,
        b"%d:%b" % (len(transaction), transaction),
    )
    assert recognised(data) == (None if name == b"get" else expected)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"d1:ad2:id20:%be1:q4:ping1:t3:aa1:y1:qe" % ID,
        b"d1:ad2:id20:%be1:q4:ping1:t1:aa1:y1:qe" % ID,
        b"d1:ad2:id20:%be1:q4:ping1:t2:aa1:y1:qe " % ID,
        b"d1:ad2:id19:%be1:q4:ping1:t2:aa1:y1:qe" % ID[:19],
        b"d1:ad2:id20:%b9:info_hash20:%be1:q4:ping1:t2:aa1:y1:qe" % (ID, HASH),
        b"d1:ad2:id20:%b6:target20:%be1:q9:get_peers1:t2:aa1:y1:qe" % (ID, HASH),
        b"d1:ad2:id20:%b6:target20:%b4:wantl2:n4ee1:q9:find_node1:t2:aa1:y1:qe" % (ID, HASH),
        b"d1:ad2:id20:%be1:q4:ping1:t9:abcdefghi1:y1:qe" % ID,
        b"d1:rd2:id20:%be1:t2:aa1:y1:re" % ID,
    ],
)
def test_anything_else_is_not(data: bytes) -> None:
    assert recognised(data) is None


@given(st.data())
def test_what_was_changed_on_the_way_is_read_the_same_or_not_at_all(
    data: st.DataObject,
) -> None:
    sent = bytearray(Query(b"1:t2:a", b"get_peers", {b"id": ID, b"info_hash": HASH}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.sampled_from(b"0123:deilq\0"))
    parts = recognised(bytes(sent))
    query = query_of(bytes(sent))
    if parts is not None:
        assert query is not None
        assert query.args == {b"id": parts[0], b"info_hash": parts[1]}
        assert b"%d:%b" % (len(query.transaction), query.transaction) == parts[4]
