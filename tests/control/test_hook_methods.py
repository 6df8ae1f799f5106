"""hook_*: commands and webhooks over the API, and who may have programs run."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.automation.hooks.hook_rules import COMMAND, Hook
from p2pd.automation.web import WebError
from p2pd.session.session_events import EventKind
from tests.automation.hook_world import HookWorld

INVALID = -32602
URL = "http://hooks.test/secret-path"


@pytest.fixture
def world() -> HookWorld:
    made = HookWorld(Hook("automation.command", COMMAND, command=("/bin/own",)))
    made.web.holds[URL] = 200
    return made


@pytest.fixture
def call(world: HookWorld, caller_with: Any) -> Any:
    made = caller_with(hooks=world.hooks)
    return lambda method, **params: made.call(method, **params)


def test_hooks_are_added_shown_changed_and_removed(world: HookWorld, call: Any) -> None:
    hook = call(
        "hook_add", name="chat", kind="webhook", url=URL, secret="s3cret", events=["done", "error"],
        labels=["tv"], trackers=["t.test"],
    ).result["hook"]  # fmt: skip
    assert (hook["events"], hook["has_secret"], hook["runs"]) == (["done", "error"], True, 0)
    own, shown = call("hook_get").result["hooks"]
    assert (own["id"], own["command"]) == (0, ["/bin/own"])
    assert "s3cret" not in str(shown)
    assert call("hook_get", ids=[hook["id"]]).result["hooks"] == [shown]
    changed = call("hook_set", id=hook["id"], events=[], secret="").result["hook"]
    assert (changed["events"], changed["has_secret"], changed["url"]) == ([], False, URL)
    assert call("hook_remove", id=hook["id"]).result == {}
    assert len(call("hook_get").result["hooks"]) == 1


def test_a_hook_is_tried_out(world: HookWorld, call: Any) -> None:
    hook = call("hook_add", name="chat", kind="webhook", url=URL).result["hook"]
    expected = {"status": 200, "problem": "", "output": ""}
    assert call("hook_test", id=hook["id"]).result == expected
    world.web.holds[URL] = WebError("hooks.test: no answer")
    assert call("hook_test", id=hook["id"]).result["problem"] == "hooks.test: no answer"


def test_letters_are_listed_sent_again_and_forgotten(world: HookWorld, call: Any) -> None:
    hook = call("hook_add", name="chat", kind="webhook", url=URL).result["hook"]
    world.web.holds[URL] = 404
    world.happens(EventKind.DONE)
    world.web.holds[URL] = WebError("no")
    world.happens(EventKind.ADDED)
    found = call("hook_letters").result
    assert [each["state"] for each in found["letters"]] == ["dead", "waiting"]
    dead = call("hook_letters", states=["dead"], limit=1).result
    assert dead["letter_count"] == 1
    (row,) = dead["letters"]
    assert (row["hook_id"], row["event"], row["tries"]) == (hook["id"], "done", 1)
    assert row["problem"] == "its server answered 404"
    assert call("hook_letters_retry").result == {"count": 1}
    assert call("hook_letters_forget", ids=[row["id"], 77]).result == {"count": 1}
    assert call("hook_letters").result["letter_count"] == 1


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("hook_add", {"name": "x", "kind": "webhook", "url": "ftp://x/"}, "http or https URL"),
        ("hook_add", {"name": "x", "kind": "webhook"}, "needs a url"),
        ("hook_add", {"name": "x", "kind": "odd"}, "one of"),
        ("hook_add", {"name": "x", "kind": "command", "command": ["sh"]}, "absolute path"),
        ("hook_add", {"name": "x", "kind": "webhook", "url": URL, "events": ["odd"]}, "one of"),
        ("hook_add", {"name": "x", "kind": "webhook", "url": URL, "odd": 1}, "set here: odd"),
        ("hook_set", {"id": 7}, "there is no hook 7"),
        ("hook_set", {"id": 7, "kind": "command"}, "set here: kind"),
        ("hook_get", {"ids": [7]}, "there is no hook 7"),
        ("hook_remove", {"id": 7}, "there is no hook 7"),
        ("hook_test", {"id": 7}, "there is no hook 7"),
    ],
)
def test_what_makes_no_sense_is_refused(
    call: Any, method: str, params: dict[str, Any], words: str
) -> None:
    code, sentence = call(method, **params).error
    assert code == INVALID
    assert words in sentence


def test_programs_are_set_where_the_configuration_allows_it(caller: Any, session: Any) -> None:
    name = "script_torrent_done_filename"
    code, sentence = caller.call("session_set", **{name: "/bin/sh"}).error
    assert (code, "allow_commands_over_rpc is off" in sentence) == (INVALID, True)
    session.settings.script_torrent_done_filename = "/bin/there"
    # what is as it was may be sent along, and switched
    switched = {name: "/bin/there", "script_torrent_done_enabled": True}
    assert caller.call("session_set", **switched).result == {}
    session.settings.fixed = {"allow_commands_over_rpc": True}
    assert caller.call("session_set", **{name: "/bin/sh"}).result == {}
    assert ("change_settings", {name: "/bin/sh"}) in session.asked
