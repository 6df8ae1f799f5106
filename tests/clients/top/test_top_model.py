"""The full-screen view without a screen: cells, the list of torrents, looks, graphs, lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.api_client import ApiClient, ApiError, CannotConnectError, HttpAnswer
from p2pd.clients.top import bars, details, feed, torrent_list
from p2pd.clients.top.cells import BAD, Column, bar, cell, fitting, shaped
from p2pd.clients.top.feed import Feed, Interest, Look
from p2pd.clients.top.follower import FIRST_PAUSE, LONGEST_PAUSE, Follower
from p2pd.clients.top.history import History, graph
from p2pd.clients.top.poller import Poller, Trouble
from p2pd.clients.top.torrent_list import COLUMNS, Filter, TorrentList, torrent_row


def words(row: Any) -> list[str]:
    return ["".join(text for text, _ in content).strip() for content in row.cells]


class TestCells:
    """What fits where."""

    def test_columns_of_higher_rank_go_first(self) -> None:
        columns = [Column("a", "A", 5), Column("n", "N", 0), Column("x", "X", 9, rank=2),
                   Column("y", "Y", 9, rank=1)]  # fmt: skip
        widths = [
            [(column.key, width) for column, width in fitting(columns, total)]
            for total in (60, 40, 30, 10)
        ]
        assert widths == [
            [("a", 5), ("n", 34), ("x", 9), ("y", 9)],
            [("a", 5), ("n", 24), ("y", 9)],
            [("a", 5), ("n", 24)],
            [("a", 5), ("n", 4)],
        ]

    def test_a_cell_is_exactly_as_wide_as_its_column(self) -> None:
        assert shaped(cell("ab", "red"), 4, False) == [("ab", "red"), ("  ", "")]
        assert shaped(cell("ab"), 4, True) == [("  ", ""), ("ab", "")]
        assert shaped((("abc", "x"), ("def", "y")), 5, False)[:2] == [("abc", "x"), ("d…", "y")]
        assert "".join(text for text, _ in shaped(cell("映画映画"), 5, False)) == "映画…"
        assert "".join(text for text, _ in shaped(cell("映画映画"), 6, False)) == "映画 …"
        assert shaped(cell("abc"), 0, False)[0] == ("", "")

    def test_a_bar_is_full_only_when_all_is_there(self) -> None:
        assert [text for text, _ in bar(0.999, 5, "x")] == ["━━━━╸", ""]
        assert [text for text, _ in bar(1.0, 5, "x")] == ["━━━━━", ""]
        assert [text for text, _ in bar(-1.0, 2, "x")] == ["", "━━"]

    def test_all_of_80_columns(self) -> None:
        keys = [column.key for column, _ in fitting(COLUMNS, 78)]
        assert keys == ["id", "name", "done", "state", "down", "up"]


class TestTorrentList:
    """Deltas, order, filters."""

    @pytest.fixture
    def shown(self, daemon: Any) -> TorrentList:
        made = TorrentList()
        made.replace(daemon.torrents)
        return made

    def test_what_changes_takes_its_place(self, shown: TorrentList, daemon: Any) -> None:
        shown.sort("up")
        assert shown.shown == [1, 2, 3]
        shown.update([daemon.torrents[2] | {"rate_upload": 9}], [])
        assert shown.shown == [3, 1, 2]
        shown.sort("up")
        assert shown.shown == [1, 2, 3]
        shown.update([], [3, 99])
        assert shown.shown == [1, 2]

    def test_names_are_sorted_as_people_do(self, shown: TorrentList) -> None:
        shown.sort("name")
        assert shown.shown == [1, 3, 2]
        shown.sort("name")
        assert (shown.shown, shown.reverse) == ([2, 3, 1], True)

    def test_the_time_left_that_is_not_known_comes_last(self, shown: TorrentList) -> None:
        shown.update([shown.torrents[1] | {"eta": -1}], [])
        shown.sort("left")
        assert shown.shown == [2, 3, 1]

    def test_what_changes_may_begin_or_cease_to_match(self, shown: TorrentList) -> None:
        shown.choose("state:seeding")
        assert shown.shown == []
        shown.update([shown.torrents[2] | {"status": 6}], [])
        assert shown.shown == [2]
        shown.update([shown.torrents[2] | {"status": 0}], [])
        assert shown.shown == []

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("FILM", [1, 2]), ("film other", [2]), ("label:video", [2]), ("label:linux big", [1]),
            ("state:downloading", [1, 2, 3]), ("state:odd", []), ("", [1, 2, 3]), ("label:", []),
        ],
    )  # fmt: skip
    def test_filters(self, shown: TorrentList, text: str, expected: list[int]) -> None:
        shown.choose(text)
        assert shown.shown == expected

    def test_a_filter_is_written_as_it_is_read(self) -> None:
        text = "two words label:a state:error"
        assert bars.filter_words(Filter.parse(text)) == text

    def test_every_column_sorts(self, shown: TorrentList) -> None:
        for column in COLUMNS:
            shown.sort(column.key)
            assert sorted(shown.shown) == [1, 2, 3]


class TestRows:
    """What a line says."""

    def test_a_torrent(self, daemon: Any) -> None:
        row = torrent_row(daemon.torrents[1], marked=True)
        assert words(row) == [
            "●2", "other film", "━━━━━━╸━  99.9%".replace("╸━", "╸"), "9.5 MiB", "downloading",
            "1.4 MiB/s", "", "1m 05s", "1.50", "3", "1", "Video",
        ]  # fmt: skip

    def test_names_from_strangers_are_plain(self, daemon: Any) -> None:
        assert not {"\x1b", "\x07", "\u202e"} & set(words(torrent_row(daemon.torrents[0]))[1])

    @pytest.mark.parametrize(
        ("state", "word"),
        [
            ({"error": 3}, "error"), ({"disk_state": "full", "error": 3}, "disk full"),
            ({"disk_state": "missing"}, "missing"), ({"metadata_percent_complete": 0}, "metadata"),
            ({"status": 1}, "to check"), ({"status": 0}, "stopped"), ({"status": 3}, "queued"),
            ({"status": 5}, "queued to seed"),
            ({"move": {"progress": 0.5}}, "moving 50.0%"),
        ],
    )  # fmt: skip
    def test_states(self, daemon: Any, state: dict[str, Any], word: str) -> None:
        assert words(torrent_row(daemon.torrents[0] | state))[4] == word

    def test_a_check_shows_how_far_it_is(self, daemon: Any) -> None:
        row = torrent_row(daemon.torrents[0] | {"status": 2, "recheck_progress": 0.25})
        assert words(row)[2].endswith("25.0%")

    def test_files_peers_and_trackers(self, daemon: Any) -> None:
        one = daemon.torrents[2]
        file = one["files"][0] | one["file_stats"][0] | {"index": 7}
        assert words(details.file_row(file))[3:] == ["10 B", "high"]
        assert words(details.file_row(file | {"wanted": False}))[4] == "skip"
        assert details.file_step(file) == 3
        peer = words(details.peer_row(one["peers"][0] | {"is_snubbed": True}))
        assert peer == ["[2001:db8::1]:6881", "Evil[31m 1.0", "DES", "50.0%", "2.0 KiB/s", "",
                        "61", "de"]  # fmt: skip
        tracker = one["tracker_stats"][0]
        failed = details.tracker_row(tracker, 0)
        assert words(failed)[5] == "not registered"
        assert failed.cells[5][0][1] == BAD
        good = tracker | {"last_announce_succeeded": True, "next_announce_time": 160}
        assert words(details.tracker_row(good, 100))[5] == "0 peers, again in 1m 00s"
        fresh = tracker | {"has_announced": False}
        assert words(details.tracker_row(fresh, 0))[5] == "not asked yet"

    def test_ways_to_peers_besides_trackers(self, daemon: Any) -> None:
        failing, private, quiet = daemon.torrents[2]["discovery"]
        row = details.source_row(failing, 1_700_000_540)
        assert words(row)[1:5] == ["trackers", "", "", "12"]
        assert words(row)[5] == "t.test: not registered, again in 1m 00s"
        assert row.cells[5][0][1] == BAD
        assert words(details.source_row(private, 0))[1:] == [
            "other peers", "off", "", "", "the torrent is private"
        ]  # fmt: skip
        assert words(details.source_row(quiet, 0))[1:] == ["given by hand", "", "", "", ""]
        some = quiet | {"peers_known": 5, "peers_connected": 2, "next_time": 70, "name": "n\x1bw"}
        assert words(details.source_row(some, 10))[1:] == [
            "nw", "", "", "5", "2 connected, again in 1m 00s"
        ]  # fmt: skip

    def test_facts(self, daemon: Any) -> None:
        found = {name: value for name, value, _ in details.facts(daemon.torrents[2])}
        assert found["Pieces"] == "10 of 1.0 MiB"
        assert "Error" not in found

    def test_everything_that_rows_need_is_asked_for(self, daemon: Any) -> None:
        one = daemon.torrents[2]
        torrent_row({name: one[name] for name in torrent_list.FIELDS})
        details.facts({name: one[name] for name in feed.PART_FIELDS["overview"]})


class Stream:
    """A connection that tells what it is told to, and then breaks."""

    def __init__(self, *told: Any) -> None:
        self.told_later = told
        self.closed = False

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        assert (method, params) == ("events_subscribe", {"fields": ["id"]})
        return {}

    def told(self) -> Iterator[Any]:
        for each in self.told_later:
            if isinstance(each, Exception):
                raise each
            yield each
        raise CannotConnectError("it broke")

    def close(self) -> None:
        self.closed = True


class TestFollower:
    """A copy that is in step, or none."""

    def following(self) -> Follower:
        return Follower(lambda: None, {})  # type: ignore[arg-type,return-value]

    def test_nothing_is_taken_before_all_is_told(self) -> None:
        follower = self.following()
        assert follower.take() is None
        follower.told("events_resync", {"torrents": [{"id": 1}], "more": True})
        assert follower.take() is None
        follower.told("events_resync", {"torrents": [{"id": 2}]})
        changes = follower.take()
        assert changes is not None
        assert (changes.whole, [row["id"] for row in changes.torrents]) == (True, [1, 2])

    def test_what_came_is_put_together(self) -> None:
        follower = self.following()
        follower.told("events_resync", {"torrents": [{"id": 1, "a": 1, "b": 1}, {"id": 2}]})
        follower.take()
        follower.told("events_changed", {"torrents": [{"id": 1, "a": 2}, {"id": 3}]})
        follower.told("events_changed", {"torrents": [{"id": 1, "b": 3}], "removed": [2, 3]})
        changes = follower.take()
        assert changes is not None
        assert (changes.torrents, changes.removed) == ([{"id": 1, "a": 2, "b": 3}], [2, 3])
        follower.told("events_changed", {"torrents": [{"id": 3}]})
        changes = follower.take()
        assert changes is not None
        assert (changes.torrents, changes.removed) == ([{"id": 3}], [])

    def test_who_fell_behind_begins_anew(self) -> None:
        follower = self.following()
        follower.told("events_resync", {"torrents": [{"id": 1}], "session": {"a": 1}})
        follower.take()
        follower.told("events_resync", {"torrents": [{"id": 2}], "session": {"b": 1}})
        changes = follower.take()
        assert changes is not None
        assert (changes.whole, changes.torrents, changes.session) == (True, [{"id": 2}], {"b": 1})

    def test_a_connection_that_breaks_is_made_again_and_a_refusal_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streams = [
            Stream(("events_resync", {"torrents": [{"id": 1}]})),
            Stream(ApiError(503, "busy")),
            Stream(("events_resync", {"torrents": "odd"})),
            Stream(("events_resync", {"torrents": [{"id": 2}]})),
        ]
        made = iter(streams)
        pauses: list[float] = []
        follower = Follower(lambda: next(made), {"fields": ["id"]})  # type: ignore[arg-type,return-value]

        def wait(seconds: float) -> bool:
            assert follower.take() is None
            pauses.append(seconds)
            if len(pauses) == len(streams):
                follower.end()
            return True

        monkeypatch.setattr(follower._ended, "wait", wait)
        follower.run()
        assert pauses == [FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, FIRST_PAUSE]
        assert all(stream.closed for stream in streams)


class TestFeed:
    """Only what changed is asked for, and all of it when that may not be enough."""

    @pytest.fixture
    def times(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def feeding(self, daemon: Any, times: list[float]) -> Feed:
        return Feed(ApiClient(daemon), lambda: times[0])

    def ids_asked(self, daemon: Any) -> list[Any]:
        return [
            params.get("ids", "all") for params in daemon.asked("torrent_get") if "format" in params
        ]

    def test_first_everything_then_what_changed(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        first = feeding.look(Interest())
        daemon.recent = [2]
        times[0] = 1
        second = feeding.look(Interest())
        assert (first.whole, len(first.torrents)) == (True, 3)
        assert (second.whole, [row["id"] for row in second.torrents]) == (False, [2])
        assert self.ids_asked(daemon) == ["all", "recently_active"]
        assert first.settings is not None
        assert second.settings is None

    def test_who_was_away_for_a_minute_asks_for_everything(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        for times[0] in (0, 40, 80, 140):
            feeding.look(Interest())
        assert self.ids_asked(daemon) == ["all", "recently_active", "recently_active", "all"]

    def test_a_count_that_is_not_right_asks_for_everything_now_and_then(
        self, feeding: Feed, daemon: Any, times: list[float]
    ) -> None:
        daemon.answers["session_stats"]["torrent_count"] = 4
        for times[0] in (0, 1, 9, 10, 11):
            feeding.look(Interest())
        assert self.ids_asked(daemon) == [
            "all", "recently_active", "recently_active", "recently_active", "all",
            "recently_active",
        ]  # fmt: skip

    def test_what_was_removed_is_told(self, feeding: Feed, daemon: Any, times: list[float]) -> None:
        feeding.look(Interest())
        daemon.removed = [1]
        daemon.answers["session_stats"]["torrent_count"] = 2
        times[0] = 30
        assert feeding.look(Interest()).removed == [1]
        assert self.ids_asked(daemon) == ["all", "recently_active"]

    def test_what_is_told_is_not_asked_for(self, daemon: Any, times: list[float]) -> None:
        follower = Follower(lambda: None, {})  # type: ignore[arg-type,return-value]
        feeding = Feed(ApiClient(daemon), lambda: times[0], follower)
        assert feeding.look(Interest()).whole
        asked = len(daemon.calls)
        facts = {"session": daemon.answers["session_get"],
                 "statistics": daemon.answers["session_stats"]}  # fmt: skip
        follower.told("events_resync", {"torrents": daemon.torrents, **facts})
        first = feeding.look(Interest())
        assert (first.whole, len(first.torrents)) == (True, 3)
        assert first.settings == daemon.answers["session_get"]
        second = feeding.look(Interest())
        assert (second.whole, second.torrents, second.removed) == (False, [], [])
        changed = {"torrents": [{"id": 2, "name": "new"}], "statistics": {"download_speed": 7}}
        follower.told("events_changed", changed)
        third = feeding.look(Interest())
        assert [(row["id"], row["name"], row["labels"]) for row in third.torrents] == [
            (2, "new", ["Video"])
        ]
        assert third.stats["download_speed"] == 7
        feeding.forget()
        assert len(feeding.look(Interest()).torrents) == 3
        assert len(daemon.calls) == asked
        assert feeding.look(Interest(2, "files")).details is not None
        follower._forget()  # the connection broke
        assert feeding.look(Interest()).whole
        assert self.ids_asked(daemon) == ["all", "all"]

    def test_settings_that_were_changed_are_asked_for_at_once(
        self, feeding: Feed, daemon: Any
    ) -> None:
        feeding.look(Interest())
        feeding.settings_changed()
        assert feeding.look(Interest()).settings is not None

    @pytest.mark.parametrize("part", feed.PART_FIELDS)
    def test_details_are_of_the_part_that_is_seen(
        self, feeding: Feed, daemon: Any, part: str
    ) -> None:
        look = feeding.look(Interest(2, part))
        assert look.details is not None
        assert daemon.asked("torrent_get")[-1] == {
            "ids": [2], "fields": feed.PART_FIELDS[part]
        }  # fmt: skip
        assert feeding.look(Interest(99, part)).details is None


class TestPoller:
    """The thread's loop, without a thread."""

    @pytest.fixture
    def seen(self) -> list[Look | Trouble]:
        return []

    @pytest.fixture
    def poller(self, daemon: Any, seen: list[Look | Trouble]) -> Poller:
        return Poller(Feed(ApiClient(daemon), lambda: 0.0), seen.append, 0.001)

    def test_a_daemon_that_is_gone_is_asked_less_and_less(
        self, poller: Poller, daemon: Any
    ) -> None:
        poller.look()
        daemon.raises = CannotConnectError("gone")
        waits = [poller.look() for _ in range(7)]
        assert [trouble.seconds for trouble in waits if isinstance(trouble, Trouble)] == [
            1, 2, 4, 8, 15, 15, 15,
        ]  # fmt: skip
        daemon.raises = None
        back = poller.look()
        assert isinstance(back, Look)
        assert back.whole
        daemon.raises = CannotConnectError("gone")
        assert poller.look() == Trouble("gone", 1)

    def test_what_is_no_answer_is_trouble_in_words(self, poller: Poller, daemon: Any) -> None:
        daemon.answers["session_stats"] = {}
        assert "it has no active_torrent_count" in str(poller.look())
        daemon.http = HttpAnswer(200, json.dumps({"result": []}).encode())
        assert "not p2pd's control API" in str(poller.look())

    def test_it_runs_until_the_end(self, poller: Poller, seen: list[Look | Trouble]) -> None:
        def publish(look: Look | Trouble) -> None:
            seen.append(look)
            if len(seen) == 3:
                poller.end()

        poller._publish = publish
        poller.run()
        assert [look.whole for look in seen if isinstance(look, Look)] == [True, False, False]

    def test_keys_do_not_hurry_a_daemon_that_is_gone(self, poller: Poller, daemon: Any) -> None:
        daemon.raises = CannotConnectError("gone")
        poller.look()
        poller.look_now(settings=True)
        assert not poller._wake.is_set()
        poller.look_now(everything=True)
        assert poller._wake.is_set()

    def test_everything_is_looked_at_when_asked_to(self, poller: Poller) -> None:
        poller.look()
        poller.look_now(everything=True)
        look = poller.look()
        assert isinstance(look, Look)
        assert look.whole


class TestGraphs:
    """Rates in letters."""

    def test_the_largest_is_as_high_as_the_graph(self) -> None:
        assert graph([0, 4, 8], 5) == ["   ▄█"]
        assert graph([1, 8], 2, 2) == [" █", "▂█"]
        assert graph([1, 8000], 2) == ["▁█"]
        assert graph([], 3) == ["   "]
        assert graph([1, 2, 3], 2) == ["▅█"]

    def test_the_oldest_go(self) -> None:
        history = History(2)
        for rate in (1, 2, 3):
            history.add(rate, 0)
        assert list(history.down) == [2, 3]


class TestLines:
    """Above and below the torrents."""

    def test_the_summary_has_graphs_where_there_is_room(self, stats: Any, settings: Any) -> None:
        history = History()
        history.add(2048, 0)
        wide = bars.summary(stats, bars.version_of(settings), history, 120).plain
        assert wide.startswith("p2pd 0.1.0  ▼   2.0 KiB/s")
        assert "█" in wide
        assert wide.endswith("1 of 3 active")
        assert "█" not in bars.summary(stats, "0.1.0", history, 60).plain

    def test_the_status(self, daemon: Any, settings: Any) -> None:
        made = TorrentList()
        made.replace(daemon.torrents)
        made.choose("film")
        assert bars.status_line(made, 2, settings).plain == (
            "2 of 3 torrents (film)  2 marked  alternative speeds  ▼ 100 kB/s at most  1.0 KiB free"
        )
        assert bars.status_line(TorrentList(), 0, None).plain == "0 torrents"


def test_the_pure_part_knows_no_screen() -> None:
    folder = Path(torrent_list.__file__).parent
    for name in (
        "cells", "torrent_list", "history", "feed", "follower", "poller", "details", "bars",
    ):  # fmt: skip
        assert "textual" not in (folder / f"{name}.py").read_text().lower(), name
