"""Pictures in letters: the map of a torrent's pieces, and graphs of rates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from p2pd.clients.piece_map import Cell as PieceCell
from p2pd.clients.piece_map import PieceMap
from p2pd.clients.text import counted, percent, rate, size
from p2pd.clients.top.cells import BAD, CARE, DOWN, GOOD, QUIET, UP
from p2pd.clients.top.history import History, graph

PIECE_COLOURS = {PieceCell.LOST: BAD, PieceCell.COMING: CARE, PieceCell.HERE: GOOD}
RARE, SEVERAL, OFTEN = "#2f3b5c", "#3f5280", "#5470b0"
"""Pieces to come: that one peer has, that two or three have, or more."""

UPPER_HALF = "▀"


class PiecePicture(Widget):
    """Every cell of the screen is two of the map: its upper and its lower half."""

    DEFAULT_CSS = "PiecePicture { height: 1fr; padding: 0 1; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._map: PieceMap | None = None
        self._piece_size = 0

    def show(self, pieces: PieceMap | None, piece_size: int = 0) -> None:
        """Draw these; None if they are not known."""
        self._map, self._piece_size = pieces, piece_size
        self.refresh()

    def render(self) -> RenderResult:
        """The words and the map."""
        pieces, width = self._map, self.content_size.width
        if pieces is None or not pieces.count:
            return Text("the pieces are not known yet: the metadata is still to come", QUIET)
        picture = self._words(pieces)
        rows = max(1, self.content_size.height - 1) * 2
        colours = [_colour(pieces, *bounds) for bounds in pieces.bounds(width * rows)]
        width = max(1, width)
        none: list[str] = []
        lines = [colours[start : start + width] for start in range(0, len(colours), width)]
        for upper, lower in zip_longest(lines[::2], lines[1::2], fillvalue=none):
            picture.append("\n")
            for above, below in zip_longest(upper, lower):
                picture.append(UPPER_HALF, f"{above} on {below}" if below else above)
        return picture

    def _words(self, pieces: PieceMap) -> Text:
        here = f"{pieces.here} of {counted(pieces.count, 'piece')} of {size(self._piece_size)}"
        words = Text(f"{here}, {percent(pieces.here / pieces.count)}  ", no_wrap=True)
        legend = [(GOOD, "here"), (CARE, "some of it"), (OFTEN, "to come, dark: rare")]
        if pieces.unavailable:
            legend.append((BAD, f"no peer has {pieces.unavailable}"))
        for colour, meaning in legend:
            words.append(" ■ ", colour).append(meaning, QUIET)
        return words


class RatePicture(Widget):
    """Two graphs, of downloads and of uploads."""

    DEFAULT_CSS = "RatePicture { height: 1fr; padding: 0 1; }"

    def __init__(self, history: History, *, id: str) -> None:
        super().__init__(id=id)
        self.history = history

    def render(self) -> RenderResult:
        """One above the other."""
        height = max(1, (self.content_size.height - 2) // 2)
        picture = Text(no_wrap=True)
        for word, values, colour in (
            ("down", self.history.down, DOWN),
            ("up", self.history.up, UP),
        ):
            now, most = (rate(value) or "0" for value in (_last(values), max(values, default=0)))
            picture.append(f"{word} ", QUIET).append(now, f"bold {colour}")
            picture.append(f"  at most {most} in {counted(len(values), 'look')}\n", QUIET)
            for line in graph(list(values), self.content_size.width, height):
                picture.append(f"{line}\n", colour)
        picture.rstrip()
        return picture


def _colour(pieces: PieceMap, first: int, end: int) -> str:
    cell, _ = pieces.cell(first, end)
    if cell is not PieceCell.MISSING:
        return PIECE_COLOURS[cell]
    peers = pieces.rarest(first, end)
    return RARE if peers <= 1 else SEVERAL if peers <= 3 else OFTEN


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else 0.0
