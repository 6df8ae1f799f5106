"""Blocks read from the network straight to where they belong, with no copy in between.

A peer answers requests in their order, on the whole (BEP 3), so what comes next is known to the
byte: a block's header, the block, the next header. A read that is scattered over such buffers puts
each block in its place. Whether it was so is seen by comparing the headers. A block that came in
the place of another is moved, for seeds that read with several threads let one block overtake
another; where something else came in between, the bytes from there on are put together again and
read as any others. What a wrong guess wrote over is nothing: only places of blocks that are still
to come are ever offered.
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
_header_views = [_headers[at : at + _HEADER_SIZE] for at in range(0, len(_headers), _HEADER_SIZE)]


class Landed(NamedTuple):
    """What a read brought.

    `in_place`: the (piece, begin, length) of blocks that are where they belong. `displaced`: blocks
    for which there was no place. `rest`: the bytes behind them, from the start of a message.
    `as_expected`: the rest is not known to be anything but the start of a block. `overtaken`:
    expected blocks that did not come although some behind them did.
    """

    in_place: Sequence[tuple[int, int, int]]
    displaced: list[Block]
    rest: bytes
    as_expected: bool
    overtaken: Sequence[tuple[int, int, int]] = ()


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
        blocks, places = self._blocks, self._places
        slots = {block: number for number, block in enumerate(blocks)}
        in_place: list[tuple[int, int, int]] = []
        displaced: list[Block] = []
        moves: dict[int, int] = {}
        furthest, count = -1, whole
        headers = _HEADER.iter_unpack(found[: whole * _HEADER_SIZE])
        for number, (length, kind, piece, begin) in enumerate(headers):
            size = blocks[number][2]
            if kind != _BLOCK_ID or length != size + 9:
                count = number
                break
            slot = slots.pop((piece, begin, size), None)
            if slot is None:
                displaced.append(Block(piece, begin, memoryview(bytes(places[number]))))
                continue
            in_place.append(blocks[slot])
            furthest = max(furthest, slot)
            if slot != number:
                moves[slot] = number
        left += sum([_HEADER_SIZE + block[2] for block in blocks[count:whole]])
        rest = self._gather(count, left)
        _move(places, moves)
        overtaken = [block for block, slot in slots.items() if slot < furthest]
        return Landed(in_place, displaced, rest, count == whole, overtaken)

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


def _move(places: Sequence[memoryview], moves: dict[int, int]) -> None:
    """Move what is in places to others; `moves` has, for a place, the one of its content.

    Each is moved once: first to places of which the content is not needed, then to those that
    this leaves. What remains are rings, opened by keeping the content of one of their places.
    """
    sources = set(moves.values())
    for free in [place for place in moves if place not in sources]:
        while (source := moves.pop(free, None)) is not None:
            places[free][:] = places[source]
            free = source
    while moves:
        first, source = moves.popitem()
        kept = bytes(places[first])
        places[first][:] = places[source]
        while source != first:
            free, source = source, moves.pop(source)
            places[free][:] = kept if source == first else places[source]


def block_begun(lead: bytes | bytearray) -> tuple[int, int, int] | None:
    """The (piece, begin, length) of the block whose message starts so, if that can be said."""
    if len(lead) < _HEADER_SIZE:
        return None
    length, kind, piece, begin = _HEADER.unpack_from(lead)
    return (piece, begin, length - 9) if kind == _BLOCK_ID else None
