"""SIGHUP: the configuration is read again, and what can change while the daemon runs changes.

A configuration that is wrong anywhere is refused whole. The log says what changed, and what waits
for the next start. Each part says what it took over; what keys mean is not known here.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Iterator, Mapping, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.service.config import SECTIONS, Config, config_of, keys_of
from p2pd.service.config_text import toml_value

Key = tuple[str, str]
"""Section and name."""


class Reconfigured(Protocol):
    """What takes over keys while it runs."""

    def reconfigure(self, config: Config, changed: Collection[Key]) -> Mapping[Key, str]:
        """Take over what can be of the changed keys: those, each with a remark or an empty text.

        Raises P2pdError before anything is taken over.
        """


class Told(Protocol):
    """Who hears when a reload begins and ends."""

    def reloading(self) -> None:
        """It begins."""

    def ready(self, status: str) -> None:
        """It is over."""


class Reloading:
    """`read` gives the configuration anew or raises P2pdError; it waits for disks, in a thread."""

    log = Logger()

    def __init__(
        self,
        running: Config,
        read: Callable[[], Config],
        parts: Sequence[Reconfigured],
        told: Told,
        in_thread: Callable[[Callable[[], Config]], Deferred[Config]],
    ) -> None:
        self.running = running
        """What is in force, without what waits for the next start."""
        self._read = read
        self._parts = parts
        self._told = told
        self._in_thread = in_thread
        self._wanted = False
        self._open = False
        self._busy = False

    def begin(self) -> None:
        """The daemon runs: what was asked for while it started is done now."""
        self._open = True
        self._next()

    def end(self) -> None:
        """The daemon stops."""
        self._open = False

    def again(self) -> None:
        """Read the configuration; after the reading that is under way, if one is."""
        self._wanted = True
        self._next()

    def _next(self) -> None:
        if self._wanted and self._open and not self._busy:
            self._wanted, self._busy = False, True
            Deferred.fromCoroutine(self._reload()).addErrback(
                lambda failure: self.log.failure("internal error while reloading", failure)
            ).addBoth(self._done)

    def _done(self, _: Any) -> None:
        self._busy = False
        self._next()

    async def _reload(self) -> None:
        self._told.reloading()
        status = "running; the configuration could not be read again, see the log"
        try:
            found = await self._in_thread(self._read)
            if self._open:
                status = self._take_over(found)
        except P2pdError as problem:
            self.log.error("configuration refused, nothing changed: {problem}", problem=problem)
            status = f"running; configuration refused: {problem}"
        finally:
            if self._open:
                self._told.ready(status)

    def _take_over(self, found: Config) -> str:
        changed = dict(_differences(self.running, found))
        taken: dict[Key, str] = {}
        for part in self._parts:
            taken.update(part.reconfigure(found, changed.keys()))
        self.running = _merged(self.running, found, taken)
        for key, (old, new) in changed.items():
            self._say(".".join(key), toml_value(old), toml_value(new), taken.get(key))
        if not changed:
            self.log.info("configuration read again: nothing changed")
            return "running; configuration read again, nothing changed"
        later = len(changed) - len(taken)
        return f"running; configuration read again: {len(taken)} changed, {later} at the next start"

    def _say(self, name: str, old: str, new: str, remark: str | None) -> None:
        line = f"{name}: from {old} to {new}"
        if remark is None:
            self.log.warn("{line} at the next start; it cannot change before", line=line)
        else:
            self.log.info("{line}{remark}", line=line, remark=remark and f"; {remark}")


def _differences(old: Config, new: Config) -> Iterator[tuple[Key, tuple[Any, Any]]]:
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        for name in keys_of(section):
            if getattr(before, name) != getattr(after, name):
                yield (section, name), (getattr(before, name), getattr(after, name))


def _merged(old: Config, new: Config, taken: Collection[Key]) -> Config:
    return config_of(
        {
            (section, name): getattr(
                getattr(new if (section, name) in taken else old, section), name
            )
            for section in SECTIONS
            for name in keys_of(section)
        }
    )
