"""A flame graph of a process while it works, by py-spy."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.options import Options
from bench.processes import Child, wait_until

FOLDER = Path("build/profile")
RATE = 200
"""Samples a second: each stops the process for a moment, so more would show."""

BEGIN_SECONDS = 20.0
END_SECONDS = 60.0


def py_spy() -> str:
    """The program, beside this Python or in the path. Raises BenchError."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise BenchError("py-spy is not installed: pip install py-spy")
    return found


@contextlib.contextmanager
def recording(pid: int, options: Options, folder: Path) -> Iterator[None]:
    """Record what process `pid` does; the graph is there afterwards. Raises BenchError."""
    target = FOLDER.resolve() / f"{options.profile}{'-native' if options.native else ''}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    command = [py_spy(), "record", "--pid", str(pid), "--output", str(target)]
    command += ["--rate", str(RATE), "--duration", "unlimited", "--threads"]
    command += ["--native"] if options.native else []
    child = Child("py-spy", command, folder)
    try:
        wait_until(
            lambda: "Sampling process" in child.log.read_text(),
            BEGIN_SECONDS,
            "begin of py-spy (it must be allowed to trace: be root, or kernel.yama.ptrace_scope=0)",
            child,
        )
        yield
        child.send_signal(signal.SIGINT)
        child.wait(END_SECONDS)
        if not target.exists():
            raise BenchError(f"py-spy wrote nothing{child.last_words()}")
        print(f"flame graph: {target}", flush=True)
    finally:
        child.end()
