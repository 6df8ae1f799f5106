"""p2pd's own: hook_add, hook_get, hook_set, hook_remove, hook_test and hook_letters*."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.hooks.hook_rules import (
    EVENTS,
    KINDS,
    LONGEST_ARGUMENT,
    MOST_ARGUMENTS,
    Hook,
)
from p2pd.automation.hooks.hooks import Hooks, KnownHook
from p2pd.automation.hooks.webhook_queue import MOST_DEAD, MOST_LETTERS, Letter
from p2pd.control.methods.rss_methods import ABSENT, changeable, given, http_url, shown_name
from p2pd.control.schema import (
    Check,
    JsonObject,
    Param,
    boolean,
    described,
    integer,
    labels,
    list_of,
    one_of,
    takes,
    text,
)

ID = integer(1, 2**53)
IDS = list_of(ID, MOST_LETTERS + MOST_DEAD)
STATES = ("waiting", "dead")


@described({"type": "string", "maxLength": 4096})
def url_or_none(name: str, value: object) -> str:
    """An http or https URL, or an empty text."""
    return "" if value == "" else str(http_url(name, value))


_TRACKERS: Check = list_of(text(255), 100)

HOOK_PARAMS = (
    Param("name", shown_name),
    Param("kind", one_of(*KINDS)),
    Param("enabled", boolean, ABSENT),
    Param("events", list_of(one_of(*EVENTS), len(EVENTS)), ABSENT),
    Param("labels", labels, ABSENT),
    Param("trackers", _TRACKERS, ABSENT),
    Param("command", list_of(text(LONGEST_ARGUMENT), MOST_ARGUMENTS), ABSENT),
    Param("seconds", integer(1, 86_400), ABSENT),
    Param("url", url_or_none, ABSENT),
    Param("secret", text(1000), ABSENT),
)
_ID = Param("id", ID)


class HookMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `hook`."""

    def __init__(self, hooks: Hooks) -> None:
        super().__init__()
        self._hooks = hooks

    @takes(*HOOK_PARAMS, strict=True)
    async def jsonrpc_add(self, **chosen: Any) -> JsonObject:
        """Have a command run, or a server told, when something happens to torrents."""
        return {"hook": self._row(await self._hooks.add(Hook(**given(chosen))))}

    @takes(Param("ids", list_of(ID, 1000), None))
    async def jsonrpc_get(self, ids: tuple[int, ...] | None) -> JsonObject:
        """The hooks, and what came of them; those of the configuration have the id 0."""
        hooks = self._hooks
        found = list(hooks.hooks.values()) if ids is None else list(map(hooks.hook, ids))
        own = [] if ids is not None else [KnownHook(0, hook) for hook in hooks.own]
        return {"hooks": [*(_row(known, "", 0) for known in own), *map(self._row, found)]}

    @takes(_ID, *(p for p in changeable(HOOK_PARAMS) if p.name != "kind"), strict=True)
    async def jsonrpc_set(self, id: int, **chosen: Any) -> JsonObject:
        """Change a hook."""
        return {"hook": self._row(await self._hooks.set(id, given(chosen)))}

    @takes(_ID)
    async def jsonrpc_remove(self, id: int) -> JsonObject:
        """Forget a hook, and what its server was not told yet."""
        await self._hooks.remove(id)
        return {}

    @takes(_ID)
    async def jsonrpc_test(self, id: int) -> JsonObject:
        """Try a hook out with an event that did not happen; answers how it ended."""
        end = await self._hooks.test(id)
        return {"status": end.status, "problem": end.problem, "output": end.output}

    @takes(
        Param("states", list_of(one_of(*STATES), 2), None),
        Param("limit", integer(1, MOST_LETTERS + MOST_DEAD), 200),
    )
    async def jsonrpc_letters(self, states: tuple[str, ...] | None, limit: int) -> JsonObject:
        """What servers were not told yet, or were told in vain; the oldest first."""
        letters = self._hooks.queue.letters()
        found = [x for x in letters if states is None or _state(x) in states]
        return {"letters": [_letter_row(x) for x in found[:limit]], "letter_count": len(found)}

    @takes(Param("ids", IDS, None))
    async def jsonrpc_letters_retry(self, ids: tuple[int, ...] | None) -> JsonObject:
        """Send letters again that were given up: these, or all."""
        queue = self._hooks.queue
        return {"count": queue.revive([x.id for x in queue.letters()] if ids is None else ids)}

    @takes(Param("ids", IDS))
    async def jsonrpc_letters_forget(self, ids: tuple[int, ...]) -> JsonObject:
        """Forget letters, whether they wait or were given up."""
        return {"count": self._hooks.queue.forget(ids)}

    def _row(self, known: KnownHook) -> JsonObject:
        waiting = self._hooks.queue.line_of(known.id)
        return _row(known, self._hooks.problem_of(known), waiting)


def _row(known: KnownHook, problem: str, waiting: int) -> JsonObject:
    chosen = asdict(known.chosen)
    return {
        "id": known.id,
        **{name: value for name, value in chosen.items() if name != "secret"},
        **{name: list(chosen[name]) for name in ("events", "labels", "trackers", "command")},
        "has_secret": bool(known.chosen.secret),
        "last_date": int(known.last_at),
        "runs": known.runs,
        "failures": known.failures,
        "letters_waiting": waiting,
        "problem": problem,
    }


def _state(letter: Letter) -> str:
    return "dead" if letter.dead else "waiting"


def _letter_row(letter: Letter) -> JsonObject:
    return {
        "id": letter.id,
        "hook_id": letter.hook,
        "event": letter.event,
        "body": letter.body,
        "date": int(letter.at),
        "state": _state(letter),
        "tries": letter.tries,
        "next_date": 0 if letter.dead else int(letter.next_at),
        "problem": letter.problem,
    }
