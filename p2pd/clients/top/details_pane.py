"""The details of the torrent at the cursor, in tabs; only the one that is seen is asked for."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.widgets import Static, TabbedContent, TabPane

from p2pd.clients.api_client import JsonObject
from p2pd.clients.piece_map import PieceMap
from p2pd.clients.top.cells import QUIET, Row
from p2pd.clients.top.details import (
    FILE_COLUMNS,
    LADDER,
    PEER_COLUMNS,
    TRACKER_COLUMNS,
    facts,
    file_row,
    file_step,
    peer_row,
    source_row,
    tracker_row,
)
from p2pd.clients.top.feed import Look
from p2pd.clients.top.grid import Grid
from p2pd.clients.top.history import History
from p2pd.clients.top.pictures import PiecePicture, RatePicture

PARTS = ("overview", "files", "peers", "trackers", "pieces", "rates")
NAME_WIDTH = 13


class FileGrid(Grid):
    """Files, whose priorities can be changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign,right", "step(1)", "Sooner"),
        Binding("minus,left", "step(-1)", "Later, or not"),
    ]

    class Step(Message):
        """Somebody wants a file sooner or later."""

        def __init__(self, index: int, steps: int) -> None:
            super().__init__()
            self.index, self.steps = index, steps

    def action_step(self, steps: int) -> None:
        """One step on the ladder of priorities."""
        if self.key is not None:
            self.post_message(self.Step(self.key, steps))


class Details(Container):
    """The tabs."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._files: list[JsonObject] = []
        self._peers: list[JsonObject] = []
        self._trackers: list[JsonObject] = []
        self._sources: list[JsonObject] = []
        self._torrent: int | None = None
        self._history = History()
        nothing = "not known yet: the metadata is still to come"
        self.files = FileGrid(FILE_COLUMNS, self._file_row, id="file-grid", empty=nothing)
        self.peers = Grid(PEER_COLUMNS, self._peer_row, id="peer-grid", empty="no peers")
        self.trackers = Grid(
            TRACKER_COLUMNS, self._tracker_row, id="tracker-grid", empty="no trackers"
        )
        self.overview = Static(id="overview-text")
        self.pieces = PiecePicture(id="piece-picture")
        self.rates = RatePicture(self._history, id="rate-picture")

    def compose(self) -> ComposeResult:
        """A tab for each part."""
        contents = {
            "overview": VerticalScroll(self.overview, id="overview-scroll"),
            "files": self.files,
            "peers": self.peers,
            "trackers": self.trackers,
            "pieces": self.pieces,
            "rates": self.rates,
        }
        with TabbedContent(id="tabs"):
            for number, part in enumerate(PARTS, 1):
                yield TabPane(f"{number} {part.title()}", contents[part], id=part)

    @property
    def part(self) -> str:
        """The part that is seen."""
        return self.query_one(TabbedContent).active or PARTS[0]

    def show_part(self, part: str) -> None:
        """Have another part seen."""
        self.query_one(TabbedContent).active = part

    def turn_to(self, torrent: int | None) -> None:
        """Another torrent is at the cursor: nothing is known of it yet."""
        if torrent == self._torrent:
            return
        self._torrent = torrent
        self._history = self.rates.history = History()
        self._files, self._peers, self._trackers, self._sources = [], [], [], []
        for grid in (self.files, self.peers, self.trackers):
            grid.show([])
        self.overview.update("")
        self.pieces.show(None)

    def take(self, look: Look) -> None:
        """Show what came of a look, if it is about the torrent and the part that are seen."""
        if look.details is None or look.interest.torrent != self._torrent:
            return
        if look.interest.part == self.part:
            getattr(self, f"_show_{self.part}")(look.details)

    def add_rates(self, down: float, up: float) -> None:
        """The torrent's rates of one look."""
        self._history.add(down, up)
        if self.part == "rates":
            self.rates.refresh()

    def stepped(self, index: int, steps: int) -> tuple[int, str] | None:
        """The torrent, and what a file is to be after some steps; None when it is that already."""
        if self._torrent is None or index >= len(self._files):
            return None
        now = file_step(self._files[index])
        new = max(0, min(len(LADDER) - 1, now + steps))
        return None if new == now else (self._torrent, LADDER[new])

    def _show_overview(self, details: JsonObject) -> None:
        text = Text(overflow="fold")
        for name, value, style in facts(details):
            text.append(f"{name:<{NAME_WIDTH}}", QUIET).append(f"{value}\n", style)
        text.rstrip()
        self.overview.update(text)

    def _show_files(self, details: JsonObject) -> None:
        pairs = zip(details["files"], details["file_stats"], strict=True)
        self._files = [
            file | {"index": index, "wanted": state["wanted"], "priority": state["priority"]}
            for index, (file, state) in enumerate(pairs)
        ]
        self.files.show(range(len(self._files)))

    def _show_peers(self, details: JsonObject) -> None:
        self._peers = sorted(
            details["peers"], key=lambda peer: -(peer["rate_to_client"] + peer["rate_to_peer"])
        )
        self.peers.show(range(len(self._peers)))

    def _show_trackers(self, details: JsonObject) -> None:
        self._trackers = details["tracker_stats"]
        self._sources = [each for each in details["discovery"] if each["name"] != "tracker"]
        self.trackers.show(range(len(self._trackers) + len(self._sources)))

    def _show_pieces(self, details: JsonObject) -> None:
        pieces = PieceMap(details["pieces"], details["piece_count"], details["availability"])
        self.pieces.show(pieces, details["piece_size"])

    def _show_rates(self, details: JsonObject) -> None:
        self.rates.refresh()

    def _file_row(self, key: int) -> Row:
        return file_row(self._files[key])

    def _peer_row(self, key: int) -> Row:
        return peer_row(self._peers[key])

    def _tracker_row(self, key: int) -> Row:
        if key < len(self._trackers):
            return tracker_row(self._trackers[key], time.time())
        return source_row(self._sources[key - len(self._trackers)], time.time())
