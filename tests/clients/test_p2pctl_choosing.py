"""Which torrents a command is about: ranges, labels, states; what is asked before they go."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.clients.selection import STATES, named_by


@pytest.fixture
def many(daemon: Any) -> Any:
    """Three torrents that differ in what they can be chosen by."""
    first, second, third = daemon.torrents
    first |= {"labels": ["linux", "iso"], "status": 6, "percent_done": 1.0, "rate_download": 0}
    second |= {"labels": ["linux"], "status": 0, "rate_download": 0, "error": 3}
    third |= {"labels": [], "metadata_percent_complete": 0.5}
    return daemon


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["1-2"], [1, 2]),
        (["3,1"], [3, 1]),
        (["2-900"], [2, 3]),
        (["--label", "linux"], [1, 2]),
        (["--label", "linux", "--label", "iso"], [1]),
        (["--state", "seeding", "--state", "error"], [1, 2]),
        (["--label", "linux", "--state", "stopped"], [2]),
        (["--state", "magnet"], [3]),
        (["--state", "active"], [3]),
        (["--state", "complete"], [1]),
        (["--state", "incomplete"], [2, 3]),
        (["--state", "downloading"], [3]),
        (["1-3", "--state", "stopped"], [2]),
        (["--all", "--label", "iso"], [1]),
        (["--all"], [1, 2, 3]),
    ],
)
def test_ways_to_choose_many(
    p2pctl: Any, many: Any, options: list[str], expected: list[int]
) -> None:
    assert p2pctl("start", *options).exit_code == 0
    assert many.asked("torrent_start") == [{"ids": expected}]


def test_none_like_that_is_no_error_and_no_call(p2pctl: Any, many: Any) -> None:
    result = p2pctl("stop", "--state", "checking")
    assert (result.exit_code, result.output) == (0, "no torrent is like that\n")
    assert many.asked("torrent_stop") == []
    assert json.loads(p2pctl("stop", "--label", "no", "--json").output) == {"torrents": []}
    assert json.loads(p2pctl("list", "--label", "no", "--json").output) == []


@pytest.mark.parametrize("options", [[], ["--all", "1"], ["--state", "odd"]])
def test_wrong_choices(p2pctl: Any, options: list[str]) -> None:
    assert p2pctl("start", *options).exit_code == 2


def test_a_range_that_holds_none_may_be_a_name() -> None:
    years = [
        {"id": 1, "name": "Films 2012-2013", "hash_string": "", "info_hash_v2": ""},
        {"id": 2, "name": "Songs 2012-2013", "hash_string": "", "info_hash_v2": ""},
    ]
    assert named_by(years[:1], ["2012-2013"]) == years[:1]
    with pytest.raises(P2pdError, match="could be 2 torrents"):
        named_by(years, ["2012-2013"])
    with pytest.raises(P2pdError, match="no torrent is called '1,7'"):
        named_by(years, ["1,7"])
    assert named_by(years, ["1-2", "Songs"]) == years


def test_one_torrent_is_not_several(p2pctl: Any) -> None:
    result = p2pctl("info", "1-2")
    assert result.exit_code == 1
    assert "names 2 torrents: name one" in result.output


def test_list_chooses_and_sorts(p2pctl: Any, many: Any) -> None:
    many.torrents[1]["eta"] = -1
    for options, expected in (
        (["--label", "linux"], [1, 2]),
        (["--sort", "name"], [1, 3, 2]),
        (["--sort", "name", "--reverse"], [2, 3, 1]),
        (["--sort", "left"], [1, 3, 2]),
    ):
        rows = json.loads(p2pctl("list", "--json", *options).output)
        assert [row["id"] for row in rows] == expected, options


def test_list_tells_the_reasons_of_errors_beside_the_table(p2pctl: Any, daemon: Any) -> None:
    for one in daemon.torrents:
        one |= {"error": 3, "error_string": "disk\x1b[2J gone"}
    daemon.torrents *= 5
    result = p2pctl("list")
    assert "2 other film: disk[2J gone\n" in result.stderr
    assert result.stderr.endswith("and 5 errors more\n")
    assert "gone" not in result.stdout
    assert p2pctl("list", "--json").stderr == ""


class TestBeforeTorrentsGo:
    """A terminal is asked; without one --yes has to be said."""

    @pytest.fixture(autouse=True)
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("p2pd.clients.cli.actions.has_person", lambda: True)

    def test_yes(self, p2pctl: Any, daemon: Any) -> None:
        result = p2pctl("remove", "1-2", "--delete-data", input="y\n")
        assert result.exit_code == 0
        assert "Remove 2 torrents and delete 9.5 MiB of data? [y/N]" in result.stderr
        assert "2 other film" in result.stderr
        assert daemon.asked("torrent_remove") == [{"ids": [1, 2], "delete_local_data": True}]

    @pytest.mark.parametrize("answer", ["n\n", "\n", ""])
    def test_anything_else(self, p2pctl: Any, daemon: Any, answer: str) -> None:
        assert p2pctl("remove", "--all", input=answer).exit_code == 1
        assert daemon.asked("torrent_remove") == []

    def test_many_are_counted(self, p2pctl: Any, daemon: Any) -> None:
        daemon.torrents = [
            one | {"id": 10 * n + one["id"]} for n in range(5) for one in daemon.torrents
        ]
        assert "and 5 more\nRemove 15 torrents?" in p2pctl("remove", "--all", input="n").stderr

    def test_no_question_with_json_or_yes(self, p2pctl: Any, daemon: Any) -> None:
        assert p2pctl("remove", "--all", "--json").exit_code == 2
        assert "Remove" not in p2pctl("remove", "--all", "--yes").stderr

    def test_named_ones_whose_data_stays_go_unasked(self, p2pctl: Any, daemon: Any) -> None:
        assert p2pctl("remove", "1").exit_code == 0


def test_every_state_can_be_told_of_what_is_asked(daemon: Any) -> None:
    for state in STATES.values():
        assert isinstance(state(daemon.torrents[0]), bool)


@pytest.mark.parametrize(
    ("arguments", "offered"),
    [
        (["start", ""], {"1", "2", "3"}),
        (["start", "mus"], {"Music"}),
        (["start", "film"], {"1", "2"}),
        (["info", "3"], {"3"}),
        (["list", "--label", "li"], {"linux"}),
        (["list", "--state", "see"], {"seeding"}),
        (["alt-speeds", "of"], {"off"}),
        (["settings", "peer_limit"], {"peer_limit_global"}),
        (["rem"], {"remove"}),
        (["remove", "--del"], {"--delete-data"}),
    ],
)
def test_what_the_shell_is_offered(
    invocation: Any, daemon: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    offered: set[str],
) -> None:  # fmt: skip
    daemon.answers["session_get"] = {"peer_limit_global": 1, "alt_speed_down": 2}
    *before, begun = arguments
    assert _offered(invocation, before, begun) == offered


def test_the_shell_is_offered_nothing_where_no_daemon_is(invocation: Any, daemon: Any) -> None:
    daemon.raises = P2pdError("nobody there")
    assert _offered(invocation, ["start"], "") == set()
    assert _offered(invocation, ["list", "--label"], "") == set()
    assert _offered(invocation, ["settings"], "") == set()


def _offered(invocation: Any, before: list[str], begun: str) -> set[str]:
    from click.shell_completion import ShellComplete

    from p2pd.clients.cli.main import cli

    completing = ShellComplete(cli, {"obj": invocation}, "p2pctl", "_P2PCTL_COMPLETE")
    return {item.value for item in completing.get_completions(before, begun)}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells(p2pctl: Any, shell: str) -> None:
    result = p2pctl("completion", shell)
    assert result.exit_code == 0
    assert f"_P2PCTL_COMPLETE={shell}_complete" in result.output


def test_only_the_command_that_runs_is_imported() -> None:
    import subprocess

    code = (
        "import sys; from p2pd.clients.cli.main import cli\n"
        "cli(['completion', 'fish'], standalone_mode=False)\n"
        "assert 'p2pd.clients.cli.create' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
