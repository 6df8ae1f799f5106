"""Commands on what happens to torrents: which, how, how often, and what is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2pd.automation.hooks import command_queue, command_runner
from p2pd.automation.hooks.command_queue import MOST_STARTS
from p2pd.automation.hooks.command_runner import AT_ONCE
from p2pd.automation.hooks.happening import LONGEST_VALUE
from p2pd.automation.hooks.hook_rules import COMMAND, Hook
from p2pd.automation.hooks.hooks import FORBIDDEN
from p2pd.automation.refusals import RefusedError
from p2pd.session.session_events import EventKind, TorrentEvent
from tests.automation.hook_world import HookWorld
from tests.automation.rss_world import START, result


@pytest.fixture
def world() -> HookWorld:
    return HookWorld()


# -- which --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, True),
        ({"events": ("done",)}, True),
        ({"events": ("added", "error")}, False),
        ({"labels": ("linux", "x")}, True),
        ({"labels": ("tv",)}, False),
        ({"trackers": ("tracker.test",)}, True),
        ({"trackers": ("TEST",)}, True),
        ({"trackers": ("racker.test",)}, False),
        ({"enabled": False}, False),
        ({"events": ("done",), "labels": ("linux",), "trackers": ("tracker.test",)}, True),
    ],
)
def test_what_a_hook_is_for(world: HookWorld, chosen: dict[str, Any], expected: bool) -> None:
    world.session.all[0].tracker_tiers = (("http://tracker.test:80/announce",), ("udp://[x",))
    world.command(**chosen)
    world.happens(EventKind.DONE)
    assert bool(world.spawner.processes) == expected


def test_of_a_torrent_that_is_gone_the_event_tells(world: HookWorld) -> None:
    world.command(labels=("tv",), trackers=("t.test",))
    detail = {"labels": ["tv"], "download_dir": "/d", "tracker_hosts": ["a.t.test"]}
    world.heard(TorrentEvent(EventKind.REMOVED, 77, "ff" * 20, "gone", START, detail))
    (process,) = world.spawner.processes
    assert process.environment["TR_TORRENT_NAME"] == "gone"
    assert process.environment["TR_TORRENT_DIR"] == "/d"
    assert process.environment["P2PD_TORRENT_LABELS"] == "tv"


# -- commands -----------------------------------------------------------------------------------


def test_a_command_is_run_without_a_shell_and_told_in_its_environment(world: HookWorld) -> None:
    torrent = world.session.all[0]
    torrent.name = "a\0 `b`"
    torrent.labels = ("x" * LONGEST_VALUE, "y")
    known = world.command()
    world.happens(EventKind.MOVED, **{"from": "/a", "to": "/b"})
    (process,) = world.spawner.processes
    assert (process.program, process.arguments) == ("/bin/x", ["/bin/x", "$(a) b"])
    assert process.folder == "/"
    told = process.environment
    assert (told["PATH"], "SECRET" in told) == ("/bin", False)
    assert told["TR_TORRENT_NAME"] == told["P2PD_TORRENT_NAME"] == "a `b`"
    assert told["TR_TORRENT_HASH"] == torrent.hash_string
    assert told["TR_TORRENT_ID"] == str(torrent.id)
    assert told["TR_TORRENT_BYTES_DOWNLOADED"] == str(torrent.downloaded)
    assert told["P2PD_EVENT"] == "moved"
    assert json.loads(told["P2PD_DETAIL"]) == {"from": "/a", "to": "/b"}
    assert len(told["TR_TORRENT_LABELS"]) == LONGEST_VALUE
    assert all("\0" not in value for value in told.values())
    process.exits()
    assert (known.runs, known.failures, world.hooks.problem_of(known)) == (1, 0, "")


def test_a_command_that_fails_is_counted_with_its_last_lines(world: HookWorld) -> None:
    known = world.command()
    world.happens(EventKind.DONE)
    (process,) = world.spawner.processes
    process.says(b"x" * 10_000)
    process.says(b"\nit broke\x1b[31m\n")
    process.exits(3)
    assert (known.failures, known.last_problem) == (1, "it ended with status 3")
    assert world.hooks.runner.ends["failed",] == 1


def test_a_command_that_takes_too_long_is_ended(world: HookWorld) -> None:
    known = world.command(seconds=30)
    world.happens(EventKind.DONE)
    (process,) = world.spawner.processes
    process.obedient = False
    world.later(29)
    assert process.signals == []
    world.later(1)
    assert process.signals == ["TERM"]
    world.later(5)
    assert process.signals == ["TERM", "KILL"]
    assert process.lost
    assert known.last_problem == "it was ended after 30 seconds"


def test_pipes_that_a_child_holds_do_not_hold_us(world: HookWorld) -> None:
    world.command(seconds=30)
    world.happens(EventKind.DONE)
    (process,) = world.spawner.processes
    process.gone = True  # but something that it started has its output
    world.later(30)
    assert process.lost


def test_a_few_at_a_time_and_the_others_in_line(
    world: HookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_runner, "MOST_WAITING", 2)
    world.command()
    for _ in range(AT_ONCE + 3):
        world.happens(EventKind.DONE)
    assert len(world.spawner.processes) == AT_ONCE
    assert world.hooks.runner.waiting == 2
    assert world.hooks.runner.ends["dropped",] == 1
    for process in list(world.spawner.processes):
        process.exits()
    assert len(world.spawner.processes) == AT_ONCE + 2


def test_a_program_that_cannot_be_started(world: HookWorld) -> None:
    known = world.command()
    world.spawner.problem = OSError("no more processes")
    world.happens(EventKind.DONE)
    assert known.last_problem == "it cannot be started: no more processes"
    assert world.hooks.runner.running == 0


def test_the_end_of_the_daemon_ends_commands(world: HookWorld) -> None:
    world.command()
    for _ in range(AT_ONCE + 1):
        world.happens(EventKind.DONE)
    result(world.hooks.stop())
    assert [process.signals for process in world.spawner.processes] == [["TERM"]] * AT_ONCE
    world.happens(EventKind.DONE)
    assert len(world.spawner.processes) == AT_ONCE


def kept(world: HookWorld) -> list[tuple[str, int]]:
    rows = world.database.connection.execute("SELECT name, tries FROM hook_commands ORDER BY id")
    return [tuple(row) for row in rows]


def test_commands_that_the_end_cut_off_are_run_after_the_start(world: HookWorld) -> None:
    known = world.command()
    for number in range(AT_ONCE + 2):
        world.happens(EventKind.MOVED, number=number)
    world.spawner.processes[0].exits()
    world.spawner.processes[1].exits(status=1)
    assert len(kept(world)) == AT_ONCE
    world.restart()
    again = world.spawner.processes[AT_ONCE + 2 :]
    told = [json.loads(process.environment["P2PD_DETAIL"])["number"] for process in again]
    assert told == [2, 3, 4, 5]
    assert again[0].environment["PATH"] == "/bin"
    assert kept(world) == [("c", 2)] * 4
    for process in again:
        process.exits()
    assert kept(world) == []
    assert (known.runs, world.hooks.hook(known.id).runs) == (2, 4)
    world.happens(EventKind.DONE)
    assert len(kept(world)) == 1


def test_what_ended_the_daemon_again_and_again_is_given_up(world: HookWorld) -> None:
    world.command()
    world.happens(EventKind.DONE)
    for _ in range(MOST_STARTS):
        world.hooks = world.started()  # it was killed: nothing was written at the end
    assert kept(world) == []
    assert len(world.spawner.processes) == MOST_STARTS


def test_commands_of_hooks_that_are_gone_or_off_are_not_run(world: HookWorld) -> None:
    known, off = world.command(), world.command(name="off")
    for _ in range(AT_ONCE):
        world.happens(EventKind.DONE)
    assert len(kept(world)) == 2 * AT_ONCE
    result(world.hooks.remove(known.id))
    result(world.hooks.set(off.id, {"enabled": False}))
    world.restart()
    assert kept(world) == []
    assert len(world.spawner.processes) == AT_ONCE


def test_the_commands_of_the_configuration_come_back_too() -> None:
    world = HookWorld(Hook("own", COMMAND, command=("/bin/own",)), commands=False)
    world.happens(EventKind.DONE)
    world.own = (Hook("own", COMMAND, command=("/bin/other",)),)
    world.restart()
    assert [process.program for process in world.spawner.processes] == ["/bin/own", "/bin/other"]


def test_what_commands_are_told_is_bounded(
    world: HookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.command()
    monkeypatch.setattr(command_queue, "MOST_BYTES", 2000)
    for _ in range(5):
        world.happens(EventKind.DONE)
    held = len(world.spawner.processes)
    assert 0 < held < 4
    assert world.hooks.commands.size <= 2000
    assert world.hooks.runner.ends["dropped",] == 5 - held
    world.spawner.processes[0].exits()
    world.happens(EventKind.DONE)
    assert len(world.spawner.processes) == held + 1


def test_commands_of_clients_need_leave(world: HookWorld) -> None:
    known = world.command()
    world.commands = False
    world.restart()
    world.happens(EventKind.DONE)
    assert world.spawner.processes == []
    assert world.hooks.problem_of(world.hooks.hook(known.id)) == FORBIDDEN
    with pytest.raises(RefusedError, match="allow_commands_over_rpc"):
        world.command(name="other")
    with pytest.raises(RefusedError, match="allow_commands_over_rpc"):
        result(world.hooks.test(known.id))
    with pytest.raises(RefusedError, match="allow_commands_over_rpc"):
        result(world.hooks.set(known.id, {"name": "x"}))
    world.webhook()


def test_the_configurations_command_and_scripts_run_in_any_case() -> None:
    own = Hook("own", COMMAND, events=("done",), command=("/bin/own",))
    world = HookWorld(own, commands=False)
    settings = world.session.settings
    settings.script_torrent_done_filename = "/bin/done"
    settings.script_torrent_done_seeding_filename = "/bin/seeded"
    settings.script_torrent_done_seeding_enabled = True
    world.happens(EventKind.DONE)
    assert [x.program for x in world.spawner.processes] == ["/bin/own"]
    settings.script_torrent_done_enabled = True
    world.happens(EventKind.DONE)
    world.happens(EventKind.RATIO_REACHED)
    world.happens(EventKind.IDLE_REACHED)
    programs = [x.program for x in world.spawner.processes]
    assert programs[1:] == ["/bin/own", "/bin/done", "/bin/seeded"]
    world.spawner.processes[0].exits()
    assert world.spawner.processes[-1].program == "/bin/seeded"
    assert len(world.spawner.processes) == 5
