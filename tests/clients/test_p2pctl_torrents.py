"""p2pctl list, info, files, peers, start, stop, verify, move, remove, watch, and its failures."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.api_client import CannotConnectError, HttpAnswer
from p2pd.clients.cli import main as main_module

HOSTILE = ("\x1b", "\x07", "\u202e")
WRONG = b'{"error":{"code":%d,"message":"a","data":{"error_string":"y"}}}'


def test_list(p2pctl: Any) -> None:
    result = p2pctl("list")
    assert result.exit_code == 0
    heading, _, second, _ = result.output.splitlines()
    assert heading.split()[:3] == ["Id", "Done", "Size"]
    assert second.split()[:2] == ["2", "99.9%"]
    assert "1m 05s" in second
    assert "1.4 MiB/s" in second
    assert "Big Film" in result.output
    assert not any(character in result.output for character in HOSTILE)


def test_help_has_a_whole_sentence_for_every_command(p2pctl: Any) -> None:
    _, commands = p2pctl("--help").output.split("Commands:\n")
    for line, after in pairwise([*commands.splitlines(), "  x"]):
        if not after.startswith("    "):
            assert line.endswith("."), line
    assert "..." not in commands


def test_list_without_torrents(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents = []
    assert "p2pctl add" in p2pctl("list").output
    assert json.loads(p2pctl("list", "--json").output) == []


def test_info_tells_facts_and_leaves_out_what_is_empty(p2pctl: Any) -> None:
    output = p2pctl("info", "Music").output
    for words in ("Music", "03ab" * 10, "downloading", "not registered", "1h 01m", "3 connected"):
        assert words in output
    assert "Corrupt" not in output


def test_info_tells_what_ends_soon(p2pctl: Any, daemon: Any) -> None:
    tls = {
        "certificate_name": "film", "not_after": 4_000_000_000,
        "warnings": ["the certificate of film ends in 2 days"],
    }  # fmt: skip
    daemon.torrents[2]["tls"] = tls
    output = p2pctl("info", "Music").output
    assert "for film, until " in output
    assert "; the certificate of film ends in 2 days" in output


def test_info_tells_where_it_is_until_it_is_complete(p2pctl: Any, daemon: Any) -> None:
    assert "Until complete" not in p2pctl("info", "1").output
    daemon.torrents[0]["current_dir"] = "/incomplete"
    assert "/incomplete" in p2pctl("info", "1").output


def test_a_magnet_link_has_no_size_before_its_metadata(p2pctl: Any, daemon: Any) -> None:
    unknown = {"metadata_percent_complete": 0, "size_when_done": 0, "total_size": 0}
    daemon.torrents[0].update(unknown)
    info = p2pctl("info", "1").output
    assert "getting metadata" in info
    assert "Done" not in info
    assert "Size" not in info
    assert "0 B" not in p2pctl("list").output.splitlines()[1]


def test_files(p2pctl: Any) -> None:
    lines = p2pctl("files", "1").output.splitlines()
    assert lines[-2].split()[:6] == ["0", "50.0%", "10", "B", "yes", "high"]
    assert lines[-1].split()[:6] == ["1", "100%", "0", "B", "no", "normal"]
    assert json.loads(p2pctl("files", "1", "--json").output)[1]["index"] == 1


def test_peers(p2pctl: Any, daemon: Any) -> None:
    output = p2pctl("peers", "1").output
    assert "[2001:db8::1]:6881" in output
    assert "2.0 KiB/s" in output
    assert " DE " in output
    assert "\x1b" not in output
    daemon.torrents[0]["peers"][0]["is_snubbed"] = True
    assert " DES " in p2pctl("peers", "1").output
    assert "S  it snubs us" in p2pctl("peers", "--help").output
    daemon.torrents[0]["peers"] = []
    assert "no peers" in p2pctl("peers", "1").output


@pytest.mark.parametrize(
    ("command", "method"),
    [("start", "torrent_start"), ("stop", "torrent_stop"), ("verify", "torrent_verify")],
)
def test_actions(p2pctl: Any, daemon: Any, command: str, method: str) -> None:
    result = p2pctl(command, "music", "1")
    assert result.exit_code == 0
    assert p2pctl(command, "--all").exit_code == 0
    assert daemon.asked(method) == [{"ids": [3, 1]}, {"ids": [1, 2, 3]}]
    assert "3 Music" in result.output


def test_how_much_torrents_give_and_how_fast_is_set(p2pctl: Any, daemon: Any) -> None:
    limits = ["--ratio", "1.5", "--idle", "2h", "--time", "none", "--then", "remove-with-data"]
    assert p2pctl("set", "1", *limits, "--up", "2MB", "--down", "none").exit_code == 0
    assert p2pctl("set", "1", "--ratio", "default", "--ignore-session").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {
            "ids": [1], "seed_ratio_mode": 1, "seed_ratio_limit": 1.5, "seed_idle_mode": 1,
            "seed_idle_limit": 120, "seed_time_mode": 2, "seed_limit_action": "remove_with_data",
            "download_limited": False, "upload_limit": 2000, "upload_limited": True,
        },
        {"ids": [1], "seed_ratio_mode": 0, "honors_session_limits": False},
    ]  # fmt: skip


def test_how_torrents_seed_and_get_their_pieces_is_set(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("set", "Music", "1", "--seed-choking", "anti_leech", "--super-seeding", "off")
    assert result.output == "3 Music: set\n1 Big Film ]0;ownedgpj.exe: set\n"
    assert p2pctl("set", "Music", "--rarest-first").exit_code == 0
    assert daemon.asked("torrent_set") == [
        {"ids": [3, 1], "seed_choking": "anti_leech", "super_seeding": "off"},
        {"ids": [3], "sequential_download": False},
    ]
    assert p2pctl("set", "1", "--sequential", "--from-piece", "12").exit_code == 0
    assert daemon.asked("torrent_set")[-1] == {
        "ids": [1], "sequential_download": True, "sequential_download_from_piece": 12,
    }  # fmt: skip
    assert p2pctl("set", "1", "--trusted-only").exit_code == 0
    assert p2pctl("set", "1", "--anybody").exit_code == 0
    assert daemon.asked("torrent_set")[-2:] == [
        {"ids": [1], "trusted_only": True}, {"ids": [1], "trusted_only": False}
    ]  # fmt: skip
    for wrong in (
        ["--from-piece", "-1"],
        [],
        ["--seed-choking", "most"],
        ["--super-seeding", "yes"],
    ):
        assert p2pctl("set", "Music", *wrong).exit_code == 2
    assert p2pctl("set", "nowhere", "--sequential").exit_code == 1
    assert "Seeding mode" not in p2pctl("info", "Music").output
    daemon.torrents[2] |= {"seed_choking": "anti_leech", "sequential_download": True}
    output = " ".join(p2pctl("info", "Music").output.split())
    assert "Order in sequence Super-seeding auto Seeding mode anti leech" in output
    daemon.torrents[2]["sequential_download_from_piece"] = 12
    assert "in sequence from piece 12" in p2pctl("info", "Music").output
    assert "trusted nodes alone" not in p2pctl("info", "Music").output
    daemon.torrents[2]["trusted_only"] = True
    assert "Lets in trusted nodes alone" in " ".join(p2pctl("info", "Music").output.split())
    told = json.loads(p2pctl("set", "Music", "--sequential", "--json").output)
    assert told["torrents"][0]["sequential_download"] is True


def test_remove(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("remove", "3").exit_code == 0
    assert p2pctl("remove", "3", "--delete-data", "--yes").exit_code == 0
    assert daemon.asked("torrent_remove") == [
        {"ids": [3], "delete_local_data": False},
        {"ids": [3], "delete_local_data": True},
    ]
    for unasked in (["--all"], ["--label", "linux"], ["3", "--delete-data"]):
        assert p2pctl("remove", *unasked).exit_code == 2
    assert len(daemon.asked("torrent_remove")) == 2


def test_rename(p2pctl: Any, daemon: Any) -> None:
    assert "3 Music: is called Noise now" in p2pctl("rename", "Music", "Noise").output
    assert p2pctl("rename", "3", "x.txt", "--path", "Music/a.txt").exit_code == 0
    assert p2pctl("rename", "3", "x.txt", "--path", "b.txt", "--json").exit_code == 0
    assert daemon.asked("torrent_rename_path") == [
        {"ids": [3], "path": "Music", "name": "Noise"},
        {"ids": [3], "path": "Music/a.txt", "name": "x.txt"},
        {"ids": [3], "path": "Music/b.txt", "name": "x.txt"},
    ]


def test_move(p2pctl: Any, daemon: Any) -> None:
    assert "3 Music: will be moved to /srv/new" in p2pctl("move", "Music", "/srv/new").output
    assert p2pctl("move", "3", "2", "there", "--find").exit_code == 0
    assert daemon.asked("torrent_set_location") == [
        {"ids": [3], "location": "/srv/new", "move": True},
        {"ids": [3, 2], "location": os.path.abspath("there"), "move": False},
    ]
    assert p2pctl("move", "/srv/new").exit_code == 2
    assert "Moving" not in p2pctl("info", "Music").output
    move = {"location": "/srv/new", "progress": 0.25, "stage": "copying", "error_string": ""}
    daemon.torrents[2]["move"] = move
    assert "downloading, moving 25.0%" in p2pctl("list").output
    assert "to /srv/new: copying, 25.0%" in p2pctl("info", "Music").output
    move["error_string"] = "no room"
    assert "to /srv/new: copying, 25.0%; no room" in p2pctl("info", "Music").output
    told = json.loads(p2pctl("move", "Music", "/srv/new", "--json").output)
    assert told["torrents"][0]["location"] == "/srv/new"


@pytest.mark.parametrize(
    ("word", "number"),
    [("2", 2), ("01AB", 1), ("02cd02cd", 2), ("music", 3), ("other film", 2), ("THER", 2)],
)
def test_ways_to_name_a_torrent(p2pctl: Any, daemon: Any, word: str, number: int) -> None:
    assert p2pctl("start", word).exit_code == 0
    assert daemon.asked("torrent_start") == [{"ids": [number]}]


def test_a_whole_name_beats_a_part(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[2]["name"] = "film"
    p2pctl("start", "Film")
    assert daemon.asked("torrent_start") == [{"ids": [3]}]


@pytest.mark.parametrize(
    ("word", "words"), [("nothing", "no torrent"), ("film", "could be 2 torrents"), ("", "no tor")]
)
def test_bad_names_of_torrents(p2pctl: Any, daemon: Any, word: str, words: str) -> None:
    result = p2pctl("start", word)
    assert result.exit_code == 1
    assert words in result.output
    assert not any(character in result.output for character in HOSTILE)
    assert daemon.asked("torrent_start") == []


@pytest.mark.parametrize("arguments", [("start",), ("start", "--all", "1"), ("fly",), ("info",)])
def test_wrong_usage(p2pctl: Any, arguments: tuple[str, ...]) -> None:
    assert p2pctl(*arguments).exit_code == 2


def test_json(p2pctl: Any) -> None:
    assert [row["id"] for row in json.loads(p2pctl("list", "--json").output)] == [1, 2, 3]
    assert json.loads(p2pctl("--json", "info", "2").output)["name"] == "other film"
    assert json.loads(p2pctl("peers", "2", "--json").output)[0]["port"] == 6881
    stopped = json.loads(p2pctl("stop", "2", "--json").output)
    assert [row["id"] for row in stopped["torrents"]] == [2]


def test_watch(p2pctl: Any, daemon: Any, invocation: Any) -> None:
    daemon.answers["session_stats"] = {
        "active_torrent_count": 1, "torrent_count": 3, "download_speed": 2048, "upload_speed": 0
    }  # fmt: skip
    result = p2pctl("watch", "--times", "2")
    assert result.exit_code == 0
    assert result.output.endswith("1 of 3 torrents active, down 2.0 KiB/s, up idle\n")
    lines = p2pctl("watch", "--json", "--times", "2").output.splitlines()
    assert [len(json.loads(line)) for line in lines] == [3, 3]


def test_watch_ends_well_on_ctrl_c(p2pctl: Any, daemon: Any, invocation: Any) -> None:
    daemon.answers["session_stats"] = {}

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    invocation.sleep = interrupt
    result = p2pctl("watch", "--json")
    assert result.exit_code == 0
    assert len(daemon.asked("torrent_get")) == 1


def test_no_daemon(p2pctl: Any, daemon: Any) -> None:
    daemon.raises = CannotConnectError("cannot reach the daemon at x: Connection refused")
    result = p2pctl("list")
    assert result.exit_code == 3
    assert result.output == "Error: cannot reach the daemon at x: Connection refused\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpAnswer(401, b""), "asks for its token"),
        (HttpAnswer(403, b"locked out\nmore\x1b"), "403: locked out"),
        (HttpAnswer(200, b"<html>"), "not p2pd's control API"),
        (HttpAnswer(200, b"[]"), "not p2pd's control API"),
        (HttpAnswer(200, b'{"result":'), "not p2pd's control API"),
        (HttpAnswer(200, b'{"error":5}'), "not p2pd's control API"),
        (HttpAnswer(200, b"[" * 100_000), "not p2pd's control API"),
        (HttpAnswer(200, WRONG % 5), "Error: y"),
        (HttpAnswer(200, WRONG % 3), "Error: a: y"),
        (HttpAnswer(200, b'{"error":{"code":5,"message":"\\u001bm"}}'), "Error: m"),
    ],
)  # fmt: skip
def test_refusals(p2pctl: Any, daemon: Any, answer: HttpAnswer, words: str) -> None:
    daemon.http = answer
    result = p2pctl("list")
    assert result.exit_code == 1
    assert words in result.output
    assert "\x1b" not in result.output


def test_a_wrong_token_is_said_to_be_wrong(p2pctl: Any, daemon: Any) -> None:
    daemon.http = HttpAnswer(401, b"")
    assert "does not accept" in p2pctl("list", "--token", "x").output


class TestFindingTheDaemon:
    """The url and the token: option, environment, state folder."""

    def test_defaults(self, p2pctl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("p2pd.clients.credentials.SYSTEM_STATE_DIR", "/nowhere")
        p2pctl("list")
        assert daemon.urls == ["http://127.0.0.1:9091"]
        assert daemon.tokens[:1] == [None]

    def test_options_before_and_after_the_command_beat_the_environment(
        self, p2pctl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("P2PCTL_URL", "http://env:1")
        monkeypatch.setenv("P2PCTL_TOKEN", "env")
        p2pctl("--url", "http://option:2", "list", "--token", "option")
        assert (daemon.urls, daemon.tokens[:1]) == (["http://option:2"], ["option"])

    def test_the_environment(
        self, p2pctl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("P2PCTL_URL", "http://env:1")
        monkeypatch.setenv("P2PCTL_TOKEN", "env")
        p2pctl("list")
        assert (daemon.urls, daemon.tokens[:1]) == (["http://env:1"], ["env"])

    def test_state_folders(
        self, p2pctl: Any, daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("p2pd.clients.credentials.SYSTEM_STATE_DIR", "/nowhere")
        default = tmp_path / ".local" / "state" / "p2pd"
        default.mkdir(parents=True)
        (default / "control-token").write_text("from-default\n")
        (tmp_path / "control-token").write_text("from-option\n")
        p2pctl("list")
        assert daemon.tokens.pop() == "from-default"

    def test_the_option_for_the_state_folder(
        self, p2pctl: Any, daemon: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "control-token").write_text("from-option\n")
        p2pctl("list", "--state-dir", str(tmp_path))
        assert daemon.tokens[:1] == ["from-option"]

    def test_a_state_folder_without_a_token(self, p2pctl: Any, tmp_path: Path) -> None:
        result = p2pctl("list", "--state-dir", str(tmp_path))
        assert result.exit_code == 1
        assert "no token in" in result.output
        (tmp_path / "control-token").write_bytes(b"\xff")
        assert p2pctl("list", "--state-dir", str(tmp_path)).exit_code == 1


def test_the_console_script_never_shows_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("odd \x1b[31m")

    monkeypatch.setattr(main_module, "cli", broken)
    with pytest.raises(SystemExit) as caught:
        main_module.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: unexpected RuntimeError: odd [31m\n"


def test_where_peers_come_from(p2pctl: Any, daemon: Any) -> None:
    lines = p2pctl("peers", "1", "--sources").stdout.splitlines()
    assert len(lines) == 4
    assert [word in lines[1] for word in ("trackers", "12", "t.test: not registered")] == [True] * 3
    assert "off: the torrent is private" in lines[2]
    told = [line for line in p2pctl("info", "1").stdout.splitlines() if "Peers from" in line]
    assert len(told) == 2
    assert "12 peers" in told[0]


def test_where_peers_come_from_as_json(p2pctl: Any, daemon: Any) -> None:
    rows = json.loads(p2pctl("peers", "1", "--sources", "--json").stdout)
    assert [row["name"] for row in rows] == ["tracker", "pex", "manual"]


def test_links(p2pctl: Any, daemon: Any) -> None:
    assert p2pctl("magnet", "1", "2").stdout == "magnet:?xt=x\n" * 2
    assert p2pctl("magnet").exit_code == 2
    daemon.torrents[0]["magnet_link"] = long = "magnet:?xt=x&tr=" + "x" * 5000
    assert p2pctl("magnet", "1").stdout == f"{long}\n"
    rows = json.loads(p2pctl("magnet", "1", "--json").stdout)
    assert [row["magnet_link"] for row in rows] == [long]
