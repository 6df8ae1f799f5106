"""The daemon's log: which messages are written, as what lines, and where to."""

from __future__ import annotations

from typing import Collection, Mapping

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
)

from p2pd.service.config import Config, LoggingSection
from p2pd.service.log_lines import line_for
from p2pd.service.log_output import DRAIN_SECONDS, LogOutput, Output


class LogLevels:
    """The least important level that is written, for each namespace; they may change."""

    def __init__(self, chosen: LoggingSection) -> None:
        self.lowest = LogLevelFilterPredicate()
        self.set(chosen)

    def set(self, chosen: LoggingSection) -> None:
        """Write messages of these levels and above."""
        self.lowest.clearLogLevels()
        self.lowest.setLogLevelForNamespace("", LogLevel.lookupByName(chosen.level))
        if chosen.level == "info":
            # of Twisted's own steps, ports and factories and the like, people want none
            self.lowest.setLogLevelForNamespace("twisted", LogLevel.warn)
            self.lowest.setLogLevelForNamespace("log_legacy", LogLevel.warn)
        for each in chosen.levels:
            namespace, _, level = each.partition("=")
            self.lowest.setLogLevelForNamespace(namespace, LogLevel.lookupByName(level))


class Log:
    """`observer` is to be given to the application; None leaves the log to twistd."""

    def __init__(self, chosen: LoggingSection, output: Output | None = None) -> None:
        """`output` is a stream or a file; None: twistd writes in a way of its own."""
        self.observer: ILogObserver | None = None
        self._levels = LogLevels(chosen)
        self._output = None if output is None else LogOutput(output)
        if self._output is not None:
            # It asks for no more than write and flush.
            lines = FileLogObserver(self._output, line_for(chosen.format, output))  # type: ignore[arg-type]
            self.observer = FilteringLogObserver(lines, [self._levels.lowest])

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Write the last lines; blocks for so many seconds at most."""
        if self._output is not None:
            self._output.drain(seconds)

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Take over the levels, and begin the file anew if somebody moved it away."""
        if self._output is not None:
            self._output.reopen()
        mine = {("logging", name) for name in ("level", "levels")} & set(changed)
        if mine:
            self._levels.set(config.logging)
        return dict.fromkeys(mine, "")
