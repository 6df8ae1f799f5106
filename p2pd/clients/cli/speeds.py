"""Speeds, days and times of day, as people write them on a command line and read them there.

The API counts in kB/s of 1000 bytes, and what is measured is shown in KiB/s, as sizes are: so a
limit can be written in either, and is told in both where there is room.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import click

from p2pd.clients.text import rate

NO_LIMIT = -1
"""What ``none`` is read as, and what the API has where no limit holds."""

KB = 1000
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""The API's days in the order of their bits."""

WEEK = (1, 2, 3, 4, 5, 6, 0)
"""The days from Monday on, as they are listed."""

ALL_DAYS = (1 << len(DAYS)) - 1

_SPEED = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(?:([kmg])(i?)b?)?(?:/s)?\Z", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3}
_TIME = re.compile(r"(\d{1,2}):(\d\d)\Z")


def read_speed(text: str) -> int:
    """kB/s, or NO_LIMIT. Raises click.BadParameter."""
    if text.strip().lower() == "none":
        return NO_LIMIT
    match = _SPEED.match(text.strip())
    if match is None:
        raise click.BadParameter(
            "a speed is a number of kB/s, one with a unit like 2MB or 512KiB, or none"
        )
    unit, binary = (match[2] or "k").lower(), bool(match[3])
    kilobytes = float(match[1]) * (1024.0 if binary else 1000.0) ** _POWERS[unit] / KB
    if 0 < kilobytes < 1:
        raise click.BadParameter(
            "the least limit is 1 kB/s; 0 lets nothing through, none is no limit"
        )
    return round(kilobytes)


def read_time(text: str) -> int:
    """Minutes after midnight of ``HH:MM``, up to 24:00. Raises click.BadParameter."""
    match = _TIME.match(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minutes <= 24 * 60:
        raise click.BadParameter("a time of day is like 23:30")
    return minutes


def read_days(text: str) -> int:
    """The API's sum of days of ``mon-fri``, ``sat,sun`` or ``all``. Raises click.BadParameter."""
    if text.strip().lower() == "all":
        return ALL_DAYS
    found = 0
    for part in text.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise click.BadParameter("days are like mon-fri or sat,sun, or all")
        found |= _span(DAYS.index(first), DAYS.index(last if dash else first))
    return found


def reading(read: Callable[[str], int]) -> Callable[..., int | None]:
    """The callback of an option that is read so."""
    return lambda context, option, value: None if value is None else read(value)


def _span(first: int, last: int) -> int:
    """The days from one to another, over the end of the week if need be."""
    count = (last - first) % len(DAYS) + 1
    return sum(1 << (first + step) % len(DAYS) for step in range(count))


def limit_words(kilobytes: int | None) -> str:
    """``500 kB/s``."""
    if kilobytes is None or kilobytes == NO_LIMIT:
        return "no limit"
    return f"{kilobytes} kB/s" if kilobytes else "0: nothing"


def limit_in_both_units(kilobytes: int | None) -> str:
    """``500 kB/s (488.3 KiB/s)``, to be compared with measured rates."""
    words = limit_words(kilobytes)
    return words if not kilobytes or kilobytes < 0 else f"{words} ({rate(kilobytes * KB)})"


def time_words(minutes: int) -> str:
    """``09:00``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day_words(days: int) -> str:
    """``mon-fri``, ``sat,sun``, ``every day``: runs of three days and more are drawn together."""
    if days & ALL_DAYS == ALL_DAYS:
        return "every day"
    runs: list[list[str]] = [[]]
    for day in WEEK:
        if days >> day & 1:
            runs[-1].append(DAYS[day])
        elif runs[-1]:
            runs.append([])
    words = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(run) for run in runs if run]
    return ",".join(words) or "no day"
