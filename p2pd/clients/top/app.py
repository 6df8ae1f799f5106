"""The full-screen view: puts looks on the screen, and keys into calls, which threads make."""

from __future__ import annotations

import threading
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Input, Static, TabbedContent

from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.selection import STATES
from p2pd.clients.text import plain
from p2pd.clients.top.acting import Acting, MakePoller
from p2pd.clients.top.bars import filter_words, status_line, summary, version_of
from p2pd.clients.top.cells import Row
from p2pd.clients.top.details_pane import PARTS, Details, FileGrid
from p2pd.clients.top.feed import Interest, Look
from p2pd.clients.top.grid import Grid
from p2pd.clients.top.history import History
from p2pd.clients.top.poller import Trouble
from p2pd.clients.top.torrent_list import COLUMNS, Filter, torrent_row

THEME = "tokyo-night"


class TopApp(Acting):
    """The view; `poller` looks in a thread unless tests hand in what it saw."""

    TITLE = "p2pctl top"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
        Binding("s", "act('torrent_start', 'started')", "Start"),
        Binding("x", "act('torrent_stop', 'stopped')", "Stop"),
        Binding("r,delete", "remove", "Remove"),
        Binding("slash", "filter", "Filter"),
        Binding("d", "details", "Details"),
        Binding("l", "limit", "Limits"),
        Binding("t", "alt_speeds", "Alt speeds"),
        Binding("v", "act('torrent_verify', 'will be checked')", "Check", show=False),
        Binding("a", "act('torrent_reannounce', 'asks its trackers')", "Announce", show=False),
        Binding("u", "queue('up')", "Queue up", show=False),
        Binding("n", "queue('down')", "Queue down", show=False),
        Binding("U", "queue('top')", "Queue top", show=False),
        Binding("N", "queue('bottom')", "Queue bottom", show=False),
        Binding("L", "limit_session", "Session limits", show=False),
        Binding("f", "next_state", "Next state", show=False),
        Binding("g", "next_label", "Next label", show=False),
        Binding("o", "sort(False)", "Sort", show=False),
        Binding("O", "sort(True)", "Turn order", show=False),
        Binding("space", "mark", "Mark", show=False),
        Binding("R", "reload", "Look now", show=False),
        *(Binding(str(n), f"part('{part}')", show=False) for n, part in enumerate(PARTS, 1)),
    ]

    def __init__(self, client: ApiClient, make_poller: MakePoller, *, polls: bool = True) -> None:
        super().__init__(client, make_poller)
        # What slides over a slow line only comes late.
        self.animation_level = "none"
        self.history = History()
        self._stats: JsonObject = {}
        self._polls = polls

    def compose(self) -> ComposeResult:
        """From above: rates, notices, torrents, details, counts, keys."""
        yield Static(id="summary")
        yield Static(id="notice")
        yield Input(id="filter", placeholder="words, label:linux, state:seeding", compact=True)
        yield Grid(COLUMNS, self._row, id="torrents", empty="there are no torrents here")
        yield Details(id="details")
        yield Static(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look."""
        self.theme = THEME
        self.grid.focus()
        self._look_at_cursor()
        if self._polls:
            # Not a worker of Textual's: one that waits for a daemon must not hold up the end.
            threading.Thread(target=self.poller.run, name="poller", daemon=True).start()

    def on_unmount(self) -> None:
        """Look no more."""
        self.poller.end()

    @property
    def details(self) -> Details:
        """The details."""
        return self.query_one(Details)

    def _row(self, number: int) -> Row:
        return torrent_row(self.list.torrents[number], number in self.marked)

    @on(Acting.Seen)
    def _seen(self, message: Acting.Seen) -> None:
        if isinstance(message.seen, Trouble):
            self._show_trouble(message.seen)
        else:
            self._show_look(message.seen)

    def _show_trouble(self, trouble: Trouble) -> None:
        again = f"{plain(trouble.sentence, 300)}; once more in {trouble.seconds:.0f} s"
        self._notice(again, lost=True)

    def _show_look(self, look: Look) -> None:
        if look.whole:
            self.list.replace(look.torrents)
        else:
            self.list.update(look.torrents, look.removed)
        self.marked &= self.list.torrents.keys()
        if look.settings is not None:
            self.settings = look.settings
        self._stats = look.stats
        self.history.add(look.stats["download_speed"], look.stats["upload_speed"])
        self._notice(plain((self.settings or {}).get("state_notice", ""), 500))
        self._show_list()
        if (number := self.grid.key) is not None:
            torrent = self.list.torrents[number]
            self.details.add_rates(torrent["rate_download"], torrent["rate_upload"])
        self.details.take(look)

    def _notice(self, sentence: str, *, lost: bool = False) -> None:
        notice = self.query_one("#notice", Static)
        notice.set_class(bool(sentence), "shown")
        notice.set_class(lost, "lost")
        notice.update(Text(sentence))

    def _show_list(self) -> None:
        self.grid.show(self.list.shown, (self.list.sort_by, self.list.reverse))
        self._show_lines()

    def _show_lines(self) -> None:
        if self._stats:
            version = version_of(self.settings or {})
            line = summary(self._stats, version, self.history, self.size.width - 2)
            self.query_one("#summary", Static).update(line)
        line = status_line(self.list, len(self.marked), self.settings)
        self.query_one("#status", Static).update(line)

    def on_resize(self) -> None:
        """The graphs are as wide as there is room."""
        self._show_lines()

    @on(Grid.Moved, "#torrents")
    @on(TabbedContent.TabActivated)
    def _look_at_cursor(self) -> None:
        """What is seen closely is another: ask for it at once."""
        shown = not self.details.has_class("hidden")
        number = self.grid.key
        self.details.turn_to(number)
        interest = Interest(number if shown else None, self.details.part)
        if interest != self.poller.interest:
            self.poller.interest = interest
            self.poller.look_now()

    @on(Grid.Sorted, "#torrents")
    def _sort_by(self, message: Grid.Sorted) -> None:
        self.list.sort(message.column)
        self._show_list()

    def action_sort(self, turn: bool) -> None:
        """By the next column, or the other way round."""
        keys = [column.key for column in COLUMNS]
        now = keys.index(self.list.sort_by)
        self.list.sort(keys[now if turn else (now + 1) % len(keys)])
        self._show_list()

    def action_mark(self) -> None:
        """Mark the torrent at the cursor, or take its mark away, and go on to the next."""
        if self.grid.key is not None:
            self.marked ^= {self.grid.key}
            self._show_list()
            self.grid.action_move(1)

    def action_filter(self) -> None:
        """Open the line for the filter."""
        line = self.query_one("#filter", Input)
        line.value = filter_words(self.list.filter)
        line.add_class("shown")
        line.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._choose(event.value)

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.query_one("#filter").remove_class("shown")
        self.grid.focus()

    def key_escape(self) -> None:
        """End the filter, then the marks."""
        line = self.query_one("#filter", Input)
        if line.has_class("shown") or self.list.filter != Filter():
            line.value = ""
            self._choose("")
            self._filtered()
        elif self.marked:
            self.marked = set()
            self._show_list()

    def _choose(self, text: str) -> None:
        self.list.choose(text)
        self._show_list()

    def action_next_state(self) -> None:
        """Show the next state only; after the last, all."""
        self._next("state", sorted(STATES), self.list.filter.states)

    def action_next_label(self) -> None:
        """Show the next label only; after the last, all."""
        every = [label.casefold() for label in self.list.labels()]
        self._next("label", every, self.list.filter.labels)

    def _next(self, kind: str, every: list[str], now: tuple[str, ...]) -> None:
        at = every.index(now[0]) + 1 if now and now[0] in every else 0
        self._choose(f"{kind}:{every[at]}" if at < len(every) else "")

    def action_details(self) -> None:
        """Show the details or hide them."""
        self.details.toggle_class("hidden")
        if self.details.has_class("hidden"):
            self.grid.focus()
        self._look_at_cursor()

    @on(Grid.Chosen, "#torrents")
    def _open_details(self) -> None:
        self.details.remove_class("hidden")
        self._look_at_cursor()

    def action_part(self, part: str) -> None:
        """A part of the details."""
        self.details.remove_class("hidden")
        self.details.show_part(part)
        self._look_at_cursor()

    def action_reload(self) -> None:
        """Look at everything, now."""
        self.poller.look_now(everything=True)

    @on(FileGrid.Step)
    def _step(self, message: FileGrid.Step) -> None:
        stepped = self.details.stepped(message.index, message.steps)
        if stepped is None:
            return
        torrent, word = stepped
        changes: JsonObject = {"files_unwanted": [message.index]}
        if word != "skip":
            changes = {"files_wanted": [message.index], f"priority_{word}": [message.index]}
        self.call("torrent_set", f"file {message.index}: {word}", ids=[torrent], **changes)
