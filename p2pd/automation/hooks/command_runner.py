"""Commands are run one beside the other, a few at a time, and ended when they take too long.

No shell is involved. A command knows nothing of the daemon's own environment but PATH, HOME and the
language. That those which wait are kept over a restart is seen to elsewhere (command_queue.py).
"""

from __future__ import annotations

import os
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.measures import Labels

AT_ONCE = 4
MOST_WAITING = 1000
TAIL = 4096
"""Bytes of a command's output that are kept: the last."""

SHOWN_LINES = 10
PATIENCE = 5.0
"""Seconds from SIGTERM to SIGKILL."""

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended: its status, or why there is none; and its last lines."""

    status: int | None
    problem: str
    output: str
    cut_off: bool = False
    """Whether it was ended, or never begun, for the daemon ends."""


@dataclass(slots=True)
class _Waiting:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    seconds: float
    key: int
    done: Deferred[CommandEnd] = field(default_factory=Deferred)


class CommandRunner:
    """`spawner` is the reactor's, as `spawnProcess` is."""

    log = Logger()

    def __init__(
        self, spawner: Any, clock: Clock, environ: Mapping[str, str] | None = None
    ) -> None:
        self._spawner = spawner
        self._clock = clock
        given = os.environ if environ is None else environ
        self._base = {name: given[name] for name in INHERITED if name in given}
        self._waiting: deque[_Waiting] = deque()
        self._running: set[_Command] = set()
        self._stopped = False
        self._gone: Deferred[None] = Deferred()
        self.ends: Counter[Labels] = Counter({("ok",): 0, ("failed",): 0, ("dropped",): 0})
        """How many ended how, since the start."""

    @property
    def waiting(self) -> int:
        """Those that have not begun."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Those that have."""
        return len(self._running)

    @property
    def is_full(self) -> bool:
        """Whether it takes no more."""
        return len(self._waiting) >= MOST_WAITING or self._stopped

    def run(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        seconds: float,
        *,
        key: int = 0,
    ) -> Deferred[CommandEnd]:
        """Run it in its turn; what becomes of it. `name` is for the log, `key` to forget it by."""
        entry = _Waiting(name, command, {**self._base, **environment}, seconds, key)
        if self.is_full:
            self.drop(name)
            entry.done.callback(CommandEnd(None, f"{MOST_WAITING} commands wait already", ""))
        else:
            self._waiting.append(entry)
            self._next()
        return entry.done

    def drop(self, name: str) -> None:
        """There is no room for one."""
        self.ends["dropped",] += 1
        self.log.warn("the hook {name}: too many commands wait already", name=name)

    def forget(self, keys: Iterable[int]) -> None:
        """Those that have not begun are not to run."""
        gone = set(keys)
        dropped = [entry for entry in self._waiting if entry.key in gone]
        self._waiting = deque(entry for entry in self._waiting if entry.key not in gone)
        for entry in dropped:
            entry.done.callback(CommandEnd(None, "its hook was removed", ""))

    def stop(self) -> Deferred[None]:
        """End those that run; fires when they are gone."""
        self._stopped = True
        for entry in self._waiting:
            entry.done.callback(CommandEnd(None, "the daemon stops", "", cut_off=True))
        self._waiting.clear()
        for command in list(self._running):
            command.end()
        self._tell_gone()
        return self._gone

    def _next(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE and not self._stopped:
            entry = self._waiting.popleft()
            command = _Command(self, self._clock, entry)
            self._running.add(command)
            try:
                self._spawner.spawnProcess(
                    command, entry.command[0], list(entry.command), dict(entry.environment), "/"
                )
            except Exception as problem:  # no processes, no descriptors, no such letters
                command.failed(f"it cannot be started: {problem}"[:300])

    def ended(self, command: _Command, end: CommandEnd) -> None:
        """One is gone."""
        self._running.discard(command)
        entry = command.entry
        lines = "\n".join(end.output.splitlines()[-SHOWN_LINES:])
        if end.cut_off:
            self.log.info("the hook {name}: {problem}", name=entry.name, problem=end.problem)
        elif end.status == 0:
            self.ends["ok",] += 1
            if lines:
                self.log.info("the hook {name} said: {lines}", name=entry.name, lines=lines)
        else:
            self.ends["failed",] += 1
            self.log.warn(
                "the hook {name}: {problem}{lines}",
                name=entry.name,
                problem=end.problem,
                lines=f": {lines}" if lines else "",
            )
        entry.done.callback(end)
        self._next()
        self._tell_gone()

    def _tell_gone(self) -> None:
        if self._stopped and not self._running and not self._gone.called:
            self._gone.callback(None)


class _Command(ProcessProtocol):
    """A command that runs."""

    def __init__(self, runner: CommandRunner, clock: Clock, entry: _Waiting) -> None:
        self.entry = entry
        self._runner = runner
        self._clock = clock
        self._output = b""
        self._late = ""
        self._cut_off = False
        self._timer: DelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """It runs."""
        self._pipes.closeStdin()
        self._timer = self._clock.callLater(self.entry.seconds, self._too_late)

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803
        """It says something."""
        self._output = (self._output + data)[-TAIL:]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """It is gone, and all that could write to its pipes."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        status, problem = _told(reason)
        self._tell(None if self._late else status, self._late or problem)

    def failed(self, problem: str) -> None:
        """It never ran."""
        self._tell(None, problem)

    def end(self) -> None:
        """The daemon stops."""
        self._cut_off = not self._late
        self._end("it was ended: the daemon stops")

    def _tell(self, status: int | None, problem: str) -> None:
        text = self._output.decode("utf-8", "replace")
        shown = "".join(x for x in text if x.isprintable() or x == "\n")
        self._runner.ended(self, CommandEnd(status, problem, shown, self._cut_off))

    def _too_late(self) -> None:
        self._end(f"it was ended after {self.entry.seconds:.0f} seconds")

    def _end(self, why: str) -> None:
        self._late = self._late or why
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._signal("TERM")
        self._timer = self._clock.callLater(PATIENCE, self._kill)

    def _kill(self) -> None:
        self._signal("KILL")
        # What it started itself may hold the pipes for ever.
        self._pipes.loseConnection()

    def _signal(self, name: str) -> None:
        try:
            self._pipes.signalProcess(name)
        except ProcessExitedAlready:
            self._pipes.loseConnection()

    @property
    def _pipes(self) -> Any:
        return self.transport


def _told(reason: Failure) -> tuple[int | None, str]:
    if reason.check(ProcessDone):
        return 0, ""
    if reason.check(ProcessTerminated):
        ended: Any = reason.value
        if ended.signal is not None:
            return None, f"a signal ended it: {ended.signal}"
        return ended.exitCode, f"it ended with status {ended.exitCode}"
    return None, reason.getErrorMessage()[:300]
