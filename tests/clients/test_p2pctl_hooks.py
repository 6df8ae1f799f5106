"""p2pctl hook."""

from __future__ import annotations

from typing import Any

import pytest

HOOK = {
    "id": 3, "name": "chat\x1b[31m", "kind": "webhook", "enabled": True, "events": ["done"],
    "url": "http://x/", "command": [], "runs": 7, "last_date": 1_700_000_000, "problem": "",
}  # fmt: skip
COMMAND = HOOK | {"id": 4, "name": "unpack", "url": "", "command": ["/bin/x", "-q"], "events": [],
                  "problem": "it ended with status 1", "enabled": False}  # fmt: skip
OWN = COMMAND | {"id": 0, "name": "own"}
LETTER = {"id": 9, "hook_id": 3, "date": 1_700_000_000, "state": "dead", "tries": 12,
          "event": "done", "problem": "no answer"}  # fmt: skip


@pytest.fixture(autouse=True)
def answers(daemon: Any) -> None:
    daemon.answers |= {
        "hook_get": {"hooks": [OWN, HOOK, COMMAND]},
        "hook_add": {"hook": HOOK},
        "hook_set": {"hook": COMMAND},
        "hook_letters": {"letters": [LETTER]},
        "hook_letters_retry": {"count": 1},
        "hook_letters_forget": {"count": 2},
        "hook_test": {"status": 200, "problem": "", "output": "fine\x1b[2J"},
    }


def test_hooks_are_listed(p2pctl: Any) -> None:
    _, own, first, second = p2pctl("hook").output.splitlines()
    assert own.split()[0] == "-"
    assert "\x1b" not in first
    assert "unpack (off)" in second
    assert "/bin/x -q" in second
    assert second.endswith("it ended with status 1")


def test_hooks_are_added_changed_and_removed(p2pctl: Any, daemon: Any) -> None:
    arguments = ["chat", "http://x/", "--event", "done", "--label", "tv", "--secret", "-"]
    result = p2pctl("hook", "add-url", *arguments, input="s\n")
    assert result.exit_code == 0, result.output
    result = p2pctl("hook", "add-command", "c", "--seconds", "9", "--", "/bin/x", "-q")
    assert result.exit_code == 0, result.output
    assert daemon.asked("hook_add") == [
        {"name": "chat", "kind": "webhook", "url": "http://x/", "events": ["done"],
         "labels": ["tv"], "secret": "s"},
        {"name": "c", "kind": "command", "command": ["/bin/x", "-q"], "seconds": 9},
    ]  # fmt: skip
    assert p2pctl("hook", "set", "unpack", "--off", "--tracker", "t.test").exit_code == 0
    assert daemon.asked("hook_set") == [{"id": 4, "enabled": False, "trackers": ["t.test"]}]
    assert p2pctl("hook", "remove", "4").output == "4: removed\n"
    assert daemon.asked("hook_remove") == [{"id": 4}]
    assert "there is no hook own that clients set" in p2pctl("hook", "remove", "own").output


def test_a_hook_is_tried_out(p2pctl: Any, daemon: Any) -> None:
    result = p2pctl("hook", "test", "unpack")
    assert result.output.splitlines() == ["fine[2J", "unpack: it works (200)"]
    daemon.answers["hook_test"] = {"status": None, "problem": "no answer", "output": ""}
    result = p2pctl("hook", "test", "3")
    assert (result.exit_code, "no answer" in result.output) == (1, True)


def test_letters(p2pctl: Any, daemon: Any) -> None:
    assert "no answer" in p2pctl("hook", "letters", "--dead").output
    assert daemon.asked("hook_letters") == [{"limit": 50, "states": ["dead"]}]
    assert p2pctl("hook", "retry").output == "1 letter to be sent again\n"
    assert p2pctl("hook", "retry", "9").exit_code == 0
    assert p2pctl("hook", "forget", "9", "10").output == "2 letters forgotten\n"
    assert daemon.asked("hook_letters_retry") == [{}, {"ids": [9]}]
    assert daemon.asked("hook_letters_forget") == [{"ids": [9, 10]}]
