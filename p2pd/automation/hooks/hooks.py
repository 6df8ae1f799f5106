"""Hooks: what is done when something happens to a torrent, and what clients may ask of them.

Scripts and a command of the configuration are hooks without an id. Commands that clients set run
only where the configuration lets them; whoever may set one may do whatever the daemon may.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Coroutine, Iterator, Mapping

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.automation.hooks.command_queue import MOST_BYTES as MOST_COMMAND_BYTES
from p2pd.automation.hooks.command_queue import CommandQueue, HookCommand
from p2pd.automation.hooks.command_runner import AT_ONCE, MOST_WAITING, CommandEnd, CommandRunner
from p2pd.automation.hooks.happening import Happening, happening_of
from p2pd.automation.hooks.hook_rules import COMMAND, REACHED, TEST, WEBHOOK, Hook, check_hook
from p2pd.automation.hooks.webhook_queue import MOST_BYTES, MOST_DEAD, MOST_LETTERS, WebhookQueue
from p2pd.automation.refusals import RefusedError
from p2pd.automation.rss.rss_feeds import made
from p2pd.automation.web import Web, WebError
from p2pd.base.clock import Clock
from p2pd.base.measures import Measure, bounded, counters
from p2pd.session.api import SessionApi
from p2pd.session.session_events import EventKind, TorrentEvent
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.state.hooks import HookStore

MOST_HOOKS = 100
FORBIDDEN = "automation.allow_commands_over_rpc is off, so commands that clients set do not run"

SCRIPTS: Mapping[str, tuple[EventKind, ...]] = {
    "script_torrent_added": (EventKind.ADDED,),
    "script_torrent_done": (EventKind.DONE,),
    "script_torrent_done_seeding": REACHED,
}
"""Transmission's, by the beginnings of their settings' names."""


@dataclass(slots=True)
class KnownHook:
    """A hook of clients, and what came of it last."""

    id: int
    chosen: Hook
    last_at: float = 0.0
    last_problem: str = ""
    runs: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class HookParts:
    """What they are given. `own` are the hooks of the configuration."""

    api: SessionApi
    store: HookStore
    web: Web
    runner: CommandRunner
    clock: Clock
    wall: Callable[[], float]
    own: tuple[Hook, ...] = ()
    commands_over_rpc: bool = False


class Hooks:
    """All of them."""

    log = Logger()

    def __init__(self, parts: HookParts) -> None:
        self._parts = parts
        self.own = parts.own
        self.hooks: dict[int, KnownHook] = {}
        self.runner = parts.runner
        self.commands = CommandQueue(parts.runner, parts.store, self._background)
        self.queue = WebhookQueue(
            parts.web, parts.store, parts.clock, parts.wall, self._hook_of, self._background
        )
        self._stop_listening: Callable[[], None] = lambda: None

    # -- their life ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Hooks and letters of earlier runs; from now on events are heard."""
        rows = await self._parts.store.load()
        for id_, values in rows.hooks.items():
            chosen = made(Hook, values)
            if chosen is not None:
                self.hooks[id_] = KnownHook(id_, chosen)
        self.queue.recall(row for row in rows.letters if row.hook in self.hooks)
        self.commands.recall(rows.commands, self._command_of)
        self._stop_listening = self._parts.api.events.listen(self.heard)

    async def stop(self) -> None:
        """No more of it; commands that run are ended."""
        self._stop_listening()
        self.queue.stop()
        await self.runner.stop()

    def _background(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        running = Deferred.fromCoroutine(work)
        running.addErrback(lambda failure: self.log.failure("{what} failed", failure, what=what))

    def _hook_of(self, id_: int) -> Hook | None:
        known = self.hooks.get(id_)
        return None if known is None else known.chosen

    def _command_of(self, id_: int, name: str) -> HookCommand | None:
        """The hook of a command that was kept, if it still runs any."""
        if not id_:
            named = [hook for hook in self._built_in() if hook.name == name and hook.enabled]
            return HookCommand(0, named[0]) if named else None
        known = self.hooks.get(id_)
        if known is None or not known.chosen.enabled or not self._parts.commands_over_rpc:
            return None
        return self._client_command(known) if known.chosen.kind == COMMAND else None

    def _client_command(self, known: KnownHook) -> HookCommand:
        return HookCommand(known.id, known.chosen, lambda end: self._ended(end, known))

    # -- events --------------------------------------------------------------------------------

    def heard(self, event: TorrentEvent) -> None:
        """Something happened to a torrent."""
        built_in = [hook for hook in self._built_in() if hook.is_for(event.kind)]
        known = [each for each in self.hooks.values() if each.chosen.is_for(event.kind)]
        if not built_in and not known:
            return
        told = happening_of(event, self._parts.api.find(event.hash_string))
        for hook in built_in:
            if hook.wants(told.labels, told.hosts):
                self.commands.add(HookCommand(0, hook), told.environment())
        for each in known:
            if each.chosen.wants(told.labels, told.hosts):
                self._do(each, told)

    def _built_in(self) -> Iterator[Hook]:
        yield from self.own
        yield from scripts_of(self._parts.api.settings)

    def _do(self, known: KnownHook, told: Happening) -> None:
        known.last_at = self._parts.wall()
        if known.chosen.kind == WEBHOOK:
            known.runs += 1
            self.queue.add(known.id, told.event, told.body())
        elif self._parts.commands_over_rpc:
            self.commands.add(self._client_command(known), told.environment())

    def _run(self, hook: Hook, told: Happening) -> Deferred[CommandEnd]:
        return self.runner.run(hook.name, hook.command, told.environment(), hook.seconds)

    def _ended(self, end: CommandEnd, known: KnownHook) -> None:
        if end.cut_off:
            return
        known.runs += 1
        known.failures += end.status != 0
        known.last_problem = end.problem

    # -- for clients ---------------------------------------------------------------------------

    async def add(self, chosen: Hook) -> KnownHook:
        """A new hook. Raises RefusedError."""
        if len(self.hooks) >= MOST_HOOKS:
            raise RefusedError(f"there are {MOST_HOOKS} hooks already")
        self._check(chosen, 0)
        id_ = await self._parts.store.add(asdict(chosen))
        self.hooks[id_] = known = KnownHook(id_, chosen)
        return known

    async def set(self, id_: int, changes: Mapping[str, Any]) -> KnownHook:
        """Change a hook. Raises RefusedError."""
        known = self.hook(id_)
        chosen = replace(known.chosen, **changes)
        self._check(chosen, id_)
        known.chosen = chosen
        await self._parts.store.save(id_, asdict(chosen))
        self.queue.go_on()
        return known

    async def remove(self, id_: int) -> None:
        """Forget a hook with its letters. Raises RefusedError."""
        self.hook(id_)
        del self.hooks[id_]
        self.queue.forget_hook(id_)
        self.commands.forget_hook(id_)
        await self._parts.store.remove(id_)

    async def test(self, id_: int) -> CommandEnd:
        """Try it out with an event that did not happen; how it ended. Raises RefusedError."""
        known = self.hook(id_)
        told = _tried(self._parts.wall())
        if known.chosen.kind == COMMAND:
            self._check(known.chosen, id_)
            return await self._run(known.chosen, told)
        try:
            status = await self.queue.post(known.chosen, TEST, told.body(), "test", 1)
        except WebError as problem:
            return CommandEnd(problem.code or None, str(problem), "")
        return CommandEnd(status, "", "")

    def hook(self, id_: int) -> KnownHook:
        """The hook of an id. Raises RefusedError."""
        if id_ not in self.hooks:
            raise RefusedError(f"there is no hook {id_}")
        return self.hooks[id_]

    def problem_of(self, known: KnownHook) -> str:
        """What keeps it from doing what it should; empty for nothing."""
        if known.chosen.kind == COMMAND and not self._parts.commands_over_rpc:
            return FORBIDDEN
        if known.chosen.kind == WEBHOOK:
            return self.queue.problem_of(known.id)
        return known.last_problem

    def _check(self, chosen: Hook, id_: int) -> None:
        check_hook(chosen)
        if chosen.kind == COMMAND and not self._parts.commands_over_rpc:
            raise RefusedError(FORBIDDEN)
        for other in self.hooks.values():
            if other.id != id_ and other.chosen.name == chosen.name:
                raise RefusedError(f"there is a hook {chosen.name!r} already")

    # -- in numbers ----------------------------------------------------------------------------

    def measures(self) -> list[Measure]:
        """Commands and letters."""
        runner, queue = self.runner, self.queue
        return [
            *bounded("hooks", "Hooks that clients set.", len(self.hooks), MOST_HOOKS),
            *bounded("hook_commands", "Commands of hooks that run.", runner.running, AT_ONCE),
            *bounded(
                "hook_commands_waiting", "Commands of hooks in line.", runner.waiting, MOST_WAITING
            ),
            *bounded(
                "hook_commands_bytes",
                "Bytes of what commands are told that have not ended.",
                self.commands.size,
                MOST_COMMAND_BYTES,
            ),
            *bounded("hook_letters", "Letters to webhooks in line.", queue.waiting, MOST_LETTERS),
            *bounded("hook_letters_bytes", "Bytes of all letters.", queue.size, MOST_BYTES),
            *bounded("hook_letters_dead", "Letters that were given up.", queue.dead, MOST_DEAD),
            counters("hook_commands_total", "Commands by their end.", ("end",), runner.ends),
            counters("hook_letters_total", "Tries of letters by their end.", ("end",), queue.ends),
        ]


def scripts_of(settings: SessionSettings) -> Iterator[Hook]:
    """Transmission's scripts, as far as they are switched on."""
    for name, events in SCRIPTS.items():
        path = getattr(settings, f"{name}_filename")
        if path and getattr(settings, f"{name}_enabled"):
            yield Hook(name, COMMAND, events=tuple(map(str, events)), command=(path,))


def _tried(now: float) -> Happening:
    facts = {"id": 0, "hash_string": "0" * 40, "name": "a test", "labels": []}
    return Happening(TEST, now, facts, {})
