"""The full-screen view on a screen that is none: keys, mouse, sizes, questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.geometry import Offset
from textual.widgets import Input, Static

from p2pd.clients.api_client import ApiClient
from p2pd.clients.top.app import TopApp
from p2pd.clients.top.feed import Feed
from p2pd.clients.top.grid import Grid
from p2pd.clients.top.poller import Poller, Trouble
from p2pd.clients.top.screens import Help, Limits, Removal


class View:
    """The app under test, and what a person sees and does."""

    def __init__(self, app: TopApp, pilot: Any) -> None:
        self.app, self.pilot = app, pilot

    async def look(self) -> None:
        """What the poller's thread does, here and now."""
        self.app._publish(self.app.poller.look())
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def called(self) -> None:
        """Calls that are under way have ended."""
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    def lines(self, selector: str = "#torrents") -> list[str]:
        grid = self.app.query_one(selector, Grid)
        return [grid.render_line(y).text.rstrip() for y in range(grid.size.height)]

    def words(self, selector: str) -> str:
        return str(self.app.query_one(selector, Static).render())


@pytest.fixture
def on_screen(daemon: Any) -> Callable[..., None]:
    """Run a script against the view."""

    def run(script: Callable[[View], Awaitable[None]], size: tuple[int, int] = (100, 30)) -> None:
        async def show() -> None:
            client = ApiClient(daemon)
            feed = Feed(client, lambda: 0.0)
            app = TopApp(client, lambda publish: Poller(feed, publish, 1.0), polls=False)
            async with app.run_test(size=size) as pilot:
                view = View(app, pilot)
                await view.look()
                await script(view)

        asyncio.run(show())

    return run


@pytest.mark.parametrize("size", [(100, 30), (80, 24), (40, 12), (200, 60), (10, 5)])
def test_torrents_are_shown_at_any_size(
    on_screen: Callable[..., None], size: tuple[int, int]
) -> None:
    async def script(view: View) -> None:
        heading, *rows = view.lines()
        if size[0] >= 40:
            assert "Name" in heading
            assert any("other film" in row for row in rows)
        assert not any("\x1b" in row for row in rows)

    on_screen(script, size)


def test_80_columns_show_what_matters(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        assert view.lines()[0].split() == ["Id▲", "Name", "Done", "State", "Down", "Up"]
        assert view.lines()[2].split()[:3] == ["2", "other", "film"]
        assert "downloading" in view.lines()[2]

    on_screen(script, (80, 24))


def test_a_smaller_screen_keeps_the_cursor_in_sight(
    on_screen: Callable[..., None], daemon: Any
) -> None:
    first = daemon.torrents[1]
    daemon.torrents = [first | {"id": n, "name": f"t{n}"} for n in range(1, 101)]

    async def script(view: View) -> None:
        await view.press("end")
        await view.pilot.resize_terminal(80, 15)
        assert view.app.grid.key == 100
        assert any("t100" in line for line in view.lines())
        await view.press("home", "pagedown")
        key = view.app.grid.key
        assert key is not None
        assert any(f"t{key}" in line for line in view.lines())

    on_screen(script)


def test_only_what_changed_is_drawn(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        grid, drawn = view.app.grid, []
        before = grid.refresh
        grid.refresh = lambda *regions, **other: drawn.extend(regions) or before(*regions)  # type: ignore[method-assign]
        daemon.recent = [2]
        daemon.torrents[1]["rate_upload"] = 4096
        await view.look()
        assert [(region.y, region.height) for region in drawn] == [(2, 1)]
        assert "4.0 KiB/s" in view.lines()[2]

    on_screen(script)


def test_the_cursor_stays_with_its_torrent(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        await view.press("down")
        assert view.app.grid.key == 2
        view.app.list.sort("up")
        daemon.recent = [2]
        daemon.torrents[1]["rate_upload"] = 9999
        await view.look()
        assert view.app.list.shown == [2, 1, 3]
        assert view.app.grid.key == 2
        daemon.recent, daemon.removed = [], [2]
        await view.look()
        assert view.app.grid.key == 1

    on_screen(script)


@pytest.mark.parametrize(
    ("key", "method"),
    [("s", "torrent_start"), ("x", "torrent_stop"), ("v", "torrent_verify"),
     ("a", "torrent_reannounce")],
)  # fmt: skip
def test_actions_are_about_the_cursor_or_the_marked(
    on_screen: Callable[..., None], daemon: Any, key: str, method: str
) -> None:
    async def script(view: View) -> None:
        await view.press("down", key)
        await view.called()
        await view.press("home", "space", "space", key)
        await view.called()
        assert daemon.asked(method) == [{"ids": [2]}, {"ids": [1, 2]}]
        await view.press("escape", "end", key)
        await view.called()
        assert daemon.asked(method)[2:] == [{"ids": [3]}]

    on_screen(script)


def test_keys_for_the_queue(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        for key in ("u", "n", "U", "N"):
            await view.press(key)
            await view.called()
        assert [(m, p) for m, p in daemon.calls if m.startswith("queue")] == [
            (f"queue_move_{where}", {"ids": [1]}) for where in ("up", "down", "top", "bottom")
        ]

    on_screen(script)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("k", [{"ids": [1], "delete_local_data": False}]),
     ("d", [{"ids": [1], "delete_local_data": True}]), ("escape", []), ("enter", [])],
)  # fmt: skip
def test_before_a_torrent_goes_it_is_asked(
    on_screen: Callable[..., None], daemon: Any, answer: str, expected: list[Any]
) -> None:
    async def script(view: View) -> None:
        await view.press("r")
        assert isinstance(view.app.screen, Removal)
        await view.press(answer)
        assert not isinstance(view.app.screen, Removal)
        await view.called()
        assert daemon.asked("torrent_remove") == expected

    on_screen(script)


def test_what_the_daemon_refuses_is_told(on_screen: Callable[..., None], daemon: Any) -> None:
    error = {"code": 5, "message": "no", "data": {"error_string": "the disk said [no]"}}
    daemon.answers["torrent_start"] = {"error": error}

    async def script(view: View) -> None:
        await view.press("s")
        await view.called()
        told = [notice.message for notice in view.app._notifications]
        assert told == ["the disk said [no]"]

    on_screen(script)


def test_filter(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        await view.press("slash", *"film")
        assert view.app.list.shown == [1, 2]
        await view.press("enter")
        assert view.app.focused is view.app.grid
        assert "2 of 3 torrents (film)" in view.words("#status")
        await view.press("escape")
        assert view.app.list.shown == [1, 2, 3]
        await view.press("g")
        assert view.app.list.shown == [1]
        await view.press("g", "g")
        assert view.app.list.shown == [1, 2, 3]
        await view.press("f")
        assert view.app.list.filter.states == ("active",)

    on_screen(script)


def test_sorting_by_keys_and_by_mouse(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        await view.press("o")
        assert (view.app.list.sort_by, view.app.list.shown) == ("name", [1, 3, 2])
        await view.press("O")
        assert view.app.list.shown == [2, 3, 1]
        name = view.lines()[0].index("Name")
        await view.pilot.click("#torrents", offset=Offset(name, 0))
        await view.pilot.pause()
        assert view.app.list.shown == [1, 3, 2]
        await view.pilot.click("#torrents", offset=Offset(name, 2))
        assert view.app.grid.key == 3

    on_screen(script)


def test_parts_of_the_details(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        await view.look()
        assert "not registered" not in view.words("#overview-text")
        assert "3 connected" in view.words("#overview-text")
        for key, selector, words in (
            ("2", "#file-grid", "empty"),
            ("3", "#peer-grid", "[2001:db8::1]:6881"),
            ("4", "#tracker-grid", "not registered"),
        ):
            await view.press(key)
            await view.look()
            assert any(words in line for line in view.lines(selector)), selector
        await view.press("5")
        await view.look()
        assert "2 of 10 pieces" in view.app.details.pieces.render().plain  # type: ignore[union-attr]
        await view.press("6")
        await view.look()
        assert "1.4 MiB/s" in view.app.details.rates.render().plain  # type: ignore[union-attr]

    on_screen(script)


def test_another_torrent_shows_nothing_of_the_one_before(
    on_screen: Callable[..., None], daemon: Any
) -> None:
    async def script(view: View) -> None:
        await view.press("3")
        late = view.app.poller.look()
        await view.press("down")
        view.app._publish(late)
        await view.pilot.pause()
        assert "no peers" in view.lines("#peer-grid")[1]
        assert view.app.poller.interest == (2, "peers")

    on_screen(script)


def test_details_that_are_hidden_are_not_asked_for(
    on_screen: Callable[..., None], daemon: Any
) -> None:
    async def script(view: View) -> None:
        await view.press("d")
        assert view.app.poller.interest.torrent is None
        await view.press("enter")
        assert view.app.poller.interest.torrent == 1

    on_screen(script)


def test_files_go_up_and_down_the_ladder(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        await view.press("2")
        await view.look()
        view.app.details.files.focus()
        await view.press("plus", "minus", "down", "plus")
        await view.called()
        calls = daemon.asked("torrent_set")
        assert {"ids": [1], "files_wanted": [0], "priority_normal": [0]} in calls
        assert {"ids": [1], "files_wanted": [1], "priority_low": [1]} in calls
        assert len(calls) == 2

    on_screen(script)


def test_limits_of_a_torrent_and_of_the_session(
    on_screen: Callable[..., None], daemon: Any
) -> None:
    async def script(view: View) -> None:
        await view.press("l")
        await view.called()
        assert isinstance(view.app.screen, Limits)
        down = view.app.screen.query_one("#down", Input)
        assert down.value == "none"
        down.value = "fast"
        await view.press("enter")
        assert "a speed is" in str(view.app.screen.query_one("#hint", Static).render())
        down.value = "2MB"
        await view.press("enter")
        await view.called()
        await view.press("L")
        assert view.app.screen.query_one("#down", Input).value == "100"
        await view.press("enter")
        await view.called()

    on_screen(script)
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "download_limit": 2000, "download_limited": True, "upload_limited": False}
    ]
    assert daemon.asked("session_set") == [
        {"speed_limit_down": 100, "speed_limit_down_enabled": True,
         "speed_limit_up_enabled": False}
    ]  # fmt: skip


def test_alternative_speeds(on_screen: Callable[..., None], daemon: Any) -> None:
    async def script(view: View) -> None:
        await view.press("t")
        await view.called()
        assert daemon.asked("session_set") == [{"alt_speed_enabled": False}]

    on_screen(script)


def test_help_has_every_key(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        await view.press("question_mark")
        assert isinstance(view.app.screen, Help)
        await view.press("escape")
        assert not isinstance(view.app.screen, Help)

    on_screen(script)


def test_a_lost_connection_is_shown_until_it_is_back(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        view.app._publish(Trouble("cannot reach the daemon", 4))
        await view.pilot.pause()
        assert "cannot reach the daemon; once more in 4 s" in view.words("#notice")
        assert view.app.query_one("#notice").display
        await view.look()
        assert not view.app.query_one("#notice").display

    on_screen(script)


def test_a_damaged_database_is_shown(
    on_screen: Callable[..., None], settings: dict[str, Any]
) -> None:
    settings["state_notice"] = "the database was \x1bdamaged"

    async def script(view: View) -> None:
        assert view.words("#notice") == "the database was damaged"
        assert view.app.query_one("#notice").display

    on_screen(script)


def test_a_daemon_without_torrents(on_screen: Callable[..., None], daemon: Any) -> None:
    daemon.torrents = []

    async def script(view: View) -> None:
        assert "there are no torrents here" in view.lines()[1]
        await view.press("s", "r", "l", "space", "down", "enter", "2", "6")
        assert not isinstance(view.app.screen, Removal)

    on_screen(script)


def test_quit(on_screen: Callable[..., None]) -> None:
    async def script(view: View) -> None:
        await view.press("q")
        assert view.app._exit

    on_screen(script)
