"""A piece that is open: which of its blocks are free, asked for, or here.

One byte a block, which says of a block that is here who sent it; finding the next free one is a
search in C. Knows nothing of other pieces.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import Callable, Hashable, cast

from p2pd.base.requests import BLOCK_SIZE, Request

FREE = 0
RECEIVED = 64
"""States of a block; between them is the number of peers it is asked of.

From RECEIVED on it is here, and the rest is which of the piece's senders it came from.
"""

UNTOLD = 255
"""Of a block that is here: it came from one of the senders for whom there is no number left."""

FEW = 8
"""Part of a piece that is asked for at a time where few blocks are."""

BLOCK_SHIFT = BLOCK_SIZE.bit_length() - 1

# the generated __new__ of a NamedTuple costs as much again as making the tuple
_new_request = cast(Callable[[tuple[int, int, int]], Request], partial(tuple.__new__, Request))


class PartialPiece:
    """The blocks of one open piece of `size` bytes.

    `owner` is the peer that works on it alone; nobody's when None. `exclusive`: it failed its hash
    before, so it should come from one peer, whose fault a second failure then is. `at_once` is how
    many blocks may be asked for at a time; `senders` has the state of the blocks that came from
    each peer.
    """

    __slots__ = (
        "at_once", "blocks", "exclusive", "free", "missing", "owner", "piece", "senders", "size",
        "states",
    )  # fmt: skip

    def __init__(
        self, piece: int, size: int, *, exclusive: bool = False, few_at_once: bool = False
    ) -> None:
        if size <= 0:
            raise ValueError(f"piece {piece} has no bytes to ask for")
        self.piece = piece
        self.size = size
        self.blocks = (size + BLOCK_SIZE - 1) >> BLOCK_SHIFT
        self.states = bytearray(self.blocks)
        self.free = self.blocks
        self.missing = self.blocks
        self.at_once = max(1, self.blocks // FEW) if few_at_once else self.blocks
        self.owner: Hashable | None = None
        self.exclusive = exclusive
        self.senders: dict[Hashable, int] = {}

    @property
    def untouched(self) -> bool:
        """Nothing of it is here and nothing is asked for."""
        return self.free == self.blocks

    @property
    def askable(self) -> int:
        """How many blocks may be asked for now."""
        free = self.free
        return min(free, max(0, self.at_once - self.missing + free))

    @property
    def received_bytes(self) -> int:
        """Bytes of it that are here."""
        received = (self.blocks - self.missing) * BLOCK_SIZE
        if self.states[-1] >= RECEIVED:
            received -= self.blocks * BLOCK_SIZE - self.size
        return received

    def take(self, count: int) -> list[Request]:
        """Up to `count` free blocks, in order, from now on asked for."""
        states = self.states
        count = min(count, self.askable)
        if count >= self.free == self.blocks:
            blocks: list[int] | range = range(self.blocks)
            self.states = bytearray(b"\x01") * self.blocks
        else:
            blocks = []
            block = states.find(FREE)
            while block >= 0 and len(blocks) < count:
                states[block] = 1
                blocks.append(block)
                block = states.find(FREE, block + 1)
        self.free -= len(blocks)
        begins = [block << BLOCK_SHIFT for block in blocks]
        taken = list(map(_new_request, zip(repeat(self.piece), begins, repeat(BLOCK_SIZE))))
        if taken and blocks[-1] == self.blocks - 1:
            taken[-1] = self.request(self.blocks - 1)
        return taken

    def request(self, block: int) -> Request:
        """The request for one block."""
        begin = block << BLOCK_SHIFT
        return Request(self.piece, begin, min(BLOCK_SIZE, self.size - begin))

    def put_back(self, begin: int) -> None:
        """One peer less is asked for this block."""
        block = begin >> BLOCK_SHIFT
        state = self.states[block]
        if FREE < state < RECEIVED:
            self.states[block] = state - 1
            if state == 1:
                self.free += 1

    def sender(self, peer: Hashable) -> int:
        """The state of the blocks that come from this peer."""
        return self.senders.setdefault(peer, min(RECEIVED + len(self.senders), UNTOLD))

    def asked_of(self, begin: int) -> int:
        """How many peers a block that is not here is asked of."""
        return self.states[begin >> BLOCK_SHIFT]

    def ask_again(self, begin: int) -> None:
        """One peer more is asked for a block that is asked for."""
        self.states[begin >> BLOCK_SHIFT] += 1
