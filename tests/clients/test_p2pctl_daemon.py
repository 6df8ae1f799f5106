"""p2pctl settings, stats, free-space, shutdown, api: the daemon as a whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.api_client import CannotConnectError
from p2pd.clients.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def session(daemon: Any) -> Any:
    daemon.answers["session_get"] = {
        "download_dir": "/down\x1bloads", "peer_limit_global": 200, "units": {}
    }  # fmt: skip
    return daemon


def test_settings_are_shown(p2pctl: Any, session: Any) -> None:
    lines = [line.split() for line in p2pctl("settings").output.splitlines()]
    assert lines == [
        ["download_dir", "/downloads"], ["peer_limit_global", "200"], ["units", "{}"]
    ]  # fmt: skip
    assert json.loads(p2pctl("settings", "--json").output)["peer_limit_global"] == 200
    p2pctl("settings", "peer-limit-global")
    assert session.asked("session_get")[-1] == {"fields": ["peer_limit_global"]}


def test_settings_are_set(p2pctl: Any, session: Any) -> None:
    wishes = ["peer_limit_global=7", "download_dir=/x y", 'units={"a":{}}']
    assert p2pctl("settings", *wishes).exit_code == 0
    assert session.asked("session_set") == [
        {"peer_limit_global": 7, "download_dir": "/x y", "units": {"a": {}}}
    ]
    p2pctl("settings", "peer_limit_global=on")
    assert session.asked("session_set")[-1] == {"peer_limit_global": True}


def test_a_setting_that_is_not_there(p2pctl: Any, session: Any) -> None:
    result = p2pctl("settings", "peer_limit")
    assert result.exit_code == 1
    assert "there is no setting 'peer_limit'" in result.output


def test_stats(p2pctl: Any, daemon: Any) -> None:
    totals = {
        "downloaded_bytes": 2048, "uploaded_bytes": 0, "files_added": 3, "seconds_active": 61,
        "session_count": 1,
    }  # fmt: skip
    daemon.answers["session_stats"] = {
        "current_stats": totals, "cumulative_stats": totals | {"session_count": 5},
        "active_torrent_count": 1, "torrent_count": 2, "download_speed": 1024, "upload_speed": 0,
        "block_cache": {"used_bytes": 0, "limit_bytes": 1024}, "write_backlog_bytes": 0,
        "descriptors": {"connections": 1, "connections_limit": 9, "open_files": 2,
                        "open_files_limit": 8},
    }  # fmt: skip
    output = " ".join(p2pctl("stats").output.split())
    for words in ("Downloaded 2.0 KiB 2.0 KiB", "Runs 1 5", "1 of 2", "1m 01s", "Up idle"):
        assert words in output
    assert json.loads(p2pctl("stats", "--json").output)["torrent_count"] == 2


def test_free_space(p2pctl: Any, session: Any) -> None:
    session.answers["free_space"] = {"path": "/p", "size_bytes": 1024, "total_size": 2048}
    assert p2pctl("free-space").output == "/p: 1.0 KiB free of 2.0 KiB\n"
    assert p2pctl("free-space", "/else", "--json").exit_code == 0
    assert session.asked("free_space") == [{"path": "/down\x1bloads"}, {"path": "/else"}]


class TestShutdown:
    """Asked first; --wait returns when nobody answers any more."""

    def test_without_a_terminal_yes_has_to_be_said(self, p2pctl: Any, daemon: Any) -> None:
        assert p2pctl("shutdown").exit_code == 2
        assert p2pctl("shutdown", "--yes").output == "the daemon stops\n"
        assert len(daemon.asked("session_close")) == 1

    def test_a_terminal_is_asked(
        self, p2pctl: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("p2pd.clients.cli.daemon.has_person", lambda: True)
        assert p2pctl("shutdown", input="n\n").exit_code == 1
        assert daemon.asked("session_close") == []
        assert p2pctl("shutdown", input="y\n").exit_code == 0

    def test_wait(self, p2pctl: Any, daemon: Any, invocation: Any) -> None:
        def gone(_: float) -> None:
            daemon.raises = CannotConnectError("refused")

        invocation.sleep = gone
        result = p2pctl("shutdown", "--yes", "--wait")
        assert (result.exit_code, result.output) == (0, "the daemon has stopped\n")

    def test_a_daemon_that_stays(self, p2pctl: Any, daemon: Any, invocation: Any) -> None:
        times = iter(range(0, 1000, 10))
        invocation.clock = lambda: float(next(times))
        assert p2pctl("shutdown", "--yes", "--wait", "--timeout", "25").exit_code == 4


def test_any_method_can_be_called(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["group_get"] = {"group": []}
    result = p2pctl("api", "group_get", 'names=["a"]', "word=plain", "count=3", "flag=true")
    assert json.loads(result.output) == {"group": []}
    expected = {"names": ["a"], "word": "plain", "count": 3, "flag": True}
    assert daemon.asked("group_get") == [expected]
    assert p2pctl("api", "group_get", "odd").exit_code == 2


def test_the_methods_are_listed(p2pctl: Any, daemon: Any) -> None:
    methods = [{"name": "torrent_get", "summary": "The fields."}, {"name": "peer_ban"}]
    daemon.answers["system_methods"] = {"methods": methods}
    lines = p2pctl("api").output.splitlines()
    assert [line.split()[0] for line in lines] == ["Method", "peer_ban", "torrent_get"]
    assert json.loads(p2pctl("api", "--json").output) == {"methods": methods}


def test_every_method_of_the_reference_has_a_command() -> None:
    reference = (ROOT / "docs" / "api.rst").read_text()
    headings = re.findall(r"^(``.+``)\n~~~", reference, re.MULTILINE)
    methods = {name for heading in headings for name in re.findall(r"``(\w+)``", heading)}
    assert len(methods) > 20
    sources = (
        "\n".join(path.read_text() for path in (ROOT / "p2pd" / "clients").glob("*/*.py"))
        + (ROOT / "p2pd" / "clients" / "api_client.py").read_text()
    )
    methods.discard("events_unsubscribe")  # who ends `p2pctl events` hangs up
    assert sorted(method for method in methods if f'"{method}"' not in sources) == []


def test_every_command_answers_in_json_or_has_no_answer() -> None:
    context = cli.make_context("p2pctl", ["list"], resilient_parsing=True)
    without = {
        name for name in COMMANDS
        if (command := cli.get_command(context, name)) is not None
        and not any("--json" in option.opts for option in command.params)
    }  # fmt: skip
    assert without <= {"completion", "top"}


def test_top_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['textual'] = None\n"
        "from p2pd.clients.cli.main import cli; cli(['top'], prog_name='p2pctl')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    how = f"{sys.executable} -m pip install 'textual>=8'"
    assert result.stderr == f"Error: p2pctl top needs Textual: {how}\n"
