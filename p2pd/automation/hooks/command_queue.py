"""Commands that events call for, kept until they have ended: the end of the daemon costs none.

What is kept is what a command is told. The program, its arguments and its time are those that its
hook has when it is run, so a hook that was removed or switched off meanwhile runs nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Coroutine, Iterable, Mapping

from twisted.logger import Logger

from p2pd.automation.hooks.command_runner import CommandEnd, CommandRunner
from p2pd.automation.hooks.hook_rules import Hook
from p2pd.state.hooks import CommandRow, HookStore

MOST_STARTS = 3
"""How often one is begun that the end of the daemon cut off: it may have been what ended it."""

MOST_BYTES = 32 * 1024 * 1024
"""Of what all of them are told."""

Ended = Callable[[CommandEnd], object]


@dataclass(frozen=True, slots=True)
class HookCommand:
    """A hook whose command can be run; `id` is 0 for one that no client set."""

    id: int
    hook: Hook
    ended: Ended = lambda end: None


class CommandQueue:
    """Those that wait or run, in the order of their events."""

    log = Logger()

    def __init__(
        self,
        runner: CommandRunner,
        store: HookStore,
        background: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._runner = runner
        self._store = store
        self._background = background
        self._rows: dict[int, CommandRow] = {}
        self._last_id = 0
        self.size = 0
        """Bytes of what they are told."""

    def add(self, command: HookCommand, told: Mapping[str, str]) -> None:
        """Have one run in its turn, unless too many wait."""
        row = CommandRow(
            self._last_id + 1, command.id, command.hook.name, json.dumps(dict(told)), 1
        )
        if self._runner.is_full or self.size + len(row.environment) > MOST_BYTES:
            self._runner.drop(command.hook.name)
            return
        self._last_id = row.id
        self._background(self._save([row]), "commands of hooks")
        self._run(row, command, told)

    def recall(
        self, rows: Iterable[CommandRow], hook_of: Callable[[int, str], HookCommand | None]
    ) -> None:
        """Those of an earlier run, which has not seen their end."""
        going_on, given_up = [], []
        for row in rows:
            self._last_id = max(self._last_id, row.id)
            command = hook_of(row.hook, row.name)
            if command is None or row.tries >= MOST_STARTS:
                given_up.append(row)
                continue
            again = row._replace(tries=row.tries + 1)
            going_on.append(again)
            self._run(again, command, json.loads(row.environment))
        for row in given_up:
            self.log.warn(
                "the hook {name}: a command of an earlier run is given up after {tries} starts, or "
                "for the hook is off",
                name=row.name,
                tries=row.tries,
            )
        if going_on:
            self._background(self._save(going_on), "commands of hooks")
        self._forget([row.id for row in given_up])

    def forget_hook(self, hook: int) -> None:
        """It is removed: what waits of it is not run."""
        ids = [row.id for row in self._rows.values() if row.hook == hook]
        self._runner.forget(ids)

    def _run(self, row: CommandRow, command: HookCommand, told: Mapping[str, str]) -> None:
        self._rows[row.id] = row
        self.size += len(row.environment)
        hook = command.hook
        running = self._runner.run(hook.name, hook.command, told, hook.seconds, key=row.id)
        running.addCallback(self._over, row, command.ended)

    def _over(self, end: CommandEnd, row: CommandRow, ended: Ended) -> None:
        del self._rows[row.id]
        self.size -= len(row.environment)
        if not end.cut_off:
            self._forget([row.id])
        ended(end)

    def _forget(self, ids: list[int]) -> None:
        if ids:
            self._background(self._forgotten(ids), "commands of hooks")

    async def _save(self, rows: list[CommandRow]) -> None:
        await self._store.save_commands(rows)

    async def _forgotten(self, ids: list[int]) -> None:
        await self._store.forget_commands(ids)
