"""What keys do to torrents and the session, and what is asked before: calls made in threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.app import App
from textual.message import Message

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.cli.limit_tables import session_limits
from p2pd.clients.cli.limits import switched
from p2pd.clients.text import counted, plain, size
from p2pd.clients.top.feed import Look
from p2pd.clients.top.grid import Grid
from p2pd.clients.top.poller import Poller, Trouble
from p2pd.clients.top.screens import Help, Limits, Removal
from p2pd.clients.top.torrent_list import TorrentList

MOST_NAMED = 8
_WAYS = {"up": "up in", "down": "down in", "top": "to the top of", "bottom": "to the end of"}
MakePoller = Callable[[Callable[[Look | Trouble], None]], Poller]


class Acting(App[None]):
    """The view as far as it acts; what it looks like is for who inherits."""

    class Seen(Message):
        """The poller saw something."""

        def __init__(self, seen: Look | Trouble) -> None:
            super().__init__()
            self.seen = seen

    def __init__(self, client: ApiClient, make_poller: MakePoller) -> None:
        super().__init__()
        self.client = client
        self.poller = make_poller(lambda seen: self._publish(seen))
        self.list = TorrentList()
        self.marked: set[int] = set()
        self.settings: JsonObject | None = None

    def _publish(self, seen: Look | Trouble) -> None:
        self.post_message(self.Seen(seen))

    @property
    def grid(self) -> Grid:
        """The torrents."""
        return self.query_one("#torrents", Grid)

    def chosen(self) -> list[int]:
        """What an action is about: the marked torrents, or the one at the cursor."""
        if self.marked:
            return sorted(self.marked)
        return [] if self.grid.key is None else [self.grid.key]

    def call(self, method: str, done: str, **params: Any) -> None:
        """Call a method in a thread, say that it is done, and look at what came of it."""
        self.run_worker(partial(self._call, method, done, params), thread=True, group="calls")

    def _call(self, method: str, done: str, params: JsonObject) -> None:
        try:
            self.client.call(method, **params)
        except P2pdError as error:
            self._complain(error)
            return
        self.call_from_thread(self.notify, done, timeout=2, markup=False)
        self.poller.look_now(settings=method == "session_set")

    def _complain(self, error: P2pdError) -> None:
        sentence = plain(error, 300)
        self.call_from_thread(self.notify, sentence, severity="error", markup=False)

    def _names(self, ids: list[int]) -> str:
        torrent = self.list.torrents.get(ids[0])
        if len(ids) > 1 or torrent is None:
            return counted(len(ids), "torrent")
        return plain(torrent["name"], 60)

    def action_help(self) -> None:
        """What the keys do."""
        self.push_screen(Help())

    def action_act(self, method: str, done: str) -> None:
        """Something that is done at once."""
        if ids := self.chosen():
            self.call(method, f"{self._names(ids)}: {done}", ids=ids)

    def action_queue(self, where: str) -> None:
        """Move them in the queue: up, down, top or bottom."""
        self.action_act(f"queue_move_{where}", f"moved {_WAYS[where]} the queue")

    def action_remove(self) -> None:
        """Ask, then remove."""
        ids = self.chosen()
        if not ids:
            return
        torrents = [self.list.torrents[number] for number in ids]
        here = sum(torrent["percent_done"] * torrent["size_when_done"] for torrent in torrents)
        question = f"Remove {counted(len(ids), 'torrent')} with {size(here)} of data?"
        names = [plain(torrent["name"], 200) for torrent in torrents[:MOST_NAMED]]
        if len(ids) > MOST_NAMED:
            names.append(f"and {len(ids) - MOST_NAMED} more")

        def answered(answer: object) -> None:
            if answer is not None:
                deleted = answer == "delete"
                done = "removed, with its data" if deleted else "removed"
                words = f"{self._names(ids)}: {done}"
                self.call("torrent_remove", words, ids=ids, delete_local_data=deleted)

        self.push_screen(Removal(question, names), answered)

    def action_alt_speeds(self) -> None:
        """Turn the alternative speeds on or off."""
        if self.settings is not None:
            on = not self.settings["alt_speed_enabled"]
            words = f"alternative speeds {'on' if on else 'off'}"
            self.call("session_set", words, alt_speed_enabled=on)

    def action_limit(self) -> None:
        """Limits of the torrents that are chosen; what they have now is asked for in a thread."""
        if ids := self.chosen():
            self.run_worker(partial(self._ask_limits, ids), thread=True, group="calls")

    def action_limit_session(self) -> None:
        """Limits of the session."""
        if self.settings is None:
            return

        def answered(answer: object) -> None:
            if isinstance(answer, tuple):
                down, up = answer
                changes = switched("speed_limit_down", "speed_limit_down_enabled", down)
                changes |= switched("speed_limit_up", "speed_limit_up_enabled", up)
                self.call("session_set", "limits of the session are set", **changes)

        down, up = map(_written, session_limits(self.settings))
        self.push_screen(Limits("Speed limits of the session", down, up), answered)

    def _ask_limits(self, ids: list[int]) -> None:
        fields = ["download_limit", "download_limited", "upload_limit", "upload_limited"]
        try:
            found = self.client.torrents(fields, ids[:1])
        except P2pdError as error:
            self._complain(error)
            return
        if found:
            self.call_from_thread(self._limit_torrents, ids, found[0])

    def _limit_torrents(self, ids: list[int], now: JsonObject) -> None:
        def answered(answer: object) -> None:
            if isinstance(answer, tuple):
                down, up = answer
                changes: dict[str, Any] = switched("download_limit", "download_limited", down)
                changes |= switched("upload_limit", "upload_limited", up)
                self.call("torrent_set", f"{self._names(ids)}: limits are set", ids=ids, **changes)

        down = now["download_limit"] if now["download_limited"] else None
        up = now["upload_limit"] if now["upload_limited"] else None
        title = f"Speed limits of {self._names(ids)}"
        self.push_screen(Limits(title, _written(down), _written(up)), answered)


def _written(speed: int | None) -> str:
    return "none" if speed is None else str(speed)
