"""Columns of text: as wide as their widest cell, and quick for ten thousand lines."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

GAP = "  "


class Line(NamedTuple):
    """A line that is ready to be shown; `alarming` ones stand out on a terminal."""

    text: str
    alarming: bool = False


class Columns:
    """Rows under headings; a heading that ends in ``>`` is of a column aligned to the right.

    Widths are terminal cells, of which many letters of the world take two. `cut` says whether
    lines may be shortened to a terminal's width.
    """

    def __init__(self, *headings: str, cut: bool = True) -> None:
        self._headings = tuple(heading.rstrip(">") for heading in headings)
        self._right = tuple(heading.endswith(">") for heading in headings)
        self._rows: list[tuple[tuple[str, ...], bool]] = []
        self._cut = cut

    def add_row(self, *cells: str, alarming: bool = False) -> None:
        """Add a row: a cell for each column."""
        if len(cells) != len(self._headings):
            raise ValueError(f"{len(cells)} cells for {len(self._headings)} columns")
        self._rows.append((cells, alarming))

    def lines(self, width: int | None = None) -> list[Line]:
        """The heading, if there is one, and a line for each row; at most `width` cells wide."""
        widths = self._widths()
        lines = [Line(self._line(cells, widths), alarming) for cells, alarming in self._rows]
        if any(self._headings):
            lines.insert(0, Line(self._line(self._headings, widths)))
        if width is None or not self._cut:
            return lines
        return [Line(_shortened(text, width), alarming) for text, alarming in lines]

    def _widths(self) -> list[int]:
        rows = [self._headings, *(cells for cells, _ in self._rows)]
        return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]

    def _line(self, cells: tuple[str, ...], widths: list[int]) -> str:
        parts = []
        for cell, width, right in zip(cells, widths, self._right, strict=True):
            space = " " * (width - cell_len(cell))
            parts.append(space + cell if right else cell + space)
        return GAP.join(parts).rstrip()


def _shortened(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "\N{HORIZONTAL ELLIPSIS}"
