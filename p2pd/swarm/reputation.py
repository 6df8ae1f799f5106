"""What a peer is worth, from what it did: good and bad pieces, time-outs, abuse, delay and rate.

Deeds fade: after HALF_LIFE they count half. So who was unlucky once is soon as good as anybody, and
who was good long ago has to be good again. Refuses to know of bans, which need proof, not a rating
(smart_ban.py). `now` is seconds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

HALF_LIFE = 600.0
"""Seconds."""

UNKNOWN = 50
"""The rating of who did nothing yet; the worst is 0, the best 100."""

POOR = 25
"""Below this, others are preferred to it in everything."""

GOOD_MOST = 25.0
"""What many good pieces are worth; one is worth a fifth of that."""
RATE_MOST = 15.0
PER_DOUBLING = 1.5
"""For each time that the rate is twice 16 KiB/s."""
DELAY_MOST = 10.0
SWIFT = 0.1
SLOW = 10.0
"""Seconds from a request to its answer, for all of `DELAY_MOST` and none of it."""

PER_TIMEOUT = 12.0
PER_SUSPICION = 10.0
PER_ABUSE = 20.0


class Rating(NamedTuple):
    """0 to 100, and why, in words."""

    score: int
    words: str


class Reputation:
    """The deeds of one peer. Numbers of them, faded as of `_at`."""

    __slots__ = ("_abuse", "_at", "_good", "_suspicions", "_timeouts")

    def __init__(self, now: float) -> None:
        self._at = now
        self._good = 0.0
        self._suspicions = 0.0
        self._timeouts = 0.0
        self._abuse = 0.0

    def good_piece(self, now: float) -> None:
        """A piece that it had a part in is right."""
        self._fade(now)
        self._good += 1.0

    def suspected(self, now: float) -> None:
        """A piece failed that it had a part in, as others had."""
        self._fade(now)
        self._suspicions += 1.0

    def cleared(self) -> None:
        """What it sent of such a piece was right."""
        self._suspicions = max(0.0, self._suspicions - 1.0)

    def timed_out(self, now: float) -> None:
        """It did not send what it was asked for."""
        self._fade(now)
        self._timeouts += 1.0

    def abused(self, now: float) -> None:
        """It broke the protocol."""
        self._fade(now)
        self._abuse += 1.0

    def absorb(self, other: Reputation, now: float) -> None:
        """It turned out that both are of one peer."""
        self._fade(now)
        other._fade(now)
        self._good += other._good
        self._suspicions += other._suspicions
        self._timeouts += other._timeouts
        self._abuse += other._abuse

    @property
    def proved(self) -> bool:
        """Whether anything that it sent was right."""
        return self._good > 0.0

    @property
    def blemished(self) -> bool:
        """Whether there is anything against it."""
        return self._suspicions + self._timeouts + self._abuse > 0.0

    @property
    def suspect(self) -> bool:
        """Whether it may have sent a bad block, and nobody knows yet."""
        return self._suspicions >= 0.5

    def rating(self, now: float, *, rate: float = 0.0, delay: float | None = None) -> Rating:
        """What it is worth; `rate` is bytes per second from it, `delay` that of its answers."""
        self._fade(now)
        score = UNKNOWN + GOOD_MOST * (1.0 - 0.8**self._good)
        score += min(RATE_MOST, PER_DOUBLING * math.log2(1.0 + max(rate, 0.0) / 16384))
        score += _for_delay(delay)
        score -= PER_TIMEOUT * self._timeouts + PER_SUSPICION * self._suspicions
        score -= PER_ABUSE * self._abuse
        return Rating(round(min(max(score, 0.0), 100.0)), self._words(rate, delay))

    def _words(self, rate: float, delay: float | None) -> str:
        words = [
            _counted(self._good, "good piece"),
            _counted(self._suspicions, "failed piece shared with others"),
            _counted(self._timeouts, "time-out"),
            _counted(self._abuse, "breach of the protocol", "breaches of the protocol"),
            f"{rate / 1000:.0f} kB/s" if rate >= 500 else "",
            "" if delay is None else f"answers after {delay * 1000:.0f} ms",
        ]
        return ", ".join(word for word in words if word) or "nothing is known of it"

    def _fade(self, now: float) -> None:
        left = 0.5 ** (max(now - self._at, 0.0) / HALF_LIFE)
        self._at = max(now, self._at)
        self._good *= left
        self._suspicions *= left
        self._timeouts *= left
        self._abuse *= left


def _for_delay(delay: float | None) -> float:
    if delay is None:
        return 0.0
    part = math.log(SLOW / max(delay, SWIFT)) / math.log(SLOW / SWIFT)
    return DELAY_MOST * max(part, 0.0)


def _counted(number: float, one: str, many: str | None = None) -> str:
    """In words; what has faded to less than half of one is not said."""
    if number < 0.5:
        return ""
    whole = round(number)
    if whole == 1:
        return f"1 {one}"
    plural = many or one.replace("piece", "pieces").replace("time-out", "time-outs")
    return f"{whole} {plural}"
