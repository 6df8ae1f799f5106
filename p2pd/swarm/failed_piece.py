"""A piece that failed its hash, and the blocks of it that came again: which mixtures may be right.

Mostly one block of many is bad. So what came is kept, blocks are asked for again one after the
other, and as soon as one differs from what it was, it may be the one: with it in its place the
piece may pass, and the rest need not come twice. Refuses to know of hashes and of who sent what.
"""

from __future__ import annotations

from itertools import combinations
from typing import AbstractSet as Set
from typing import Mapping

from p2pd.base.requests import BLOCK_SIZE

DIFFERING_MOST = 4
"""Blocks that differ, up to which mixtures are tried: beyond, the piece had better come whole."""

Patches = Mapping[int, bytes]
"""Blocks by their number, to be put in the place of those that were kept."""


class FailedPiece:
    """The bytes that failed, and those blocks of it that came again and differ."""

    __slots__ = ("_differing", "data")

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self._differing: dict[int, bytes] = {}

    def came_again(self, begin: int, block: bytes | bytearray | memoryview) -> bool:
        """A block came again; whether it is not as it was."""
        if memoryview(self.data)[begin : begin + len(block)] == block:
            return False
        self._differing[begin // BLOCK_SIZE] = bytes(block)
        return True

    @property
    def differing(self) -> Set[int]:
        """The numbers of the blocks that came again and are not as they were."""
        return self._differing.keys()

    def renewed(self) -> list[Patches]:
        """What may be right when all that came again is; nothing, if too much differs."""
        few = 0 < len(self._differing) <= DIFFERING_MOST
        return [dict(self._differing)] if few else []

    def mixtures(self) -> list[Patches]:
        """What else may be right when the piece came again as a whole, and failed again.

        All mixtures of the two, which are both wrong, with the fewest blocks of the first in front.
        """
        if len(self._differing) > DIFFERING_MOST:
            return []
        blocks = self._differing.items()
        sizes = range(len(blocks) - 1, 0, -1)
        return [dict(chosen) for size in sizes for chosen in combinations(blocks, size)]


def mixed(data: bytes | bytearray, patches: Patches) -> bytearray:
    """The bytes with some blocks replaced."""
    mixture = bytearray(data)
    for number, block in patches.items():
        begin = number * BLOCK_SIZE
        mixture[begin : begin + len(block)] = block
    return mixture
