"""Log messages as lines for people, from a level up."""

from __future__ import annotations

from typing import IO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatTime,
)
from twisted.python.logfile import LogFile

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def log_line(event: LogEvent) -> str | None:
    """The event as text: one line, and below it the traceback of an internal error."""
    text = eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
    if not text:
        return None
    level = event.get("log_level", LogLevel.info).name
    return f"{formatTime(event.get('log_time'), TIME_FORMAT)} {level:<5} {text.rstrip()}\n"


def log_observer(output: IO[str], level: str) -> ILogObserver:
    """An observer that writes messages of `level` and above to `output`."""
    lowest = LogLevelFilterPredicate(LogLevel.lookupByName(level))
    if level == "info":
        # of Twisted's own steps, ports and factories and the like, people want none
        lowest.setLogLevelForNamespace("twisted", LogLevel.warn)
        lowest.setLogLevelForNamespace("log_legacy", LogLevel.warn)
    return FilteringLogObserver(FileLogObserver(output, log_line), [lowest])


def log_file(path: str) -> IO[str]:
    """A log file that is put aside when it grows large."""
    return LogFile.fromFullPath(path)  # type: ignore[no-any-return]
