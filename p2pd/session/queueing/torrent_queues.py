"""The queues of a session: the torrents that download and those that seed, each with a line.

A torrent asks before it runs (`admits`), says when it cannot or is not to (`leave`), and is started
when it is its turn. What the user chose (paused or not) stays as it is throughout. Nothing is done
every second: a torrent with a place has a timer for when it would be stalled, and one that is
stalled says when something moves. While a line has no size nobody is noted in it.
"""

from __future__ import annotations

from typing import Any, Coroutine, Generic, Iterable, Protocol, TypeVar

from p2pd.base.clock import DelayedCall
from p2pd.base.schedule import Schedule
from p2pd.session.queueing.queue_line import QueueLine
from p2pd.session.queueing.queue_order import QueueMove, QueueOrder
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.state.resume import TorrentRecord


class QueuedTorrent(Protocol):
    """What is needed of a torrent."""

    record: TorrentRecord
    running: bool
    started_at: float

    @property
    def will_seed(self) -> bool:
        """Whether it would seed if it ran, as far as is known."""

    async def halt(self) -> None:
        """Run no more, for now."""

    async def start_unless_paused(self) -> None:
        """Run, if the user wants it to."""


class QueuesHost(Protocol):
    """What is needed of the session."""

    settings: SessionSettings
    activity: ActiveTorrents[Any]

    @property
    def torrents(self) -> Iterable[Any]: ...
    @property
    def closing(self) -> bool: ...
    def wall(self) -> float:
        """Unix seconds."""

    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Run something nobody waits for."""


T = TypeVar("T", bound=QueuedTorrent)


class TorrentQueues(Generic[T]):
    """Who runs, and who waits."""

    def __init__(self, host: QueuesHost, timers: Schedule) -> None:
        self.order = QueueOrder()
        self._host = host
        self._timers = timers
        self._downloads: QueueLine[T] = QueueLine(None, self.position)
        self._seeds: QueueLine[T] = QueueLine(None, self.position)
        self._line_of: dict[T, QueueLine[T]] = {}
        self._since: dict[T, float] = {}
        self._alarms: dict[T, DelayedCall] = {}
        self._unopened: set[T] = set()
        """Those in line that cannot start yet, and will ask when they can."""
        self._open = False
        self._stalled_seconds: float | None = None

    def begin(self) -> None:
        """All torrents of the record have said whether they want to run: the first ones do."""
        self._open = True
        for line in (self._downloads, self._seeds):
            self._fill(line)

    def close(self) -> None:
        """The session ends: nobody is started any more."""
        self._open = False
        for torrent in list(self._alarms):
            self._disarm(torrent)

    # -- the order -----------------------------------------------------------------------------

    def add(self, torrent: T) -> None:
        """The session has it from now on."""
        self.order.add(torrent.record.id, torrent.record.queue_place)

    def forget(self, torrent: T) -> None:
        """It is removed: those behind it move up."""
        self.leave(torrent)
        last = self.position(torrent) >= len(self.order) - 1
        self.order.remove(torrent.record.id)
        if not last:
            self._host.activity.noted_all()

    def position(self, torrent: T) -> int:
        """How many torrents stand before it; all of them before one that was removed."""
        id_ = torrent.record.id
        return self.order.position(id_) if id_ in self.order else len(self.order)

    def move(self, ids: Iterable[int], where: QueueMove) -> set[int]:
        """Move torrents; the ids of those whose records are to keep another place."""
        return self._moved(self.order.move(ids, where))

    def move_to(self, id_: int, position: int) -> set[int]:
        """Move one torrent; the same answer."""
        return self._moved(self.order.move_to(id_, position))

    def _moved(self, changed: set[int]) -> set[int]:
        if changed:
            self._host.activity.noted_all()
            for torrent in self._line_of:  # who looks at these, mostly looks at their positions
                self._host.activity.note_change(torrent)
        return changed

    # -- asking --------------------------------------------------------------------------------

    def expect(self, torrent: T) -> None:
        """It is on record as one that is to run, and is not opened yet."""
        line = self._line_for(torrent)
        if line.is_on:
            self._line_of[torrent] = line
            self._unopened.add(torrent)
            line.wait(torrent)

    def admits(self, torrent: T) -> bool:
        """Whether it may run now; if not it is started when it is its turn."""
        self._unopened.discard(torrent)
        line = self._line_for(torrent)
        if self._line_of.get(torrent) not in (None, line):
            self.leave(torrent)
        if not line.is_on:
            return True
        if torrent not in line:
            self._line_of[torrent] = line
            line.wait(torrent)
            self._fill(line, asking=torrent)
        return not line.waits(torrent)

    def force(self, torrent: T) -> None:
        """The user has it run whoever is before it, until it stops or is complete."""
        line = self._line_for(torrent)
        if self._line_of.get(torrent) not in (None, line):
            self.leave(torrent)
        if line.is_on:
            self._line_of[torrent] = line
            line.force(torrent)
            if torrent not in self._since:
                self._arm_anew(torrent)

    def leave(self, torrent: T) -> None:
        """It is not to run, or cannot: the next one has its place."""
        line = self._line_of.pop(torrent, None)
        if line is not None:
            self._unopened.discard(torrent)
            self._disarm(torrent)
            self._since.pop(torrent, None)
            if line.waits(torrent):
                self._host.activity.note_change(torrent)  # to others it is stopped, from now on
            line.leave(torrent)
            self._fill(line)

    def changed_sides(self, torrent: T) -> None:
        """It may be complete now, or not any more: it runs on if there is a place over there."""
        line, before = self._line_for(torrent), self._line_of.get(torrent)
        if before is line or (before is None and not line.is_on):
            return
        if before is None and not torrent.running:
            return
        if not self.admits(torrent):
            self._halt(torrent)
        elif not torrent.running:
            self._start(torrent)

    def waits(self, torrent: T) -> bool:
        """Whether it would run if it were its turn."""
        line = self._line_of.get(torrent)
        return line is not None and line.waits(torrent)

    def _line_for(self, torrent: T) -> QueueLine[T]:
        return self._seeds if torrent.will_seed else self._downloads

    def _fill(self, line: QueueLine[T], asking: T | None = None) -> None:
        if not self._open or self._host.closing:
            return
        admitted = line.admit()
        for torrent in admitted:
            self._arm_anew(torrent)
        for torrent in admitted:
            if torrent is not asking and torrent not in self._unopened:
                self._start(torrent)

    def _start(self, torrent: T) -> None:
        self._host.background(torrent.start_unless_paused(), torrent.record.name)

    def _halt(self, torrent: T) -> None:
        self._disarm(torrent)
        self._since.pop(torrent, None)
        self._host.activity.changed(torrent)
        self._host.background(torrent.halt(), torrent.record.name)

    # -- settings ------------------------------------------------------------------------------

    def settings_changed(self) -> None:
        """Bring the lines in line with the settings."""
        settings = self._host.settings
        stalled = settings.queue_stalled_minutes * 60.0 if settings.queue_stalled_enabled else None
        if stalled != self._stalled_seconds:
            self._stalled_seconds = stalled
            self._judge_all()
        downloads = settings.download_queue_size if settings.download_queue_enabled else None
        seeds = settings.seed_queue_size if settings.seed_queue_enabled else None
        self._resize(self._downloads, downloads)
        self._resize(self._seeds, seeds)

    def _resize(self, line: QueueLine[T], size: int | None) -> None:
        if size == line.size:
            return
        if size is None:
            for torrent in [one for one, of in self._line_of.items() if of is line]:
                del self._line_of[torrent]
                self._disarm(torrent)
                self._since.pop(torrent, None)
        elif not line.is_on:
            line.resize(size)
            self._take_in(line)
        admitted, surplus = line.resize(size)
        for torrent in surplus:
            self._halt(torrent)
        for torrent in admitted:
            if size is not None:
                self._arm_anew(torrent)
            if torrent not in self._unopened:
                self._start(torrent)
        if size is None:
            self._unopened.difference_update(admitted)

    def _take_in(self, line: QueueLine[T]) -> None:
        """Those that run already are in it."""
        for torrent in self._host.torrents:
            if torrent.running and self._line_for(torrent) is line:
                self._line_of[torrent] = line
                self._since[torrent] = torrent.started_at
                line.runs(torrent)
                self._judge(torrent)

    # -- who is stalled ------------------------------------------------------------------------

    def is_stalled(self, torrent: T) -> bool:
        """Whether it runs, and nothing has moved for so long that it does not count."""
        idle = self._host.wall() - max(torrent.started_at, torrent.record.active_at)
        limit = self._stalled_seconds
        return torrent.running and limit is not None and idle >= limit

    def moved(self, torrent: T) -> None:
        """Something was downloaded or uploaded just now."""
        line = self._line_of.get(torrent)
        if line is not None and torrent in self._since and torrent not in self._alarms:
            line.move(torrent)
            self._arm(torrent)

    def _judge_all(self) -> None:
        for torrent in list(self._since):
            self._disarm(torrent)
            self._line_of[torrent].move(torrent)
            self._judge(torrent)
        for line in (self._downloads, self._seeds):
            self._fill(line)

    def _judge(self, torrent: T) -> None:
        """Count it or not, and look again when that may be otherwise."""
        if self._left(torrent) <= 0:
            self._line_of[torrent].stall(torrent)
        else:
            self._arm(torrent)

    def _due(self, torrent: T) -> None:
        del self._alarms[torrent]
        self._judge(torrent)
        self._fill(self._line_of[torrent])

    def _left(self, torrent: T) -> float:
        """Seconds until it is stalled if nothing moves."""
        if self._stalled_seconds is None:
            return float("inf")
        idle = self._host.wall() - max(self._since[torrent], torrent.record.active_at)
        return self._stalled_seconds - idle

    def _arm_anew(self, torrent: T) -> None:
        """It has its place from now on."""
        self._since[torrent] = self._host.wall()
        self._disarm(torrent)
        self._arm(torrent)
        self._host.activity.changed(torrent)

    def _arm(self, torrent: T) -> None:
        if self._stalled_seconds is not None:
            left = self._left(torrent)
            self._alarms[torrent] = self._timers.callLater(max(left, 1.0), self._due, torrent)

    def _disarm(self, torrent: T) -> None:
        alarm = self._alarms.pop(torrent, None)
        if alarm is not None and alarm.active():
            alarm.cancel()
