"""Servers that are told of what happens to torrents: how, how often, and what is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from p2pd.automation.hooks import webhook_queue
from p2pd.automation.hooks.hook_rules import COMMAND, WEBHOOK, Hook
from p2pd.automation.refusals import RefusedError
from p2pd.automation.web import WebError
from p2pd.session.session_events import EventKind
from tests.automation.hook_world import URL, HookWorld
from tests.automation.rss_world import result


@pytest.fixture
def world() -> HookWorld:
    return HookWorld()


def test_a_server_is_told_in_json_with_a_signature(world: HookWorld) -> None:
    world.webhook(secret="püt")
    world.session.all[0].tracker_tiers = (("http://t.test/announce?passkey=1",),)
    world.happens(EventKind.ERROR, error_string="disk full")
    (request,) = world.web.asked
    assert (request.url, request.method) == (URL, b"POST")
    told = json.loads(request.body)
    assert (told["event"], told["detail"]) == ("error", {"error_string": "disk full"})
    assert told["torrent"]["labels"] == ["linux"]
    assert "passkey" not in str(told)
    headers = request.secret_headers
    assert (headers["X-P2pd-Event"], headers["X-P2pd-Attempt"]) == ("error", "1")
    stamp = headers["X-P2pd-Timestamp"].encode()
    digest = hmac.new("püt".encode(), stamp + b"." + request.body, hashlib.sha256).hexdigest()
    assert headers["X-P2pd-Signature"] == f"sha256={digest}"
    assert world.hooks.queue.letters() == []


def test_without_a_secret_there_is_no_signature(world: HookWorld) -> None:
    world.webhook()
    world.happens(EventKind.DONE)
    assert "X-P2pd-Signature" not in world.web.asked[0].secret_headers


def test_a_letter_is_tried_again_in_order_and_over_restarts(world: HookWorld) -> None:
    known = world.webhook()
    world.web.holds[URL] = WebError("hooks.test: it does not answer")
    world.happens(EventKind.ADDED)
    world.happens(EventKind.DONE)
    assert world.told() == ["added"]
    assert world.hooks.problem_of(known) == "hooks.test: it does not answer"
    world.later(9)
    assert world.told() == ["added"]
    world.later(2)
    assert world.told() == ["added", "added"]
    world.restart()
    world.web.holds[URL] = 204
    world.later(21)
    assert world.told()[2:] == ["added", "done"]
    assert world.web.asked[-2].secret_headers["X-P2pd-Attempt"] == "3"
    assert world.hooks.queue.letters() == []
    kept = world.database.connection.execute("SELECT count(*) FROM hook_letters").fetchone()
    assert kept == (0,)


def test_what_a_server_refuses_for_good_is_dead_and_may_be_sent_again(world: HookWorld) -> None:
    world.webhook()
    world.web.holds[URL] = 400
    world.happens(EventKind.ADDED)
    world.restart()
    queue = world.hooks.queue
    (letter,) = queue.letters()
    assert (letter.dead, letter.problem) == (True, "its server answered 400")
    assert (queue.waiting, queue.dead) == (0, 1)
    world.web.holds[URL] = 200
    world.later(90_000)
    assert len(world.web.asked) == 1
    assert queue.revive([letter.id, 99]) == 1
    world.later(0.2)
    assert queue.letters() == []


def test_after_all_tries_it_is_given_up(world: HookWorld) -> None:
    world.webhook()
    world.web.holds[URL] = 503
    world.happens(EventKind.ADDED)
    for _ in range(20):
        world.later(3601)
    assert len(world.web.asked) == webhook_queue.MOST_TRIES
    assert world.hooks.queue.dead == 1


def test_a_silent_server_holds_up_its_own_hook_alone(world: HookWorld) -> None:
    world.webhook()
    world.webhook(name="other", url="http://other.test/")
    world.web.holds[URL] = WebError("no")
    world.web.holds["http://other.test/"] = 200
    world.happens(EventKind.ADDED)
    world.happens(EventKind.DONE)
    told = [request.url for request in world.web.asked]
    assert told.count("http://other.test/") == 2
    assert told.count(URL) == 1


def test_letters_are_bounded(world: HookWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_queue, "MOST_LETTERS", 3)
    monkeypatch.setattr(webhook_queue, "MOST_DEAD", 2)
    world.webhook()
    world.web.holds[URL] = WebError("no")
    for _ in range(5):
        world.happens(EventKind.DONE)
    assert (world.hooks.queue.waiting, world.hooks.queue.ends["dropped",]) == (3, 2)
    world.web.holds[URL] = 400
    for _ in range(3):
        world.later(3601)
    assert (world.hooks.queue.waiting, world.hooks.queue.dead) == (0, 2)
    assert world.hooks.measures()


def test_bodies_are_bounded(world: HookWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.webhook()
    world.web.holds[URL] = WebError("no")
    world.happens(EventKind.DONE)
    queue = world.hooks.queue
    assert queue.size == len(queue.letters()[0].body)
    monkeypatch.setattr(webhook_queue, "MOST_BYTES", queue.size + 10)
    world.happens(EventKind.DONE)
    assert (queue.waiting, queue.ends["dropped",]) == (1, 1)
    queue.forget([letter.id for letter in queue.letters()])
    assert queue.size == 0


def test_what_is_forgotten_while_it_is_sent_does_not_come_back(world: HookWorld) -> None:
    world.webhook()
    world.web.holds[URL] = WebError("no")
    world.web.waits = []
    world.happens(EventKind.DONE)
    queue = world.hooks.queue
    assert queue.forget([queue.letters()[0].id]) == 1
    world.web.waits[0].callback(None)
    world.restart()
    assert world.hooks.queue.letters() == []


def test_a_hook_that_is_removed_takes_its_letters_along(world: HookWorld) -> None:
    known = world.webhook()
    world.web.holds[URL] = WebError("no")
    world.happens(EventKind.DONE)
    result(world.hooks.remove(known.id))
    world.restart()
    assert (world.hooks.hooks, world.hooks.queue.letters()) == ({}, [])
    with pytest.raises(RefusedError, match="there is no hook"):
        result(world.hooks.remove(known.id))


def test_a_hook_that_is_off_keeps_its_letters(world: HookWorld) -> None:
    known = world.webhook()
    world.web.holds[URL] = WebError("no")
    world.happens(EventKind.DONE)
    result(world.hooks.set(known.id, {"enabled": False}))
    world.web.holds[URL] = 200
    world.later(3601)
    assert world.hooks.queue.waiting == 1
    result(world.hooks.set(known.id, {"enabled": True}))
    world.later(1)
    assert world.hooks.queue.waiting == 0


def test_a_test_tells_how_it_ended(world: HookWorld) -> None:
    known = world.webhook()
    assert result(world.hooks.test(known.id)).status == 200
    world.web.holds[URL] = 404
    end = result(world.hooks.test(known.id))
    assert (end.status, end.problem) == (404, "its server answered 404")
    assert world.hooks.queue.letters() == []


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"kind": COMMAND}, "begins with the absolute path"),
        ({"kind": COMMAND, "command": ("sh", "-c")}, "begins with the absolute path"),
        ({"kind": COMMAND, "command": ("/x",), "url": URL}, "no url"),
        ({"kind": COMMAND, "command": ("/x",) * 101}, "at most"),
        ({"kind": WEBHOOK}, "needs a url"),
        ({"kind": WEBHOOK, "url": URL, "command": ("/x",)}, "no command"),
        ({"kind": WEBHOOK, "url": URL, "name": "w"}, "there is a hook 'w' already"),
    ],
)
def test_what_makes_no_sense_is_refused(
    world: HookWorld, chosen: dict[str, Any], words: str
) -> None:
    world.webhook()
    with pytest.raises(RefusedError, match=words):
        result(world.hooks.add(Hook(**{"name": "n", **chosen})))
