"""Signals, and how the process ends: 0 after SIGTERM, one line on stderr and 1 on failure."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import Any, Callable

from twisted.internet.error import ReactorNotRunning


def _has_terminal() -> bool:
    """Whether there is one at stdin: no longer, once it has been hung up."""
    return os.isatty(0)


def end_failed(reactor: Any, sentence: str, drain: Callable[[], object]) -> None:
    """Stop the reactor, and have the process exit with status 1 once it has stopped.

    `drain` writes the last lines of the log.
    """
    output = sys.__stderr__ or sys.stderr
    print(f"p2pd: {sentence}", file=output, flush=True)
    # twistd always exits with status 0 when the reactor has stopped, whatever the reason was.
    # Registered this late, it is the first exit handler to run, after twistd has cleaned up.
    reactor.addSystemEventTrigger("after", "shutdown", atexit.register, _exit, 1, drain)
    # Before it runs a reactor cannot be stopped, and a part may fail as early as that.
    reactor.callWhenRunning(reactor.stop)


def end_well_on_sigterm(reactor: Any) -> None:
    """Have SIGTERM stop the reactor and the process exit with status 0.

    Twisted's own handler stops the reactor too, but then has the process die of the signal, which
    no one who waits for it can tell from an end without a clean stop.
    """

    # When it starts running the reactor installs its handlers; this one has to come after them.
    reactor.callWhenRunning(
        signal.signal, signal.SIGTERM, lambda *_: reactor.callFromThread(_stop, reactor)
    )


def reload_on_sighup(
    reactor: Any, reload: Callable[[], object], has_terminal: Callable[[], bool] = _has_terminal
) -> None:
    """Have SIGHUP call `reload`, or end the process well if it says that its terminal is gone."""
    had_terminal = has_terminal()

    def hear() -> None:
        if had_terminal and not has_terminal():
            _stop(reactor)
        else:
            reload()

    # At once: until there is a handler, the signal kills. What comes early waits for the reactor.
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(hear))


def _stop(reactor: Any) -> None:
    # a second signal is no more than the first
    with suppress(ReactorNotRunning):
        reactor.stop()


def end_at_once_when_stopped(reactor: Any, drain: Callable[[], object]) -> None:
    """When the reactor has stopped, have the process end without taking its memory apart first.

    With ten thousand torrents that takes Python seconds, and everything is recorded and closed.
    """
    reactor.addSystemEventTrigger("after", "shutdown", atexit.register, _exit, 0, drain)


def _exit(status: int, drain: Callable[[], object]) -> None:
    drain()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(status)
