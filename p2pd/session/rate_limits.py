"""Speed limits in force: session > group > labels, trackers > torrent > peer, down and up.

Settings and records become buckets here, and peers are told under which they are. What waits is
given its turn behind one delayed call for all peers. The weekly schedule turns the alternative
speeds.
"""

from __future__ import annotations

import time
from typing import Callable, Hashable, Iterable, Iterator, NamedTuple, Protocol

from p2pd.base.addresses import is_local
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.requests import BLOCK_SIZE
from p2pd.session.settings.bandwidth_groups import group_limit, honors_session
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.settings.speed_settings import KB, TorrentLimits
from p2pd.session.torrent_rules import TorrentRules
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.bandwidth.alternative_speeds import DAY_MINUTES, ScheduledSwitch
from p2pd.swarm.bandwidth.limit_tree import LimitTree
from p2pd.swarm.bandwidth.token_bucket import TokenBucket

SESSION = ("session", "")

UPLOAD_BURST = BLOCK_SIZE + 1024
"""Bytes that go out in one piece: a block with all its headers."""

WEIGHTS = {-1: 0.25, 0: 1.0, 1: 4.0}
"""What a peer gets of a limit that it shares, by its torrent's priority."""

LocalTime = Callable[[float], time.struct_time]


class LimitedTorrent(Protocol):
    """What is needed of a torrent."""

    record: TorrentRecord

    def limits_changed(self) -> None:
        """Other limits may hold for its peers and its web seeds."""


class LimitsOwner(Protocol):
    """What is needed of the session."""

    settings: SessionSettings
    rules: TorrentRules

    @property
    def torrents(self) -> Iterable[LimitedTorrent]: ...


class PeerChains(NamedTuple):
    """The limits that one peer is under; empty: none."""

    down: tuple[TokenBucket, ...]
    up: tuple[TokenBucket, ...]
    weight: float = 1.0
    """What it gets of them, beside peers that have 1."""


class RateLimits:
    """The limits of one session."""

    def __init__(
        self, owner: LimitsOwner, clock: Clock, wall: Callable[[], float],
        local_time: LocalTime = time.localtime,
    ) -> None:  # fmt: skip
        self._owner = owner
        self._clock = clock
        self._wall = wall
        self._local_time = local_time
        self.down = LimitTree(least_burst=0.0, wake=self._wake)
        self.up = LimitTree(least_burst=UPLOAD_BURST, wake=self._wake)
        self._shared: set[tuple[str, str]] = set()
        """The labels, trackers and groups that have limits."""
        self._turn: DelayedCall | None = None
        self._turn_at = 0.0
        self._running = False
        self._switch = ScheduledSwitch()
        self._schedule: tuple[bool, int, int, int] | None = None
        self._minute = -1

    def close(self) -> None:
        """The session ends."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    # -- limits --------------------------------------------------------------------------------

    def settings_changed(self) -> None:
        """Bring the limits in line with the settings, and the peers with the limits."""
        settings = self._owner.settings
        schedule = (
            settings.alt_speed_time_enabled, settings.alt_speed_time_begin,
            settings.alt_speed_time_end, settings.alt_speed_time_day,
        )  # fmt: skip
        if schedule != self._schedule:
            self._schedule = schedule
            self._switch.forget()
            self._turn_switch()
        self._set(SESSION, settings.session_down, settings.session_up)
        shared = {
            (kind, name): (rule.get("speed_limit_down"), rule.get("speed_limit_up"))
            for kind, rules in (
                ("label", settings.label_rules),
                ("tracker", settings.tracker_rules),
            )
            for name, rule in rules.items()
        }
        for group in (groups := settings.bandwidth_groups):
            limits = group_limit(groups, group, "down"), group_limit(groups, group, "up")
            shared["group", group] = limits
        for gone in self._shared - shared.keys():
            self._set(gone, None, None)
        for name, (down, up) in shared.items():
            self._set(name, down, up)
        self._shared = set(shared)
        for torrent in self._owner.torrents:
            torrent.limits_changed()

    def torrent_changed(self, torrent: LimitedTorrent) -> None:
        """Its record has other limits, labels or another group, or it is new."""
        record = torrent.record
        self._set(
            ("torrent", record.id),
            record.download_limit if record.download_limited else None,
            record.upload_limit if record.upload_limited else None,
        )
        torrent.limits_changed()

    def torrent_removed(self, record: TorrentRecord) -> None:
        """It is gone, and its peers are."""
        self._set(("torrent", record.id), None, None)

    def chains(self, record: TorrentRecord, host: str) -> PeerChains:
        """The limits for a peer of a torrent at an IP address."""
        settings = self._owner.settings
        if not settings.limit_local_peers and is_local(host):
            return PeerChains((), ())
        names = list(self._names(record))
        down, up = self.down.chain(names), self.up.chain(names)
        if SESSION in names:
            down += self._own(self.down, settings.peer_speed_limit_down)
            up += self._own(self.up, settings.peer_speed_limit_up)
        return PeerChains(down, up, WEIGHTS.get(record.bandwidth_priority, 1.0))

    @property
    def session_down(self) -> int | None:
        """Bytes per second for all downloads together; None: no limit."""
        return _whole(self.down.rate([SESSION]))

    @property
    def session_up(self) -> int | None:
        """Bytes per second for all uploads together; None: no limit."""
        return _whole(self.up.rate([SESSION]))

    def report(self, record: TorrentRecord) -> TorrentLimits:
        """A torrent's limits, and what is in force."""
        names = list(self._names(record))
        return TorrentLimits(
            record.download_limit, record.download_limited,
            record.upload_limit, record.upload_limited, record.honors_session_limits,
            _whole(self.down.rate(names)), _whole(self.up.rate(names)),
            record.bandwidth_group, record.bandwidth_priority,
        )  # fmt: skip

    def _names(self, record: TorrentRecord) -> Iterator[Hashable]:
        group = record.bandwidth_group
        in_session = honors_session(self._owner.settings.bandwidth_groups, group)
        if record.honors_session_limits and in_session:
            yield SESSION
        if group:
            yield ("group", group)
        for label in record.labels:
            yield ("label", label)
        for tracker in self._owner.rules.tracker_names(record.trackers):
            yield ("tracker", tracker)
        yield ("torrent", record.id)

    def _set(self, name: Hashable, down: int | None, up: int | None) -> None:
        now = self._clock.seconds()
        self.down.set_rate(name, None if down is None else down * KB, now)
        self.up.set_rate(name, None if up is None else up * KB, now)

    def _own(self, tree: LimitTree, limit: int) -> tuple[TokenBucket, ...]:
        return (tree.bucket(limit * KB, self._clock.seconds()),) if limit else ()

    # -- the schedule --------------------------------------------------------------------------

    def tick(self) -> bool:
        """Once a second: let the schedule turn the alternative speeds; whether it did."""
        turned = self._owner.settings.alt_speed_time_enabled and self._turn_switch()
        if turned:
            self.settings_changed()
        return turned

    def _turn_switch(self) -> bool:
        """Whether the schedule turned the switch."""
        settings, wall = self._owner.settings, self._wall()
        if not settings.alt_speed_time_enabled:
            return False
        if self._minute == wall // 60 and self._switch.spoke:
            return False
        self._minute = int(wall // 60)
        local = self._local_time(wall)
        turned = self._switch.turn(
            (local.tm_wday + 1) % 7 * DAY_MINUTES + local.tm_hour * 60 + local.tm_min,
            begin=settings.alt_speed_time_begin,
            end=settings.alt_speed_time_end,
            days=settings.alt_speed_time_day,
        )
        if turned is None or turned == settings.alt_speed_enabled:
            return False
        settings.alt_speed_enabled = turned
        return True

    # -- turns ---------------------------------------------------------------------------------

    def _wake(self, due: float) -> None:
        if self._running or (self._turn is not None and self._turn_at <= due):
            return
        if self._turn is not None:
            self._turn.cancel()
        self._turn_at = due
        self._turn = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._run)

    def _run(self) -> None:
        self._turn = None
        self._running = True
        now = self._clock.seconds()
        try:
            self.down.run(now)
            self.up.run(now)
        finally:
            self._running = False
            now = self._clock.seconds()
            for tree in (self.down, self.up):
                due = tree.next_turn(now)
                if due is not None:
                    self._wake(due)


def _whole(rate: float | None) -> int | None:
    return None if rate is None else int(rate)
