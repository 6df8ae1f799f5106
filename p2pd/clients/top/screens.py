"""What lies over the view for a moment: help, questions before torrents go, limits."""

from __future__ import annotations

from typing import ClassVar

import click
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from p2pd.clients.cli.speeds import read_speed
from p2pd.clients.top.cells import CARE, QUIET

KEYS = (
    ("Torrents", (
        ("up down k j", "move; Page Up, Page Down, Home and End too"),
        ("space", "mark a torrent: actions are then about all that are marked"),
        ("s", "start"), ("x", "stop"), ("v", "check the data"), ("a", "ask trackers for peers"),
        ("r", "remove; asks first"), ("l", "speed limits of the torrent"),
        ("u n", "up and down in the queue"), ("U N", "to the top of the queue, or to its end"),
    )),
    ("View", (
        ("/", "filter: words of the name, label:linux, state:seeding; Esc ends it"),
        ("f", "the next state"), ("g", "the next label"),
        ("o O", "sort by the next column, or the other way round; or click a heading"),
        ("d", "details on or off"), ("1 to 6", "a part of the details"),
        ("tab", "to the details and back"),
    )),
    ("Details", (
        ("+ -", "of a file: have it sooner, later, or not at all"),
    )),
    ("Session", (
        ("L", "speed limits of the session"), ("t", "alternative speeds on or off"),
        ("R", "look now, at everything"), ("?", "this help"), ("q", "quit"),
    )),
)  # fmt: skip


class Over(ModalScreen[object]):
    """A box in the middle; Esc closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]


class Help(Over):
    """What the keys do."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,q", "dismiss(None)", "Close")]

    def compose(self) -> ComposeResult:
        """The keys by what they are about."""
        table = Table.grid(padding=(0, 2))
        for heading, keys in KEYS:
            table.add_row(Text(heading, f"bold {CARE}"))
            for key, meaning in keys:
                table.add_row(Text(f" {key}", "bold"), Text(meaning))
        table.add_row("", Text("Esc closes this", QUIET))
        with VerticalScroll(classes="box", id="help"):
            yield Static(table)


class Removal(Over):
    """Answers ``keep`` or ``delete``, which is about the data; None for neither."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "dismiss('keep')", "Keep the data"),
        Binding("d", "dismiss('delete')", "Delete the data"),
    ]

    def __init__(self, question: str, names: list[str]) -> None:
        super().__init__()
        self._question = question
        self._names = names

    def compose(self) -> ComposeResult:
        """The question; nothing that deletes has the focus."""
        with Vertical(classes="box"):
            yield Label(Text(self._question), classes="question")
            yield Static(Text("\n".join(self._names), QUIET, no_wrap=True, overflow="ellipsis"))
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Remove, keep data (k)", id="keep", variant="warning")
                yield Button("Delete data too (d)", id="delete", variant="error")

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(None if event.button.id == "cancel" else event.button.id)


class Limits(Over):
    """Answers two limits in kB/s, for downloads and uploads, as `read_speed` has them."""

    def __init__(self, title: str, down: str, up: str) -> None:
        super().__init__()
        self._title = title
        self._limits = {"down": down, "up": up}

    def compose(self) -> ComposeResult:
        """The two lines, and what may be written there."""
        with Vertical(classes="box"):
            yield Label(Text(self._title, no_wrap=True, overflow="ellipsis"), classes="question")
            for name, words in (("down", "Downloads"), ("up", "Uploads")):
                with Horizontal(classes="line"):
                    yield Label(words)
                    yield Input(self._limits[name], id=name, compact=True)
            hint = "kB/s, or with a unit like 2MB or 512KiB; none is no limit. Enter sets them"
            yield Static(Text(hint, QUIET), id="hint")

    @on(Input.Submitted)
    def _answer(self) -> None:
        read = []
        for name in self._limits:
            line = self.query_one(f"#{name}", Input)
            try:
                read.append(read_speed(line.value or "none"))
            except click.BadParameter as error:
                self.query_one("#hint", Static).update(Text(error.message, CARE))
                line.focus()
                return
        self.dismiss(tuple(read))
