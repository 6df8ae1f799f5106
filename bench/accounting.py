"""What a process cost, as the kernel counted it (proc(5)): CPU seconds, memory."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process with all its threads, and of children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def machine_seconds() -> float:
    """CPU seconds that all programs together have spent since the machine started, and the kernel.

    Time that a host gave to others (steal) counts too: it was not there for anybody here.
    """
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    user, nice, system, _idle, _waiting, interrupts, soft, steal = map(int, fields)
    return (user + nice + system + interrupts + soft + steal) / _TICKS


def resident(pid: int) -> int:
    """Bytes of memory that it has now."""
    return _status(pid, "VmRSS")


def proportional(pid: int) -> int:
    """Bytes of memory that it has now, what is shared divided by those who share it (PSS)."""
    return _rollup(pid, "Pss")


def unshared(pid: int) -> int:
    """Bytes of memory that it alone has (USS)."""
    return _rollup(pid, "Private_Clean") + _rollup(pid, "Private_Dirty")


def peak_resident(pid: int) -> int:
    """Bytes of memory that it had at most since it started, or since `reset_peak`."""
    return _status(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    """Forget the peak so far."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, field: str) -> int:
    return _kilobytes(pid, "status", field)


def _rollup(pid: int, field: str) -> int:
    return _kilobytes(pid, "smaps_rollup", field)


def _kilobytes(pid: int, file: str, field: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(f"the kernel does not tell {field} of process {pid}")
