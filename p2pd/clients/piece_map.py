"""Which pieces are here, drawn in few cells: for p2pctl and for its full-screen view.

Knows bitfields and counts, and no terminal: what a cell looks like is for those who draw.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

EIGHTHS = " ▁▂▃▄▅▆▇█"
ASCII_EIGHTHS = " .:-=+*%#"
NOT_HERE, LOST = "·", "!"


class Cell(IntEnum):
    """What the pieces of a cell have in common."""

    LOST = 0
    """A piece is missing that no connected peer has."""

    MISSING = 1
    """Nothing is here; peers have it."""

    COMING = 2
    """Some of it is here."""

    HERE = 3


class PieceMap:
    """The pieces of one torrent, from the API's `pieces` and `availability`."""

    def __init__(self, pieces: str, count: int, availability: Sequence[int]) -> None:
        try:
            bits = base64.b64decode(pieces)
        except (binascii.Error, ValueError):
            bits = b""
        self.count = count
        self._had = [
            index >> 3 < len(bits) and bits[index >> 3] >> (7 - (index & 7)) & 1 == 1
            for index in range(count)
        ]
        self._availability = availability if len(availability) == count else ()
        self.here = sum(self._had)

    @property
    def unavailable(self) -> int:
        """How many pieces are missing that no connected peer has; 0 if that is not known."""
        return sum(
            not had and peers == 0
            for had, peers in zip(self._had, self._availability, strict=False)
        )

    def rarest(self, first: int, end: int) -> int:
        """How many connected peers have the rarest of these pieces that is missing; 0: none."""
        if not self._availability:
            return 0
        missing = (self._availability[at] for at in range(first, end) if not self._had[at])
        return min(missing, default=0)

    def bounds(self, number: int) -> list[tuple[int, int]]:
        """The pieces of at most so many cells: the first of each, and the first past it."""
        number = min(number, self.count)
        edges = [index * self.count // number for index in range(number + 1)] if number else []
        return list(pairwise(edges))

    def cells(self, number: int) -> list[tuple[Cell, float]]:
        """At most so many cells: what each is, and which share of its pieces is here."""
        return [self.cell(first, end) for first, end in self.bounds(number)]

    def text_lines(self, width: int, ascii_only: bool = False, lines: int = 8) -> list[str]:
        """The map in letters of full height to none, at most so many lines."""
        width = max(1, width)
        marks = ASCII_EIGHTHS if ascii_only else EIGHTHS
        drawn = "".join(_letter(*cell, marks, ascii_only) for cell in self.cells(width * lines))
        return [drawn[start : start + width] for start in range(0, len(drawn), width)]

    def cell(self, first: int, end: int) -> tuple[Cell, float]:
        """What some pieces in a row have in common."""
        here = sum(self._had[first:end])
        share = here / (end - first)
        if here == end - first:
            return Cell.HERE, 1.0
        if self._availability and self.rarest(first, end) == 0:
            return Cell.LOST, share
        return (Cell.COMING if here else Cell.MISSING), share


def _letter(cell: Cell, share: float, marks: str, ascii_only: bool) -> str:
    if cell is Cell.LOST:
        return LOST
    if cell is Cell.MISSING:
        return "." if ascii_only else NOT_HERE
    return marks[max(1, int(share * 8))]
