"""Log messages as lines for people, from a level up."""

from __future__ import annotations

from typing import IO, Collection, Mapping

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

from p2pd.service.config import Config

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def log_line(event: LogEvent) -> str | None:
    """The event as text: one line, and below it the traceback of an internal error."""
    text = eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
    if not text:
        return None
    level = event.get("log_level", LogLevel.info).name
    return f"{formatTime(event.get('log_time'), TIME_FORMAT)} {level:<5} {text.rstrip()}\n"


class LogLevelOf:
    """The least important level that is written; it may change while the daemon runs."""

    def __init__(self, level: str) -> None:
        self.lowest = LogLevelFilterPredicate()
        self.set(level)

    def set(self, level: str) -> None:
        """Write messages of `level` and above."""
        self.lowest.clearLogLevels()
        self.lowest.setLogLevelForNamespace("", LogLevel.lookupByName(level))
        if level == "info":
            # of Twisted's own steps, ports and factories and the like, people want none
            self.lowest.setLogLevelForNamespace("twisted", LogLevel.warn)
            self.lowest.setLogLevelForNamespace("log_legacy", LogLevel.warn)

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Take over ``logging.level``."""
        key = ("logging", "level")
        if key not in changed:
            return {}
        self.set(config.logging.level)
        return {key: ""}


def log_observer(output: IO[str], level: LogLevelOf) -> ILogObserver:
    """An observer that writes messages of that level and above to `output`."""
    return FilteringLogObserver(FileLogObserver(output, log_line), [level.lowest])


def log_file(path: str) -> IO[str]:
    """A log file that is put aside when it grows large."""
    return LogFile.fromFullPath(path)  # type: ignore[no-any-return]
