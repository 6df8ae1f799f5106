"""A log message as text: for people, for the journal, or as JSON for programs.

What a message tells of (names of torrents, words of peers and trackers) may be made to look like
other lines: it is one line, whatever is in it.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any, Callable, Mapping

from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime
from twisted.python.failure import Failure

Line = Callable[[LogEvent], str | None]

AUTO, TEXT, JSON, JOURNAL = "auto", "text", "json", "journal"
FORMATS = (AUTO, TEXT, JSON, JOURNAL)

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

_PRIORITIES = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}
"""syslog(3), which the journal reads at the start of a line (sd-daemon(3))."""


def text_line(event: LogEvent) -> str | None:
    """Time, level and message; below it, further in, the traceback of an internal error."""
    message = _message(event)
    if not message:
        return None
    time = formatTime(event.get("log_time"), TIME_FORMAT)
    traceback = "".join(f"    {line}\n" for line in _traceback(event).splitlines())
    return f"{time} {_level(event):<5} {message}\n{traceback}"


def journal_line(event: LogEvent) -> str | None:
    """The same for the journal, which knows the time and wants to know how bad it is."""
    message = _message(event)
    if not message:
        return None
    start = f"<{_PRIORITIES[_level(event)]}>"
    lines = [message, *_traceback(event).splitlines()]
    return "".join(f"{start}{line}\n" for line in lines)


def json_line(event: LogEvent) -> str | None:
    """An object a line: time (UTC), level, namespace, message, and the message's parts."""
    message = _message(event)
    if not message:
        return None
    time = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    said: dict[str, Any] = {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": _level(event),
        "namespace": event.get("log_namespace", ""),
        "message": message,
    }
    if parts := {name: value for name, value in event.items() if _is_part(name, value)}:
        said["parts"] = parts
    if traceback := _traceback(event):
        said["traceback"] = traceback
    return json.dumps(said, default=str) + "\n"


def line_for(format: str, output: object, environment: Mapping[str, str] = os.environ) -> Line:
    """The format for this output; `auto` tells the journal from what people read."""
    if format == AUTO:
        format = JOURNAL if _is_journal(output, environment) else TEXT
    return {TEXT: text_line, JSON: json_line, JOURNAL: journal_line}[format]


def _is_journal(output: object, environment: Mapping[str, str]) -> bool:
    """Whether systemd connected it to the journal: `JOURNAL_STREAM` has its device and inode."""
    try:
        found = os.fstat(output.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def _message(event: LogEvent) -> str:
    text = formatEvent(event).rstrip()
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return failure.getTraceback().rstrip() + "\n" if isinstance(failure, Failure) else ""


def _level(event: LogEvent) -> str:
    name: str = event.get("log_level", LogLevel.info).name
    return name


def _is_part(name: str, value: object) -> bool:
    if name.startswith("log_") or name in ("time", "message", "isError"):
        return False
    return value is None or isinstance(value, (str, int, float))
