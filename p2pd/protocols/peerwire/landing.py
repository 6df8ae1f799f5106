"""Blocks read from the network straight to where they belong, with no copy in between.

A peer answers requests in their order, on the whole (BEP 3), so what comes next is known to the
byte: a block's header, the block, the next header. A read that is scattered over such buffers puts
each block in its place. Whether it was so is seen by comparing the headers. A block that came in
the place of another is copied; where something else came in between, the bytes from there on are
put together again and read as any others. What a wrong guess wrote over is nothing: only places of
blocks that are still to come are ever offered.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import NamedTuple, Sequence

from p2pd.protocols.peerwire.messages import Block, MessageId

MOST_BLOCKS = 64
"""Blocks in one read: a mebibyte."""

_BLOCK_ID = MessageId.BLOCK
_HEADER = struct.Struct(">IBII")
_HEADER_SIZE = _HEADER.size
# One for all connections: what is read into it is looked at before the next read.
_headers = memoryview(bytearray(MOST_BLOCKS * _HEADER_SIZE))
_header_views = [
    _headers[at : at + _HEADER_SIZE] for at in range(0, len(_headers), _HEADER_SIZE)
]


class Landed(NamedTuple):
    """What a read brought.

    `in_place`: the (piece, begin, length) of blocks that are where they belong. `displaced`: blocks
    that were read to others' places. `rest`: the bytes behind them, from the start of a message.
    `as_expected`: the rest is not known to be anything but the start of a block.
    """

    in_place: Sequence[tuple[int, int, int]]
    displaced: list[Block]
    rest: bytes
    as_expected: bool


class Landing:
    """The places for one read: prepared, filled and looked at before anything else is read.

    `blocks` are the (piece, begin, length) expected, at most `MOST_BLOCKS`; `places` the memory for
    each. `lead` is the start of the first block's message, if some of it was read before.
    """

    __slots__ = ("_blocks", "_expected", "_lead", "_places", "buffers")

    def __init__(
        self,
        blocks: Sequence[tuple[int, int, int]],
        places: Sequence[memoryview],
        lead: bytes | bytearray = b"",
    ) -> None:
        """Raises ValueError when `lead` is not how the first block starts."""
        pack = _HEADER.pack
        self._expected = b"".join(
            [pack(length + 9, _BLOCK_ID, piece, begin) for piece, begin, length in blocks]
        )
        self._blocks = blocks
        self._places = places
        self._lead = len(lead)
        self.buffers: list[memoryview] = list(
            chain.from_iterable(zip(_header_views, places, strict=False))
        )
        """What to read into, in this order."""
        if lead:
            self._take_lead(lead)

    def _take_lead(self, lead: bytes | bytearray) -> None:
        header = lead[:_HEADER_SIZE]
        if not self._blocks or self._expected[: len(header)] != header:
            raise ValueError("the first block does not start like this")
        known = len(lead) - _HEADER_SIZE
        if known >= self._blocks[0][2]:
            raise ValueError("the first block is whole")
        _headers[: len(header)] = header
        if known < 0:
            self.buffers[0] = _header_views[0][len(lead) :]
        else:
            self._places[0][:known] = lead[_HEADER_SIZE:]
            self.buffers[:2] = [self._places[0][known:]]

    def landed(self, size: int) -> Landed:
        """`size` bytes were read into the buffers."""
        whole, left = 0, size + self._lead
        for block in self._blocks:
            length = _HEADER_SIZE + block[2]
            if left < length:
                break
            left -= length
            whole += 1
        known = (whole + (left >= _HEADER_SIZE)) * _HEADER_SIZE
        found = bytes(_headers[:known])
        if found == self._expected[:known]:
            return Landed(self._blocks[:whole], [], self._gather(whole, left), True)
        return self._sort_out(found, whole, left)

    def _sort_out(self, found: bytes, whole: int, left: int) -> Landed:
        """Some header is not the one expected: go through them one by one."""
        in_place: list[tuple[int, int, int]] = []
        displaced: list[Block] = []
        for number in range(whole):
            length, kind, piece, begin = _HEADER.unpack_from(found, number * _HEADER_SIZE)
            expected = self._blocks[number]
            if kind != _BLOCK_ID or length != expected[2] + 9:
                left += sum(_HEADER_SIZE + block[2] for block in self._blocks[number:whole])
                return Landed(in_place, displaced, self._gather(number, left), False)
            if (piece, begin) == expected[:2]:
                in_place.append(expected)
            else:
                displaced.append(Block(piece, begin, memoryview(bytes(self._places[number]))))
        return Landed(in_place, displaced, self._gather(whole, left), True)

    def _gather(self, first: int, size: int) -> bytes:
        """`size` bytes from the header of block `first` on, as they came."""
        parts: list[memoryview] = []
        for number in range(first, len(self._blocks)):
            for part in (_header_views[number], self._places[number]):
                if size <= 0:
                    return b"".join(parts)
                parts.append(part[:size])
                size -= len(part)
        return b"".join(parts)


def block_begun(lead: bytes | bytearray) -> tuple[int, int, int] | None:
    """The (piece, begin, length) of the block whose message starts so, if that can be said."""
    if len(lead) < _HEADER_SIZE:
        return None
    length, kind, piece, begin = _HEADER.unpack_from(lead)
    return (piece, begin, length - 9) if kind == _BLOCK_ID else None
