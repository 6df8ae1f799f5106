"""Which torrents run, which of them have something to do every second, and which changed lately.

All three are kept as things happen, so that a second costs what is active, not what exists. A
torrent is busy from when it is woken until it says that it is not: without peers, attempts to
connect, a check or something to record, it has nothing to do until one of its addresses may be
dialled again, and for that it waits in the schedule that all torrents share.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Callable, Generic, Protocol, TypeVar

from twisted.logger import Logger

from p2pd.base.clock import DelayedCall
from p2pd.base.schedule import Schedule
from p2pd.session.torrents.change_watch import ChangeWatch


class TickedTorrent(Protocol):
    """What is needed of a torrent."""

    def tick(self, now: float) -> None:
        """Once a second while it is busy."""

    def fail(self, sentence: str) -> None:
        """Something went wrong with it: it is to stop, and say so."""

    @property
    def is_busy(self) -> bool:
        """Whether it has something to do in the next second."""

    def next_dial(self, now: float) -> float | None:
        """When it may dial somebody, if nothing wakes it before."""

    def idle(self) -> None:
        """It is not ticked any more."""


T = TypeVar("T", bound=TickedTorrent)


class ActiveTorrents(Generic[T]):
    """The torrents of a session by what they do. One that was not added is not known here."""

    log = Logger()

    def __init__(self, timers: Schedule, wall: Callable[[], float]) -> None:
        self._timers = timers
        self._wall = wall
        self._running: dict[T, None] = {}
        self._busy: dict[T, None] = {}
        self._changed_at: OrderedDict[T, float] = OrderedDict()
        self._alarms: dict[T, DelayedCall] = {}
        self._watches: list[ChangeWatch[T]] = []

    # -- all of them ---------------------------------------------------------------------------

    def add(self, torrent: T) -> None:
        """The session has it from now on."""
        self._changed_at[torrent] = 0.0
        self._changed_at.move_to_end(torrent, last=False)

    def forget(self, torrent: T) -> None:
        """The session has it no more."""
        if self._changed_at.pop(torrent, None) is not None:
            for watch in self._watches:
                watch.note_gone(torrent)
        self._running.pop(torrent, None)
        self._busy.pop(torrent, None)
        self._silence(torrent)

    def close(self) -> None:
        """The session ends: nobody waits any more."""
        for torrent in list(self._alarms):
            self._silence(torrent)

    # -- those that run ------------------------------------------------------------------------

    def started(self, torrent: T, *, busy: bool = True) -> None:
        """It runs; `busy`: and may have something to do."""
        if torrent in self._changed_at:
            self._running[torrent] = None
            self.note_change(torrent)
            if busy:
                self.wake(torrent)

    def stopped(self, torrent: T) -> None:
        """It runs no more."""
        self._running.pop(torrent, None)
        self.changed(torrent)

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._running)

    # -- those with something to do ------------------------------------------------------------

    @property
    def busy(self) -> list[T]:
        """Those that are ticked."""
        return list(self._busy)

    def wake(self, torrent: T) -> None:
        """It may have something to do: tick it until it says that it has not."""
        if torrent in self._changed_at:
            self._busy[torrent] = None
            self._silence(torrent)

    def tick(self, now: float) -> None:
        """Once a second."""
        for torrent in list(self._busy):
            try:
                torrent.tick(now)
            except Exception as problem:
                # It stops, and the others go on.
                self.log.failure("a torrent cannot go on")
                torrent.fail(f"internal error: {problem}")
            if torrent in self._busy and not torrent.is_busy:
                self._rest(torrent, now)

    def _rest(self, torrent: T, now: float) -> None:
        del self._busy[torrent]
        due = torrent.next_dial(now)
        if due is not None:
            self._alarms[torrent] = self._timers.callLater(due - now, self.wake, torrent)
        torrent.idle()

    def forget_alarm(self, torrent: T) -> None:
        """It knows nobody any more whom it could dial."""
        self._silence(torrent)

    def _silence(self, torrent: T) -> None:
        alarm = self._alarms.pop(torrent, None)
        if alarm is not None and alarm.active():
            alarm.cancel()

    # -- those that changed --------------------------------------------------------------------

    def changed(self, torrent: T) -> None:
        """Something about it is not as it was, for those who watch; it is woken too."""
        if torrent in self._changed_at:
            self.note_change(torrent)
            self.wake(torrent)

    def note_change(self, torrent: T) -> None:
        """The same, but it has nothing to do for that."""
        if torrent in self._changed_at:
            self._changed_at[torrent] = self._wall()
            self._changed_at.move_to_end(torrent)
            self.noted(torrent)

    def noted(self, torrent: T) -> None:
        """The same, of what is no activity and wakes nobody: a tracker answered."""
        if self._watches and torrent in self._changed_at:
            for watch in self._watches:
                watch.note(torrent)

    def noted_all(self) -> None:
        """A setting changed that shows in all of them."""
        for watch in self._watches:
            watch.note_everything()

    def watch(self, wake: Callable[[], object]) -> ChangeWatch[T]:
        """Collect what changes from now on, until `unwatch`."""
        watch: ChangeWatch[T] = ChangeWatch(wake)
        self._watches.append(watch)
        return watch

    def unwatch(self, watch: ChangeWatch[T]) -> None:
        """Nobody looks any more."""
        self._watches.remove(watch)

    def changed_since(self, wall_time: float) -> list[T]:
        """Those that changed at this Unix time or later, the latest first; costs only these."""
        found = []
        for torrent, at in reversed(self._changed_at.items()):
            if at < wall_time:
                break
            found.append(torrent)
        return found
