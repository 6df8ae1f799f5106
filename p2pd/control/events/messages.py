"""What is told, as bytes: notifications of JSON-RPC 2.0, in parts that any client can take.

Many clients refuse messages of more than a mebibyte, and one about ten thousand torrents would
hold up everybody: so what is long is told in parts. Only the last has the cursor, for only then
has the client got that far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from p2pd.control.answers import dumps

CHANGED, RESYNC = "events_changed", "events_resync"

PART_ROWS = 100
PART_BYTES = 128 * 1024
"""A part holds at least one row, however long that is."""


def notification(method: str, members: dict[str, bytes]) -> bytes:
    """A notification whose params are JSON already."""
    inner = b",".join(dumps(name) + b":" + value for name, value in members.items())
    return b'{"jsonrpc":"2.0","method":%s,"params":{%s}}' % (dumps(method), inner)


def batches(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """The rows as lists in JSON, each of which has the size of a part."""
    batch: list[bytes] = []
    size = 0
    for row in rows:
        encoded = dumps(row)
        if batch and (len(batch) == PART_ROWS or size + len(encoded) > PART_BYTES):
            yield b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded)
    if batch:
        yield b"[" + b",".join(batch) + b"]"


def told(
    subscription: int, cursor: str, rows: Iterable[dict[str, Any]], rest: dict[str, Any], why: str
) -> Iterator[bytes]:
    """The messages of one telling: `rest` goes with the last of them.

    `why` there is a resync, which begins with a message of its own kind; empty: it is none, and
    nothing is told when there is nothing to tell.
    """
    method, first = CHANGED, {"subscription": dumps(subscription)}
    held: bytes | None = None
    if why:
        method = RESYNC
    for batch in batches(rows):
        if held is not None:
            yield notification(method, _opened(first, method, why, held) | {"more": b"true"})
            method = CHANGED
        held = batch
    last = _opened(first, method, why, held)
    last |= {name: dumps(value) for name, value in rest.items() if value}
    if method is RESYNC or held is not None or len(last) > len(first):
        yield notification(method, last | {"cursor": dumps(cursor)})


def _opened(
    first: dict[str, bytes], method: str, why: str, torrents: bytes | None
) -> dict[str, bytes]:
    members = dict(first)
    if method is RESYNC:
        members["reason"] = dumps(why)
    if torrents is not None:
        members["torrents"] = torrents
    return members
