"""The full-screen view without a screen: cells, the list of torrents, graphs, lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.top import bars, details, feed, torrent_list
from p2pd.clients.top.cells import BAD, Column, bar, cell, fitting, shaped
from p2pd.clients.top.history import History, graph
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
        waiting = tracker | {"has_announced": False}
        assert words(details.tracker_row(waiting, 0))[5] == "not registered"
        fresh = waiting | {"last_announce_result": ""}
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
