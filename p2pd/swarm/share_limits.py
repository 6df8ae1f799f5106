"""How much a complete torrent is to give: by ratio, while idle, or for how long, and what then.

A torrent, its labels and its trackers have limits that are asked in this order; what none of them
says is the session's. Knows neither torrents nor timers: whoever asks is told when to look again.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

RATIO, IDLE, TIME = "ratio", "idle", "time"
KINDS = (RATIO, IDLE, TIME)

STOP, REMOVE, REMOVE_WITH_DATA, SUPER_SEED = "stop", "remove", "remove_with_data", "super_seed"
ACTIONS = (STOP, REMOVE, REMOVE_WITH_DATA, SUPER_SEED)
AS_OTHERS = "session"
"""The action of who leaves it to those that are asked next, the session at last."""

MOST_RATIO = 1_000_000.0
MOST_MINUTES = 2**31 - 1

ETA_UNKNOWN = -2
ETA_NONE = -1

LEAST_WAIT = 1.0
"""Seconds between two looks at a torrent that uploads."""


class LimitMode(enum.IntEnum):
    """Whose limit holds; the numbers are the control API's."""

    AS_OTHERS = 0
    OWN = 1
    UNLIMITED = 2


@dataclass(frozen=True, slots=True)
class ShareLimits:
    """What a torrent, a label or a tracker says; modes are LimitMode's, times are minutes."""

    seed_ratio_mode: int = int(LimitMode.AS_OTHERS)
    seed_ratio_limit: float = 2.0
    """Uploaded bytes by the size of what is wanted of the torrent."""
    seed_idle_mode: int = int(LimitMode.AS_OTHERS)
    seed_idle_limit: int = 30
    """Without payload."""
    seed_time_mode: int = int(LimitMode.AS_OTHERS)
    seed_time_limit: int = 1440
    """As a seed, in all."""
    seed_limit_action: str = AS_OTHERS


class LimitsInForce(NamedTuple):
    """What holds for a torrent; None is no limit, times are seconds."""

    ratio: float | None = None
    idle: float | None = None
    time: float | None = None
    action: str = STOP

    @property
    def exist(self) -> bool:
        """Whether there is any."""
        return not (self.ratio is self.idle is self.time is None)


class SeedState(NamedTuple):
    """How a torrent stands that is complete and runs; times are Unix seconds."""

    uploaded: int
    size: int
    """What was wanted of it, in bytes."""
    idle_since: float
    seconds_seeding: float
    rate: float
    """Of its upload, in bytes per second."""


def limits_in_force(asked: Iterable[ShareLimits], session: LimitsInForce) -> LimitsInForce:
    """What the first of those that are asked says about each kind, or else the session."""
    found = session._asdict()
    open_kinds = {*found}
    for limits in asked:
        said = _said(limits)
        found |= {kind: said[kind] for kind in open_kinds & said.keys()}
        open_kinds -= said.keys()
    return LimitsInForce(**found)


def _said(limits: ShareLimits) -> dict[str, float | str | None]:
    said: dict[str, float | str | None] = {}
    for kind, mode, limit in (
        (RATIO, limits.seed_ratio_mode, limits.seed_ratio_limit),
        (IDLE, limits.seed_idle_mode, limits.seed_idle_limit * 60.0),
        (TIME, limits.seed_time_mode, limits.seed_time_limit * 60.0),
    ):
        if mode != LimitMode.AS_OTHERS:
            said[kind] = limit if mode == LimitMode.OWN else None
    if limits.seed_limit_action != AS_OTHERS:
        said["action"] = limits.seed_limit_action
    return said


def reached(limits: LimitsInForce, state: SeedState, now: float) -> tuple[str, ...]:
    """The kinds of limits that a seed has reached."""
    lefts = (
        (RATIO, bytes_left(limits, state)),
        (IDLE, idle_left(limits, state, now)),
        (TIME, time_left(limits, state)),
    )
    return tuple(kind for kind, left in lefts if left is not None and left <= 0)


def bytes_left(limits: LimitsInForce, state: SeedState) -> float | None:
    """What is to be uploaded until the ratio is reached; 0 when it is, None if there is none."""
    if limits.ratio is None:
        return None
    return max(0.0, math.floor(limits.ratio * state.size) - state.uploaded)


def idle_left(limits: LimitsInForce, state: SeedState, now: float) -> float | None:
    """Seconds until it was idle for long enough, if it stays so."""
    return None if limits.idle is None else max(0.0, state.idle_since + limits.idle - now)


def time_left(limits: LimitsInForce, state: SeedState) -> float | None:
    """Seconds until it seeded for long enough."""
    return None if limits.time is None else max(0.0, limits.time - state.seconds_seeding)


def next_look(limits: LimitsInForce, state: SeedState, now: float) -> float | None:
    """Seconds after which a limit may be reached; None: not before something is uploaded."""
    waits = [idle_left(limits, state, now), time_left(limits, state)]
    left = bytes_left(limits, state)
    if left and state.rate >= 1:
        # Rates rise: half of the time, so that it is seen soon after at twice the rate.
        waits.append(left / state.rate / 2)
    dues = [wait for wait in waits if wait]
    return max(LEAST_WAIT, min(dues)) if dues else None


def eta(limits: LimitsInForce, state: SeedState) -> int:
    """Seconds until the ratio or the time is reached; ETA_UNKNOWN while nothing is uploaded."""
    dues = []
    left = bytes_left(limits, state)
    if left == 0 or (left is not None and state.rate >= 1):
        dues.append(left / state.rate if left else 0.0)
    time = time_left(limits, state)
    if time is not None:
        dues.append(time)
    if dues:
        return int(min(dues))
    return ETA_NONE if left is None else ETA_UNKNOWN


def eta_idle(limits: LimitsInForce, state: SeedState, now: float) -> int:
    """Seconds until it was idle for long enough, if it stays so; ETA_NONE without a limit."""
    left = idle_left(limits, state, now)
    return ETA_NONE if left is None else int(left)


def still_reached(
    marked: Iterable[str], limits: LimitsInForce, state: SeedState, now: float, *, running: bool
) -> tuple[str, ...]:
    """Of the limits that were acted on, those that are reached by what holds now.

    Nothing is done about these again, also when the user has it go on. One that has stopped was
    idle for long enough, however long ago that was; one that runs again is not.
    """
    holding = {*reached(limits, state, now)}
    if not running and limits.idle is not None:
        holding.add(IDLE)
    return tuple(kind for kind in marked if kind in holding)
