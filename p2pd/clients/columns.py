"""Columns of text: as wide as their widest cell, and quick for ten thousand lines.

Where a terminal is narrow, columns that matter less go before the last one is cut short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

GAP = "  "
READABLE = 24
"""Cells that the last column, mostly a name, keeps before others go."""


class Line(NamedTuple):
    """A line that is ready to be shown; `style` is how on a terminal, like ``bold`` or ``red``."""

    text: str
    style: str = ""


class Columns:
    """Rows under headings; a heading that ends in ``>`` is of a column aligned to the right.

    Widths are terminal cells, of which many letters of the world take two. `cut` says whether
    lines may be shortened to a terminal's width; `spare` names columns that go then, the first
    of them first.
    """

    def __init__(self, *headings: str, cut: bool = True, spare: Sequence[str] = ()) -> None:
        self._headings = tuple(heading.rstrip(">") for heading in headings)
        self._right = tuple(heading.endswith(">") for heading in headings)
        self._rows: list[tuple[tuple[str, ...], str]] = []
        self._cut = cut
        self._spare = spare

    def add_row(self, *cells: str, style: str = "") -> None:
        """Add a row: a cell for each column."""
        if len(cells) != len(self._headings):
            raise ValueError(f"{len(cells)} cells for {len(self._headings)} columns")
        self._rows.append((cells, style))

    def lines(self, width: int | None = None) -> list[Line]:
        """The heading, if there is one, and a line for each row; at most `width` cells wide."""
        widths = self._widths()
        limit = width if self._cut else None
        kept = self._kept(widths, limit)
        lines = [Line(self._line(cells, widths, kept), style) for cells, style in self._rows]
        if any(self._headings):
            lines.insert(0, Line(self._line(self._headings, widths, kept), "bold"))
        if limit is None:
            return lines
        return [Line(_shortened(text, limit), style) for text, style in lines]

    def _widths(self) -> list[int]:
        rows = [self._headings, *(cells for cells, _ in self._rows)]
        return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]

    def _kept(self, widths: list[int], limit: int | None) -> list[int]:
        """The columns there is room for; one without a word in it takes none."""
        kept = [index for index, width in enumerate(widths) if width]
        if limit is None:
            return kept
        for heading in self._spare:
            *others, last = (widths[index] for index in kept)
            if sum(others) + len(GAP) * len(others) + min(last, READABLE) <= limit:
                break
            if heading in self._headings:
                kept.remove(self._headings.index(heading))
        return kept

    def _line(self, cells: tuple[str, ...], widths: list[int], kept: list[int]) -> str:
        parts = []
        for index in kept:
            cell = cells[index]
            space = " " * (widths[index] - cell_len(cell))
            parts.append(space + cell if self._right[index] else cell + space)
        return GAP.join(parts).rstrip()


def _shortened(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "\N{HORIZONTAL ELLIPSIS}"
