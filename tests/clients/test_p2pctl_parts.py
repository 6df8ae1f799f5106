"""p2pctl files, trackers, peers, pieces, deadlines, set: parts of a torrent and their changes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.piece_map import Cell, PieceMap


def test_files_are_chosen(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("files", "1", "--skip", "all", "--get", "0,2-3", "--high", "1", "--low", "all")
    assert result.exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "files_unwanted": []},
        {"ids": [1], "files_wanted": [0, 2, 3]},
        {"ids": [1], "priority_high": [1], "priority_low": []},
    ]
    assert "empty" in result.output
    for wrong in ("x", "3-1", "1,,2", "-", "0-1000000"):
        assert p2pctl("files", "1", "--get", wrong).exit_code == 2


def test_files_and_more_are_chosen_when_a_torrent_is_added(
    p2pctl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["torrent_add"] = {"torrent_added": {"id": 9, "name": "n", "hash_string": "h"}}
    options = ["--skip", "0-1", "--peer-limit", "5", "--from-piece", "7", "--super-seeding", "on"]
    assert p2pctl("add", "magnet:?x", *options, "--cookies", "a=b").exit_code == 0
    assert daemon.asked("torrent_add") == [
        {"filename": "magnet:?x", "files_unwanted": [0, 1], "peer_limit": 5, "cookies": "a=b",
         "sequential_download_from_piece": 7, "super_seeding": "on"}
    ]  # fmt: skip


def test_all_files_of_a_torrent_that_is_not_known_yet_cannot_be_chosen(p2pctl: Any) -> None:
    assert p2pctl("add", "magnet:?x", "--skip", "all").exit_code == 2


def test_a_torrent_comes_on_stdin(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["torrent_add"] = {"torrent_added": {"id": 9, "name": "n", "hash_string": "h"}}
    assert p2pctl("add", "-", input=b"d4:infode").exit_code == 0
    assert daemon.asked("torrent_add") == [{"metainfo": base64.b64encode(b"d4:infode").decode()}]


def test_trackers_are_listed(p2pctl: Any) -> None:
    output = p2pctl("trackers", "1").output
    for words in ("http://t.test/announce", "waits", "not registered", " 7 "):
        assert words in output
    assert json.loads(p2pctl("trackers", "1", "--json").output)[0]["tier"] == 0


def test_trackers_are_changed(p2pctl: Any, daemon: Any, tmp_path: Path) -> None:
    tiers = tmp_path / "tiers"
    tiers.write_text("udp://a.test:1/announce\n\nudp://b.test:1/announce\n")
    change = ["--add", "http://v.test/announce", "--remove", "http://u.test/announce"]
    assert p2pctl("trackers", "1", *change).exit_code == 0
    assert p2pctl("trackers", "1", "--replace", str(tiers)).exit_code == 0
    assert p2pctl("trackers", "1", "--replace", "-", input="\n").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "tracker_list": "http://t.test/announce\n"},
        {"ids": [1], "tracker_add": ["http://v.test/announce"]},
        {"ids": [1], "tracker_list": tiers.read_text()},
        {"ids": [1], "tracker_list": "\n"},
    ]


def test_trackers_that_cannot_be_changed_so(p2pctl: Any, tmp_path: Path) -> None:
    result = p2pctl("trackers", "1", "--remove", "http://no.test/")
    assert (result.exit_code, "none of its trackers" in result.output) == (1, True)
    assert p2pctl("trackers", "1", "--replace", str(tmp_path / "no")).exit_code == 1
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert "is no text" in p2pctl("trackers", "1", "--replace", str(tmp_path / "bytes")).output
    assert p2pctl("trackers", "1", "--replace", "-", "--add", "x").exit_code == 2
    assert p2pctl("trackers", "1", "--replace", "-", "--change", "x", "y").exit_code == 2


def test_an_address_takes_the_place_of_another(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[0]["trackers"] = [{"id": 4, "announce": "http://t.test/announce"}]
    change = ["--change", "http://t.test/announce", "http://new.test/announce"]
    assert p2pctl("trackers", "1", *change).exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "tracker_replace": [4, "http://new.test/announce"]}
    ]
    result = p2pctl("trackers", "1", "--change", "http://no.test/", "http://new.test/announce")
    assert (result.exit_code, "none of its trackers" in result.output) == (1, True)


def test_peers_are_added(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["peer_add"] = {"added": 2}
    addresses = ["192.0.2.1:6881", "[2001:db8::1]:6881"]
    assert p2pctl("add-peers", "music", *addresses).output == "2 new peers\n"
    assert daemon.asked("peer_add") == [{"ids": [3], "addresses": addresses}]


def test_deadlines(p2pctl: Any, daemon: Any) -> None:
    output = p2pctl("deadlines", "1", "--from-piece", "12", "--count", "3", "--in", "2").output
    assert [line.split() for line in output.splitlines()[1:]] == [["12", "2.5"], ["13", "-0.5"]]
    assert p2pctl("deadlines", "1", "--none").exit_code == 0
    assert p2pctl("deadlines", "1").exit_code == 0
    window = {"first_piece": 12, "piece_count": 3, "seconds": 2.0, "pieces_per_second": 1.0}
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "piece_deadlines": [window]}, {"ids": [1], "piece_deadlines": []}
    ]  # fmt: skip
    assert p2pctl("deadlines", "1", "--none", "--from-piece", "1").exit_code == 2


def test_labels_are_changed_for_all_that_will_be_alike_at_once(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[0]["labels"] = ["a", "b"]
    daemon.torrents[2]["labels"] = ["new"]
    assert p2pctl("set", "--all", "--remove-label", "a", "--add-label", "new").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [1], "labels": ["b", "new"]}, {"ids": [2], "labels": ["linux", "new"]}
    ]  # fmt: skip
    p2pctl("set", "1", "2", "--no-labels", "--peer-limit", "9")
    assert daemon.asked("torrent_set")[2:] == [
        {"ids": [1, 2], "peer_limit": 9}, {"ids": [1, 2], "labels": []}
    ]  # fmt: skip


def test_pieces_are_drawn(p2pctl: Any) -> None:
    lines = p2pctl("pieces", "1").output.splitlines()
    assert lines == [
        "██·!······",
        "2 of 10 pieces of 1.0 MiB here (20.0%), 1 piece that no connected peer has",
    ]


def test_pieces_of_a_magnet_link_are_not_known(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[0] |= {"piece_count": 0, "pieces": "", "availability": []}
    assert "not known yet" in p2pctl("pieces", "1").output
    assert json.loads(p2pctl("pieces", "1", "--json").output)["piece_count"] == 0


class TestPieceMap:
    """Many pieces in few cells."""

    def test_cells_are_shares(self) -> None:
        half = PieceMap(base64.b64encode(b"\xff\x00\xf0").decode(), 24, [])
        assert half.cells(3) == [(Cell.HERE, 1.0), (Cell.MISSING, 0.0), (Cell.COMING, 0.5)]
        assert half.text_lines(3, lines=1) == ["█·▄"]
        assert half.text_lines(3, ascii_only=True, lines=1) == ["#.="]
        assert half.text_lines(2, lines=1) == ["▅▂"]
        assert half.here == 12

    def test_nothing_is_taken_for_granted(self) -> None:
        assert PieceMap("!", 2, [5]).cells(10) == [(Cell.MISSING, 0.0)] * 2
        assert PieceMap("", 0, []).text_lines(0) == []


def test_verify_waits_with_how_far_it_is(p2pctl: Any, daemon: Any, invocation: Any) -> None:
    daemon.torrents[0] |= {"status": 2, "recheck_progress": 0.25}
    seconds = iter(range(100))
    invocation.clock = lambda: float(next(seconds))
    invocation.sleep = lambda _: daemon.torrents[0].update(
        {"status": 0} if daemon.torrents[0]["recheck_progress"] >= 0.75 else
        {"recheck_progress": daemon.torrents[0]["recheck_progress"] + 0.25}
    )  # fmt: skip
    result = p2pctl("verify", "1", "--wait")
    assert result.exit_code == 0
    assert daemon.asked("torrent_verify") == [{"ids": [1]}]
    assert p2pctl("verify", "1", "--timeout", "3").exit_code == 2
