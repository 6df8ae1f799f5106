"""Daemons that need not import everything anew: each is forked from one process that has it all.

Three quarters of what the start of a daemon costs are imports, and the tests start it some thousand
times. The forked one is a session of its own, runs `twistd` with the arguments it is given and ends
as the interpreter ends; there is no reactor, thread, or state before the fork. That a daemon starts
from nothing, too, is what the tests of the service, of systemd and of errors at the start show.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from peers.processes import ChildProcess, end_with_the_tests

_POLL_SECONDS = 0.01
_REQUESTS, _ANSWERS = 0, 1
"""File descriptors: one JSON value a line, each way."""

_REACTOR = "twisted.internet.reactor"


class WarmDaemon(ChildProcess):
    """A p2pd; `namespace` is that of the network which it is in (see ``ip netns``)."""

    def __init__(self, arguments: Sequence[str], folder: Path, *, namespace: str = "") -> None:
        self.name = "p2pd"
        self.log_path = folder / "p2pd.log"
        self._process = _Forked(
            {
                "arguments": ["-n", "--pidfile=", "p2pd", *arguments],
                "folder": str(folder),
                "log": str(self.log_path),
                "namespace": namespace,
                "environment": dict(os.environ),
            }
        )


class _Forked:
    """What `ChildProcess` needs of a Popen; the process that forked it knows its exit status."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.pid: int = _ask(wanted)
        self._status: int | None = None

    def poll(self) -> int | None:
        if self._status is None:
            self._status = _ask(self.pid)
        return self._status

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("p2pd", timeout)
            time.sleep(_POLL_SECONDS)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


_lock = threading.Lock()
_parent: list[subprocess.Popen[bytes]] = []


def _ask(request: object) -> Any:
    """A pid is answered with its exit status, None while it runs; anything else is started."""
    with _lock:
        if not _parent:
            _parent.append(_start_parent())
        pipes = _parent[0]
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps(request).encode() + b"\n")
        pipes.stdin.flush()
        return json.loads(pipes.stdout.readline())


def _start_parent() -> subprocess.Popen[bytes]:
    repository = Path(__file__).resolve().parents[3]
    places = [str(repository), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    parent = subprocess.Popen(
        [sys.executable, "-c", "from peers.warm_daemons import serve; serve()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=end_with_the_tests,
    )
    atexit.register(parent.kill)
    return parent


def serve() -> None:
    """Fork what is asked for until nobody asks any more; in what was forked, run it and return."""
    _import_everything()
    from twisted.scripts.twistd import run

    with open(_REQUESTS, "rb", buffering=0, closefd=False) as requests:
        for line in requests:
            request = json.loads(line)
            if isinstance(request, int):
                pid, status = os.waitpid(request, os.WNOHANG)
                _answer(os.waitstatus_to_exitcode(status) if pid else None)
            elif child := os.fork():
                _answer(child)
            else:
                _become(request)
                return run()


def _import_everything() -> None:
    """All but the reactor, which processes cannot share: a library binds its name, for clients."""
    sys.modules[_REACTOR] = types.ModuleType(_REACTOR)
    for name in ("twisted.scripts.twistd", "p2pd.service.make_service", "p2pd.service.composition"):
        importlib.import_module(name)
    list(getPlugins(IServiceMaker))
    del sys.modules[_REACTOR]


def _answer(value: int | None) -> None:
    os.write(_ANSWERS, json.dumps(value).encode() + b"\n")


def _become(wanted: dict[str, Any]) -> None:
    """What a new process is given: its session, folder, output, environment and arguments."""
    os.setsid()
    end_with_the_tests()
    os.chdir(wanted["folder"])
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for there, here in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(there, here)
    os.closerange(log, nothing + 1)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["-c", *wanted["arguments"]]
    if wanted["namespace"]:
        _enter_network(wanted["namespace"])


def _enter_network(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.closing(open(f"/run/netns/{name}")) as namespace:
        if libc.setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"the network namespace {name}")
