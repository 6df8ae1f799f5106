"""The blocklist of a session: which list is in force, and when it is looked for anew.

It holds in every torrent, private ones too, and for every address that it names, also in the local
network. Trackers are not peers: it does not hold for them. Times are Unix seconds.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Coroutine, Iterable, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.address_ranges import AddressRanges
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.session.blocklist.blocklist_api import BlocklistStatus
from p2pd.session.blocklist.blocklist_source import (
    FoundList,
    ListProblem,
    ListSourceError,
    ListVersion,
)
from p2pd.session.blocklist.blocklist_sweep import BlocklistSweep, SweptConnections, SweptTorrent
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.state.blocklist_file import BlocklistNote, KeptBlocklist
from p2pd.storage.disks import Disks

FIRST_RETRY = 600.0
"""Seconds after a first failure; then twice as many each time, up to the usual interval."""

LONGEST_RETRY = 86_400.0
START_SPREAD = 60.0
"""Seconds after a start within which a list is looked for that is due."""

JITTER = 0.1
"""Part of an interval by which it is longer or shorter, so that not all the world asks at once."""

INTERNAL = "internal error, see the log"

NOTHING = AddressRanges()


class ListSource(Protocol):
    """Where lists come from (blocklist_source.BlocklistSource)."""

    async def get(self, source: str, known: ListVersion) -> FoundList | None: ...


class BlocklistMemory(Protocol):
    """Where a list is kept (state.blocklist_file.BlocklistFile). All of it blocks."""

    def load(self) -> KeptBlocklist: ...
    def save(self, ranges: AddressRanges, note: BlocklistNote) -> None: ...
    def save_note(self, note: BlocklistNote) -> None: ...


class BlocklistOwner(Protocol):
    """The session."""

    clock: Clock
    rng: random.Random
    disks: Disks
    settings: SessionSettings

    @property
    def connections(self) -> SweptConnections: ...
    @property
    def torrents(self) -> Iterable[SweptTorrent]: ...

    def wall(self) -> float:
        """Unix seconds."""

    def background(self, work: Coroutine[Any, Any, Any] | Deferred[Any], what: str) -> None:
        """Run something nobody waits for."""


class _Update:
    """One that is under way, and who waits for its end."""

    def __init__(self, source: str, work: Deferred[int]) -> None:
        self.source = source
        self.work = work
        self.waiting: list[Deferred[int]] = []


class SessionBlocklist:
    """The list. `covers` is for who asks often."""

    log = Logger()

    def __init__(
        self,
        owner: BlocklistOwner,
        memory: BlocklistMemory | None,
        source: ListSource | None,
        refresh_seconds: float,
    ) -> None:
        """`refresh_seconds` is how often it is looked for by itself; 0: never."""
        self._refresh_seconds = refresh_seconds
        self._owner = owner
        self._memory = memory
        self._source = source
        self._kept: AddressRanges | None = None
        self._in_force = NOTHING
        self._note = BlocklistNote()
        self._recalled = False
        self._followed: tuple[bool, str] | None = None
        self._closed = False
        self._update: _Update | None = None
        self._timer: DelayedCall | None = None
        self._next_at = 0.0
        self._spread = 1.0
        self._sweep: BlocklistSweep | None = None

    # -- what is asked of it -------------------------------------------------------------------

    def covers(self, host: str) -> bool:
        """Whether to keep away from an IP address."""
        return self._in_force.covers(host)

    @property
    def size(self) -> int:
        """Ranges in the list that is kept, whether it is in force or not."""
        return 0 if self._kept is None else len(self._kept)

    def status(self) -> BlocklistStatus:
        """How it stands."""
        turned_away = self._owner.connections.arrivals.turned_away["blocked"]
        return BlocklistStatus(self._note, self._next_at, self._update is not None, turned_away)

    async def update(self) -> int:
        """Look for a new list now; how many ranges there are then. Raises P2pdError.

        Who asks while the same place is being asked waits for the same answer.
        """
        source = self._owner.settings.blocklist_url
        if not source or self._source is None:
            raise ListSourceError(ListProblem.HTTP, "no blocklist_url is set")
        if self._closed:
            raise ListSourceError(ListProblem.SYSTEM, "the daemon stops")
        if self._update is not None and self._update.source != source:
            self._give_up()
        waiting: Deferred[int] = Deferred()
        if self._update is None:
            self._begin(source, self._source, waiting)
        else:
            self._update.waiting.append(waiting)
        return await waiting

    # -- its life ------------------------------------------------------------------------------

    async def recall(self) -> None:
        """The list of an earlier run, which is in force as soon as it is read."""
        if self._memory is not None:
            kept = await self._owner.disks.aside.run("read", self._memory.load)
            if kept.damage:
                self.log.warn("the blocklist is made anew: {damage}", damage=kept.damage)
            if self._kept is None:
                self._kept, self._note = kept.ranges, kept.note
        self._recalled = True
        self.settings_changed()

    def settings_changed(self) -> None:
        """Which list, and whether, may be set otherwise."""
        settings = self._owner.settings
        wanted = settings.blocklist_enabled, settings.blocklist_url
        if self._recalled and not self._closed and wanted != self._followed:
            self._followed = wanted
            self._enforce()
            self._arrange()

    def refresh_every(self, seconds: float) -> None:
        """How often it is looked for by itself from now on; 0: never."""
        self._refresh_seconds = seconds
        self._arrange()

    def close(self) -> None:
        """The session ends."""
        self._closed = True
        self._cancel_timer()
        self._give_up()
        if self._sweep is not None:
            self._sweep.stop()

    # -- which list is in force ----------------------------------------------------------------

    def _enforce(self) -> None:
        wanted = NOTHING
        if self._owner.settings.blocklist_enabled and self._kept is not None:
            wanted = self._kept
        if wanted is self._in_force:
            return
        self._in_force = wanted
        if self._sweep is not None:
            self._sweep.stop()
            self._sweep = None
        if len(wanted):
            self._sweep = BlocklistSweep(
                self._owner.clock, self._owner.connections, self._owner.torrents, self.covers
            )
            self._sweep.begin()

    # -- when it is looked for -----------------------------------------------------------------

    def _arrange(self) -> None:
        self._cancel_timer()
        settings = self._owner.settings
        wanted = settings.blocklist_enabled and settings.blocklist_url and self._source is not None
        if not wanted or not self._recalled or self._update is not None or self._closed:
            return
        delay = self._delay(settings.blocklist_url)
        if delay is not None:
            self._next_at = self._owner.wall() + delay
            self._timer = self._owner.clock.callLater(delay, self._due)

    def _delay(self, source: str) -> float | None:
        """Seconds until it is looked for; None: it is not."""
        note = self._note
        if note.failures and note.tried == source:
            longest = self._refresh_seconds or LONGEST_RETRY
            interval = min(FIRST_RETRY * 2 ** min(note.failures - 1, 20), longest)
            return self._left(interval, note.tried_at)
        if self._kept is None or note.source != source:
            return 0.0
        if not self._refresh_seconds:
            return None
        return self._left(self._refresh_seconds, note.checked_at)

    def _left(self, interval: float, since: float) -> float:
        """Of an interval with its jitter; a clock that was set back does not make it longer."""
        gone = max(0.0, self._owner.wall() - since)
        left = interval * self._spread - gone
        return left if left > 0 else self._owner.rng.uniform(0.0, START_SPREAD)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer, self._next_at = None, 0.0

    def _due(self) -> None:
        source = self._owner.settings.blocklist_url
        if self._update is None and source and self._source is not None:
            self._begin(source, self._source)

    # -- looking for it ------------------------------------------------------------------------

    def _begin(self, source: str, where: ListSource, *waiting: Deferred[int]) -> None:
        self._cancel_timer()
        self._spread = self._owner.rng.uniform(1.0 - JITTER, 1.0 + JITTER)
        work = Deferred.fromCoroutine(self._look(source, where))
        self._update = update = _Update(source, work)
        update.waiting += waiting
        work.addBoth(self._ended, update)
        self._owner.background(work, "blocklist")

    def _ended(self, result: int | Failure, update: _Update) -> None:
        if self._update is update:
            self._update = None
        if isinstance(result, Failure):
            if result.check(CancelledError):
                words = "it was given up: another one is wanted, or the daemon stops"
                result = Failure(ListSourceError(ListProblem.SYSTEM, words))
            elif not result.check(P2pdError):
                self.log.failure("the blocklist: internal error", result)
        for waiting in update.waiting:
            # a failure is a result that raises
            waiting.callback(cast(int, result))
        if not self._closed:
            self._arrange()

    def _give_up(self) -> None:
        update, self._update = self._update, None
        if update is not None:
            update.work.cancel()

    async def _look(self, source: str, where: ListSource) -> int:
        note = self._note
        known = ListVersion()
        if self._kept is not None and note.source == source:
            known = ListVersion(note.etag, note.last_modified)
        try:
            found = await where.get(source, known)
        except CancelledError:
            raise
        except Exception as problem:
            # Also what nobody thought of: it must not be tried again at once, and again.
            told = str(problem) if isinstance(problem, P2pdError) else INTERNAL
            await self._failed(source, told)
            raise
        now = self._owner.wall()
        note = replace(
            self._note, checked_at=now, tried=source, tried_at=now, failures=0, problem=""
        )
        if found is None:
            await self._keep(None, note)
            return self.size
        etag, last_modified = found.version
        note = replace(
            note, source=source, etag=etag, last_modified=last_modified, came_at=now,
            skipped=found.content.skipped,
        )  # fmt: skip
        self._kept = found.content.ranges
        self._enforce()
        self.log.info("a new blocklist: {count} ranges", count=self.size)
        await self._keep(self._kept, note)
        return self.size

    async def _failed(self, source: str, problem: str) -> None:
        self.log.warn("the blocklist stays as it was: {problem}", problem=problem)
        failures = self._note.failures + 1 if self._note.tried == source else 1
        now = self._owner.wall()
        note = replace(
            self._note, tried=source, tried_at=now, failures=failures, problem=problem[:1000]
        )
        await self._keep(None, note)

    async def _keep(self, ranges: AddressRanges | None, note: BlocklistNote) -> None:
        """The note, and the list if it is new; if the disk refuses, both hold all the same."""
        self._note = note
        if self._memory is None:
            return
        threads = self._owner.disks.aside
        try:
            if ranges is None:
                await threads.run("write", self._memory.save_note, note)
            else:
                await threads.run("write", self._memory.save, ranges, note)
        except P2pdError as problem:
            self.log.error("the blocklist is not kept: {problem}", problem=str(problem))
