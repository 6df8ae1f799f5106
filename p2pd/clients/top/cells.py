"""What stands in a cell of a table: pieces of text with styles, and columns that fit a width.

Pure: knows the widths of letters, and no terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

DOWN, UP = "#7aa2f7", "#bb9af7"
GOOD, CARE, BAD, QUIET = "#9ece6a", "#e0af68", "#f7768e", "#737aa2"
TROUGH = "#4a5278"
"""What is left of a bar."""

READABLE = 20
"""Cells that a column of no fixed width keeps before others go."""

Cell = tuple[tuple[str, str], ...]
"""Pieces of text, each with a style; an empty style is that of the line."""


class Column(NamedTuple):
    """A column of a table; `width` 0 takes what the others leave."""

    key: str
    heading: str
    width: int
    right: bool = False
    rank: int = 0
    """Columns of the highest rank go first where there is no room; those of rank 0 stay."""


class Row(NamedTuple):
    """A line of a table."""

    cells: tuple[Cell, ...]
    style: str = ""


def cell(text: str, style: str = "") -> Cell:
    """A cell of one piece."""
    return ((text, style),)


def bar(share: float, width: int, style: str) -> Cell:
    """A bar of half cells; full only when all is there."""
    halves = int(min(1.0, max(0.0, share)) * width * 2)
    drawn = "━" * (halves // 2) + "╸" * (halves % 2)
    return ((drawn, style), ("━" * (width - len(drawn)), TROUGH))


def fitting(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns there is room for, each with its width; one cell is between two of them."""
    kept = list(columns)
    while len(kept) > 1 and _least(kept) > width:
        rank = max(column.rank for column in kept)
        if rank == 0:
            break
        kept.remove(next(column for column in kept if column.rank == rank))
    rest = max(0, width - sum(column.width for column in kept) - len(kept) + 1)
    return [(column, column.width or rest) for column in kept]


def _least(columns: Sequence[Column]) -> int:
    return sum(column.width or READABLE for column in columns) + len(columns) - 1


def shaped(content: Cell, width: int, right: bool) -> list[tuple[str, str]]:
    """A cell's pieces, exactly so many cells wide."""
    pieces: list[tuple[str, str]] = []
    room = width
    for text, style in content:
        length = cell_len(text)
        if length > room:
            shorter = set_cell_size(text, max(0, room - 1)) + "…" if room else ""
            pieces.append((shorter, style))
            room = 0
            break
        pieces.append((text, style))
        room -= length
    space = (" " * room, "")
    return [space, *pieces] if right else [*pieces, space]
