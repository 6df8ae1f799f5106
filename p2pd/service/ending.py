"""How the process ends: status 0 after SIGTERM, one line on stderr and status 1 when it failed."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import Any


def end_failed(reactor: Any, sentence: str) -> None:
    """Stop the reactor, and have the process exit with status 1 once it has stopped."""
    output = sys.__stderr__ or sys.stderr
    print(f"p2pd: {sentence}", file=output, flush=True)
    # twistd always exits with status 0 when the reactor has stopped, whatever the reason was.
    # Registered this late, this runs as the first exit handler, after twistd has cleaned up.
    atexit.register(_exit_failed)
    # Before it runs a reactor cannot be stopped, and a part may fail as early as that.
    reactor.callWhenRunning(reactor.stop)


def end_well_on_sigterm(reactor: Any) -> None:
    """Have SIGTERM stop the reactor and the process exit with status 0.

    Twisted's own handler stops the reactor too, but then has the process die of the signal, which
    no one who waits for it can tell from an end without a clean stop.
    """

    def stop() -> None:
        if reactor.running and not stopping:
            stopping.append(True)
            reactor.stop()

    stopping: list[bool] = []
    # When it starts running the reactor installs its handlers; this one has to come after them.
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, lambda *_: reactor.callFromThread(stop))


def _exit_failed() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(1)
