"""Has torrents that gave enough stop, go, or super-seed: once for each limit they reach.

Torrents are looked at when something happened to them, when a limit falls due, and all of them when
the limits are others. So those that only wait cost nothing, and one at rest is not woken for it.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.logger import Logger

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.base.schedule import Schedule, ScheduledCall
from p2pd.session.api import SessionApi, TorrentStatus, TorrentView
from p2pd.session.session_events import EventKind
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.share_limits import (
    IDLE,
    RATIO,
    REMOVE_WITH_DATA,
    STOP,
    SUPER_SEED,
    TIME,
    LimitsInForce,
    next_look,
    reached,
    still_reached,
)
from p2pd.swarm.super_seeding import ON

LOOK_SECONDS = 5.0
"""How often those that something happened to are looked at."""

OVERLAP_SECONDS = 2.0
"""What happens every second is noted a second late."""

RETRY_SECONDS = 60.0
LONGEST_WAIT = 86_400.0

AT_ONCE = 100
"""Torrents looked at in one turn of the reactor."""

ACTIONS_AT_ONCE = 20


EVENTS = {
    RATIO: EventKind.RATIO_REACHED,
    IDLE: EventKind.IDLE_REACHED,
    TIME: EventKind.TIME_REACHED,
}


class ShareLimiter:
    """Looks at the torrents of one session."""

    log = Logger()

    def __init__(self, api: SessionApi, clock: Clock, wall: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._wall = wall
        self._timers = Schedule(clock)
        self._alarms: dict[int, tuple[float, ScheduledCall]] = {}
        self._to_look: dict[int, None] = {}
        self._acting: set[int] = set()
        self._refused: set[int] = set()
        self._line = DeferredSemaphore(ACTIONS_AT_ONCE)
        self._seen_until = 0.0
        self._limits: tuple[Any, ...] | None = None
        self._tick_call: DelayedCall | None = None
        self._work_call: DelayedCall | None = None
        self._running = False

    def start(self) -> None:
        """Begin, with a look at every torrent."""
        self._running = True
        self._tick()

    def stop(self) -> None:
        """Look no more; what was begun goes on."""
        self._running = False
        for call in (self._tick_call, self._work_call):
            if call is not None and call.active():
                call.cancel()
        for _, alarm in self._alarms.values():
            if alarm.active():
                alarm.cancel()

    # -- when to look --------------------------------------------------------------------------

    def _tick(self) -> None:
        self._tick_call = self._clock.callLater(LOOK_SECONDS, self._tick)
        now, limits = self._wall(), _limits_of(self._api)
        if limits != self._limits:
            self._limits = limits
            self._to_look |= dict.fromkeys(torrent.id for torrent in self._api.torrents())
        else:
            changed = self._api.changed_since(self._seen_until - OVERLAP_SECONDS)
            self._to_look |= dict.fromkeys(torrent.id for torrent in changed)
        self._seen_until = now
        if self._work_call is None:
            self._work()

    def _work(self) -> None:
        """Look at some; others have their turns in between."""
        self._work_call = None
        for id_ in list(self._to_look)[:AT_ONCE]:
            del self._to_look[id_]
            self._look(id_)
        if self._to_look:
            self._work_call = self._clock.callLater(0, self._work)

    def _look_again(self, id_: int, seconds: float | None) -> None:
        """In so many seconds at the latest; None: when something happens to it."""
        armed = self._alarms.get(id_)
        if seconds is None:
            if armed is not None:
                del self._alarms[id_]
                armed[1].cancel()
            return
        seconds = min(seconds, LONGEST_WAIT)
        due = self._clock.seconds() + seconds
        if armed is not None:
            if armed[0] <= due:
                return  # it is seen then that there is time
            armed[1].cancel()
        self._alarms[id_] = due, self._timers.callLater(seconds, self._due, id_)

    def _due(self, id_: int) -> None:
        del self._alarms[id_]
        self._look(id_)

    # -- what is seen --------------------------------------------------------------------------

    def _look(self, id_: int) -> None:
        torrent = self._api.find(id_)
        if torrent is None or id_ in self._acting:
            self._look_again(id_, None)
            return
        limits = torrent.sharing.in_force
        # One of which nothing is wanted, as long as its files are being chosen, gives nothing.
        seeds = torrent.status == TorrentStatus.SEEDING and torrent.size_when_done > 0
        if not limits.exist or not seeds:
            self._look_again(id_, None)
            self._look_at_stopped(torrent, limits)
        else:
            self._look_at_seed(torrent, limits)

    def _look_at_stopped(self, torrent: TorrentView, limits: LimitsInForce) -> None:
        """Other limits may hold than those it reached."""
        marked = torrent.sharing.reached
        if marked:
            state, now = torrent.sharing.state, self._wall()
            kept = still_reached(marked, limits, state, now, running=False)
            if kept != marked:
                self._api.mark_reached(torrent, kept)

    def _look_at_seed(self, torrent: TorrentView, limits: LimitsInForce) -> None:
        sharing, now = torrent.sharing, self._wall()
        state, before = sharing.state, sharing.reached
        marked = still_reached(before, limits, state, now, running=True)
        new = tuple(kind for kind in reached(limits, state, now) if kind not in marked)
        if marked != before:
            self._api.mark_reached(torrent, marked)
        if new:
            self._look_again(torrent.id, None)
            self._acting.add(torrent.id)
            self._in_background(self._line.run(self._acted, torrent, limits.action, marked, new))
        else:
            self._look_again(torrent.id, next_look(limits, state, now))

    # -- what is done --------------------------------------------------------------------------

    def _acted(
        self, torrent: TorrentView, action: str, marked: tuple[str, ...], new: tuple[str, ...]
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._act(torrent, action, marked, new))

    async def _act(
        self, torrent: TorrentView, action: str, marked: tuple[str, ...], new: tuple[str, ...]
    ) -> None:
        try:
            if not self._running or self._api.find(torrent.id) is None:
                return
            if torrent.id not in self._refused:
                self._say(torrent, action, new)
            self._api.mark_reached(torrent, (*marked, *new))
            await self._do(torrent, action)
            self._refused.discard(torrent.id)
        except P2pdError as problem:
            self.log.error(
                "{name}: it reached its limit, and cannot {action}: {problem}",
                name=torrent.name, action=action.replace("_", " "), problem=str(problem),
            )  # fmt: skip
            self._refused.add(torrent.id)
            self._api.mark_reached(torrent, marked)
            self._look_again(torrent.id, RETRY_SECONDS)
        finally:
            self._acting.discard(torrent.id)

    def _say(self, torrent: TorrentView, action: str, kinds: tuple[str, ...]) -> None:
        for kind in kinds:
            self.log.info(
                "{name}: it reached its {kind} limit: {action}",
                name=torrent.name, kind=kind, action=action.replace("_", " "),
            )  # fmt: skip
            self._api.events.emit(EVENTS[kind], torrent, {"action": action})

    async def _do(self, torrent: TorrentView, action: str) -> None:
        if action == STOP:
            await self._api.stop(torrent)
        elif action == SUPER_SEED:
            await self._api.change(torrent, TorrentChanges(super_seeding=ON))
        else:
            await self._api.remove(torrent, delete_data=action == REMOVE_WITH_DATA)

    def _in_background(self, work: Deferred[Any]) -> None:
        work.addErrback(lambda failure: self.log.failure("share limits: internal error", failure))


def _limits_of(api: SessionApi) -> tuple[Any, ...]:
    settings = api.settings
    return (
        settings.seed_ratio_limited, settings.seed_ratio_limit,
        settings.idle_seeding_limit_enabled, settings.idle_seeding_limit,
        settings.seed_time_limited, settings.seed_time_limit, settings.seed_limit_action,
        settings.label_rules, settings.tracker_rules,
    )  # fmt: skip
