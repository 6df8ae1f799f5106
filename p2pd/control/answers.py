"""From results to bytes: answer objects of JSON-RPC 2.0, encoded without holding up the reactor.

An answer about ten thousand torrents is some megabytes of JSON. It is built and encoded row by
row, and the reactor gets its turn whenever `SPELL` seconds have gone by.
"""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from p2pd.control.errors import RpcError
from p2pd.control.message import BadCall, Call

SPELL = 0.005
LONG_LIST = 100
ROWS_AT_ONCE = 25
WORTH_GZIP = 1400


_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class EncodedList:
    """A part of a result that is JSON already, in chunks."""

    chunks: list[bytes]


class _Turns:
    """What all long work together may take of one turn of the reactor: a spell."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._began: float | None = None
        self._waiting: deque[Deferred[None]] = deque()

    def over(self) -> bool:
        """Whether the spell of this turn is over; it begins with the first question."""
        now = self._reactor.seconds()
        if self._began is None:
            self._began = now
            self._reactor.callLater(0, self._new_turn)
        return bool(now - self._began > SPELL)

    def next(self) -> Deferred[None]:
        """Fires in a later turn, in the order of asking."""
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def _new_turn(self) -> None:
        self._began = None
        while self._waiting and not self.over():
            self._waiting.popleft().callback(None)


_turns: WeakKeyDictionary[Any, _Turns] = WeakKeyDictionary()


class Pacer:
    """Gives the reactor its turn when long work has had its spell, however many do such work."""

    def __init__(self, reactor: Any) -> None:
        found = _turns.get(reactor)
        if found is None:
            found = _turns[reactor] = _Turns(reactor)
        self._turns = found
        self._turns.over()

    @property
    def is_due(self) -> bool:
        """Whether the spell is over."""
        return self._turns.over()

    async def pause(self) -> None:
        """Return at once, or in a later turn of the reactor if the spell is over."""
        if self._turns.over():
            await self._turns.next()


def success(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """The answer object for a result."""
    return {"jsonrpc": "2.0", "id": call.id, "result": result}


def failure(call: Call | BadCall | None, error: RpcError) -> dict[str, Any]:
    """The answer object for an error; no call means that not even an id could be read."""
    return {"jsonrpc": "2.0", "id": call.id if call else None, "error": error.to_json()}


async def encode(answer: object, pacer: Pacer) -> list[bytes]:
    """The JSON text of an answer or of a list of answers, in chunks."""
    if isinstance(answer, list):
        return await _encode_list([await encode(one, pacer) for one in answer], pacer)
    if isinstance(answer, dict):
        return await _encode_object(answer, pacer)
    return [dumps(answer)]


async def _encode_object(answer: dict[str, Any], pacer: Pacer) -> list[bytes]:
    chunks = [b"{"]
    for position, (key, value) in enumerate(answer.items()):
        chunks += [b"," if position else b"", dumps(key), b":", *await _value(value, pacer)]
    return [*chunks, b"}"]


async def _encode_list(encoded: list[list[bytes]], pacer: Pacer) -> list[bytes]:
    chunks = [b"["]
    for position, one in enumerate(encoded):
        chunks += [b"," if position else b"", *one]
        await pacer.pause()
    return [*chunks, b"]"]


async def encode_rows(rows: Iterable[object], pacer: Pacer) -> EncodedList:
    """A list in JSON, each row made only when it is encoded.

    No more than a few rows exist at a time. Ten thousand would not only need memory: so many new
    objects also make Python look for garbage among all that a daemon with as many torrents holds.
    A row may be a coroutine that makes it.
    """
    chunks, batch = [b"["], list[object]()
    for row in rows:
        batch.append(await row if isinstance(row, Coroutine) else row)
        if len(batch) == ROWS_AT_ONCE:
            chunks += [dumps(batch)[1:-1], b","]
            batch.clear()
        await pacer.pause()
    return _ended(chunks, batch, b"]")


async def join_rows(rows: Iterable[bytes], pacer: Pacer) -> EncodedList:
    """A list of rows that are JSON already, each made only when it is its turn."""
    chunks, batch = [b"["], list[bytes]()
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            chunks += [b",".join(batch), b","]
            batch.clear()
        if pacer.is_due:
            await pacer.pause()
    if batch:
        chunks += [b",".join(batch), b","]
    return _ended(chunks, [], b"]")


async def encode_members(members: Iterable[tuple[str, object]], pacer: Pacer) -> EncodedList:
    """An object in JSON, each member made only when it is encoded."""
    chunks, batch = [b"{"], dict[str, object]()
    for name, value in members:
        batch[name] = value
        if len(batch) == ROWS_AT_ONCE:
            chunks += [dumps(batch)[1:-1], b","]
            batch.clear()
        await pacer.pause()
    return _ended(chunks, batch, b"}")


def _ended(chunks: list[bytes], batch: list[object] | dict[str, object], end: bytes) -> EncodedList:
    """The last elements, which have no comma behind them, and the end."""
    if batch:
        chunks.append(dumps(batch)[1:-1])
    elif len(chunks) > 1:
        chunks.pop()
    return EncodedList([*chunks, end])


async def _value(value: object, pacer: Pacer) -> list[bytes]:
    if isinstance(value, EncodedList):
        return value.chunks
    if isinstance(value, dict):
        return await _encode_object(value, pacer)
    if not isinstance(value, list) or len(value) <= LONG_LIST:
        return [dumps(value)]
    slices = []
    for start in range(0, len(value), ROWS_AT_ONCE):
        slices.append([dumps(value[start : start + ROWS_AT_ONCE])[1:-1]])
        await pacer.pause()
    return await _encode_list(slices, pacer)


def dumps(value: object) -> bytes:
    """Compact JSON, in ASCII: names from torrents may hold what has no UTF-8 form."""
    return _ENCODE(value).encode("ascii")


async def compress(chunks: Iterable[bytes], pacer: Pacer) -> list[bytes]:
    """The chunks in gzip, at the level that costs least: rows repeat, so it still gains most."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = []
    for chunk in chunks:
        packed.append(compressor.compress(chunk))
        await pacer.pause()
    return [*packed, compressor.flush()]
