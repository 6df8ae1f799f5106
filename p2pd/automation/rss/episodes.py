"""Which episode a title says it is, and filters of seasons and episodes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

from p2pd.automation.refusals import RefusedError

LONGEST_FILTER = 500
MOST_IN_ONE = 100
"""Episodes in one torrent that are remembered one by one."""

_SEASON = r"(?<![a-z0-9])s(\d{1,4})"
_PATTERNS = (
    re.compile(_SEASON + r"[ ._-]?e(\d{1,4})(?:[ ._]?-?[ ._]?e(\d{1,4}))*(?:-(\d{1,4})(?!\d))?"),
    re.compile(r"(?<![a-z0-9])(\d{1,2})x(\d{1,4})()(?:-(\d{1,4}))?(?!\d)"),
)
_SEASON_ALONE = re.compile(_SEASON + r"(?![a-z0-9])|(?<![a-z])season[ ._](\d{1,4})(?!\d)")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[ ._-](\d\d)[ ._-](\d\d)(?!\d)")
_NUMBER = re.compile(r" - (\d{1,4})(?:v\d)?(?= |$|\[|\()")
_AGAIN = re.compile(r"(?<![a-z0-9])(?:proper|repack|rerip|real)\d?(?![a-z0-9])|(?<=\d)v[2-9](?!\w)")
_GROUP = re.compile(r"^\s*(?:\[[^\]]*\]\s*)+")
_OTHER = re.compile(r"[\W_]+")

_RANGE = re.compile(
    r"(?:s(\d{1,4})|(\d{1,4})(?=x\d))(?:[ex](\d{1,4}))?(?:(-)(?:[ex]?(\d{1,4}))?)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Episode:
    """What a title names. Without `episodes` it is a whole season, unless it has a `date`."""

    series: str
    season: int
    episodes: tuple[int, ...]
    date: str = ""
    again: bool = False
    """It is a PROPER, a REPACK or the like: it is there to replace an earlier one."""

    def keys(self) -> list[str]:
        """By which it is known again, one for each episode."""
        if self.date:
            return [f"{self.series}|{self.date}"]
        if not self.episodes:
            return [f"{self.series}|s{self.season}"]
        return [f"{self.series}|s{self.season}e{each}" for each in self.episodes]


def episode_of(title: str) -> Episode | None:
    """The episode that a title names; None if it names none.

    ``S01E02``, ``S01E02-E04``, ``1x02``, ``S01``, ``2024.05.31``, and `` - 12`` as fansubs have it,
    which counts as season 1.
    """
    text = _GROUP.sub("", title.casefold())
    again = _AGAIN.search(text) is not None
    for pattern in _PATTERNS:
        if match := pattern.search(text):
            numbers = [int(each) for each in (match[2], match[3], match[4]) if each]
            return Episode(_series(text, match), int(match[1]), _all(numbers), again=again)
    if match := _DATE.search(text):
        return Episode(_series(text, match), 0, (), f"{match[1]}-{match[2]}-{match[3]}", again)
    if match := _SEASON_ALONE.search(text):
        return Episode(_series(text, match), int(match[1] or match[2]), (), again=again)
    if match := _NUMBER.search(text):
        return Episode(_series(text, match), 1, (int(match[1]),), again=again)
    return None


def _all(numbers: Sequence[int]) -> tuple[int, ...]:
    first, last = numbers[0], max(numbers)
    return tuple(range(first, min(last, first + MOST_IN_ONE - 1) + 1)) if last > first else (first,)


def _series(text: str, match: re.Match[str]) -> str:
    return _OTHER.sub(" ", text[: match.start()]).strip()[:200]


class EpisodeFilter:
    """Seasons and ranges of episodes: ``S01E05; S02; S03E02-E08; S04E10-; S05-`` or ``1x5-8``.

    A range without an end goes on to the end of its season, a season with ``-`` to all later ones.
    A torrent of a whole season is let through where that season is, one of several episodes when
    all of them are.
    """

    def __init__(self, text: str) -> None:
        """Raises RefusedError."""
        if len(text) > LONGEST_FILTER:
            raise RefusedError(f"the episodes are more than {LONGEST_FILTER} characters")
        self._ranges = [_parsed(each) for each in re.split(r"[;,]", text) if each.strip()]

    def lets(self, episode: Episode | None) -> bool:
        """Whether it is among them; any is when there is no filter."""
        if not self._ranges:
            return True
        if episode is None or episode.date:
            return False
        if not episode.episodes:
            return any(each.has_season(episode.season) for each in self._ranges)
        return all(
            any(each.has(episode.season, number) for each in self._ranges)
            for number in episode.episodes
        )


@dataclass(frozen=True, slots=True)
class _Range:
    season: int
    first: int | None
    last: int | None
    open: bool

    def has_season(self, season: int) -> bool:
        if self.first is not None:
            return False
        return season >= self.season if self.open else season == self.season

    def has(self, season: int, number: int) -> bool:
        if self.first is None:
            return self.has_season(season)
        if season != self.season:
            return False
        if self.open:
            return number >= self.first
        return self.first <= number <= (self.first if self.last is None else self.last)


def _parsed(text: str) -> _Range:
    match = _RANGE.fullmatch(text.strip())
    if match is None or (match[5] and not match[3]):
        raise RefusedError(
            f"{text.strip()[:40]!r} is no episode: S01, S01-, S01E02, S01E02-, S01E02-E05 or 1x2-5"
        )
    first = int(match[3]) if match[3] else None
    last = int(match[5]) if match[5] else None
    if first is not None and last is not None and last < first:
        raise RefusedError(f"{text.strip()[:40]!r} ends before it begins")
    return _Range(int(match[1] or match[2]), first, last, bool(match[4]) and last is None)
