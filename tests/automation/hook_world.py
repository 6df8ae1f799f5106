"""Hooks over a session of fakes, a web that is a table, and processes that only claim to run."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pd.automation.hooks.command_runner import CommandRunner
from p2pd.automation.hooks.hook_rules import COMMAND, WEBHOOK, Hook
from p2pd.automation.hooks.hooks import HookParts, Hooks
from p2pd.session.session_events import EventKind, SessionEvents, TorrentEvent
from p2pd.state.hooks import HookStore
from tests.automation.memory_database import MemoryDatabase
from tests.automation.rss_world import START, FakeWeb, result
from tests.control.fake_session import FakeSession

URL = "http://hooks.test/x"


class FakeProcess:
    """A process; `exits` when the test says so, at a signal if it is obedient."""

    def __init__(self, protocol: Any, arguments: tuple[Any, ...]) -> None:
        self.protocol = protocol
        self.program, self.arguments, self.environment, self.folder = arguments
        self.signals: list[str] = []
        self.obedient = True
        self.gone = False
        self.lost = False
        protocol.makeConnection(self)

    def closeStdin(self) -> None: ...

    def loseConnection(self) -> None:
        self.lost = True

    def signalProcess(self, name: str) -> None:
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(name)
        if self.obedient or name == "KILL":
            self.exits(signal=15 if name == "TERM" else 9)

    def says(self, data: bytes) -> None:
        self.protocol.childDataReceived(1, data)

    def exits(self, status: int = 0, signal: int | None = None) -> None:
        self.gone = True
        end = ProcessTerminated(status or None, signal) if status or signal else ProcessDone(0)
        self.protocol.processEnded(Failure(end))


class FakeSpawner:
    """In the place of the reactor."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.problem: Exception | None = None

    def spawnProcess(self, protocol: Any, *arguments: Any) -> None:
        if self.problem is not None:
            raise self.problem
        self.processes.append(FakeProcess(protocol, arguments))


class HookWorld:
    """`hooks` run; `happens` has something happen to the first torrent."""

    def __init__(self, *own: Hook, commands: bool = True) -> None:
        self.clock = Clock()
        self.database: Any = MemoryDatabase()
        self.session: Any = FakeSession()
        self.session.events = SessionEvents(self.clock, self.wall)
        self.web: Any = FakeWeb()
        self.web.holds[URL] = 200
        self.spawner = FakeSpawner()
        self.own, self.commands = own, commands
        self.hooks = self.started()

    def wall(self) -> float:
        return START + self.clock.seconds()

    def started(self) -> Hooks:
        environ = {"PATH": "/bin", "SECRET": "x"}
        parts = HookParts(
            api=self.session,
            store=HookStore(self.database),
            web=self.web,
            runner=CommandRunner(self.spawner, self.clock, environ),
            clock=self.clock,
            wall=self.wall,
            own=self.own,
            commands_over_rpc=self.commands,
        )
        made = Hooks(parts)
        result(made.start())
        self.clock.advance(0)
        return made

    def restart(self) -> None:
        result(self.hooks.stop())
        self.hooks = self.started()

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.clock.advance(0)

    def happens(self, kind: EventKind, **detail: Any) -> None:
        self.session.events.emit(kind, self.session.all[0], detail)
        self.later(0)

    def heard(self, event: TorrentEvent) -> None:
        self.hooks.heard(event)
        self.later(0)

    def command(self, **chosen: Any) -> Any:
        """A client adds a command."""
        values = {"name": "c", "kind": COMMAND, "command": ("/bin/x", "$(a) b"), **chosen}
        return result(self.hooks.add(Hook(**values)))

    def webhook(self, **chosen: Any) -> Any:
        """A client adds a server to be told."""
        return result(self.hooks.add(Hook(**{"name": "w", "kind": WEBHOOK, "url": URL, **chosen})))

    def told(self) -> list[str]:
        """The events that servers were told of."""
        return [json.loads(request.body)["event"] for request in self.web.asked]
