"""When the alternative speeds hold: a weekly schedule over a switch, as Transmission has it.

The schedule turns the switch at its begins and ends and leaves it alone in between, so what a user
chose meanwhile holds until the schedule's next turn. Refuses to know the time zone.
"""

from __future__ import annotations

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

ALL_DAYS = 127
"""Sunday is 1, Monday 2, Tuesday 4 … Saturday 64."""


def is_scheduled(minute: int, *, begin: int, end: int, days: int) -> bool:
    """Whether a minute of the week (0 is the first of Sunday) lies within the schedule.

    `begin` and `end` in minutes after midnight. The time from `begin` on belongs to the day it
    begins on; an end that is not behind it is on the next day.
    """
    length = end - begin if end > begin else end + DAY_MINUTES - begin
    return any(
        days >> day & 1 and (minute - day * DAY_MINUTES - begin) % WEEK_MINUTES < length
        for day in range(7)
    )


class ScheduledSwitch:
    """What the schedule said last: only a change of it turns the switch."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: bool | None = None

    def forget(self) -> None:
        """The schedule was changed or turned off: what it says next counts, whatever it is."""
        self._said = None

    @property
    def spoke(self) -> bool:
        """Whether the schedule said anything since it was changed."""
        return self._said is not None

    def turn(self, minute: int, *, begin: int, end: int, days: int) -> bool | None:
        """What to set the switch to in this minute of the week; None: leave it."""
        says = is_scheduled(minute, begin=begin, end=end, days=days)
        if says is self._said:
            return None
        self._said = says
        return says
