"""How one web seed is doing: when it may be asked again, and when never more.

After a failure it is left alone, each time for twice as long, or for as long as it asked for; after
an answer all that is forgotten. Who sends wrong data is given up. `now` is seconds of any clock.
Refuses to know of HTTP and of connections.
"""

from __future__ import annotations

import random

FIRST_WAIT = 5.0
MOST_WAIT = 1800.0
"""Seconds after the first failure, and after many in a row."""

MOST_WRONG = 3
"""Pieces that it alone sent and that are wrong; with so many it is given up."""

TROUBLE = 300
"""Characters of what is kept to be shown."""


class WebSeedStanding:
    """`error` says what was wrong last, or why it was given up; empty: nothing."""

    __slots__ = ("_blame", "_failures", "_rng", "_wrong", "downloaded", "dropped", "due", "error")

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0
        self._blame = ""
        self._wrong: set[int] = set()
        self.downloaded = 0
        """Bytes that it sent and that were wanted."""
        self.due = 0.0
        """From when on it may be asked."""
        self.dropped = False
        self.error = ""

    def may_ask(self, now: float) -> bool:
        """Whether it may be asked now."""
        return not self.dropped and now >= self.due

    def answered(self) -> None:
        """It sent what it was asked for."""
        self._failures = 0
        if not self.dropped:
            self.error = self._blame

    def failed(self, sentence: str, now: float, wait: float = 0.0) -> None:
        """It did not; `wait` is in how many seconds it wants to be asked again, if it said so."""
        if self.dropped:
            return
        self._failures += 1
        self.error = sentence[:TROUBLE]
        usual = min(FIRST_WAIT * 2.0 ** min(self._failures - 1, 16), MOST_WAIT)
        # Not all who heard a server fall over come back in the same second.
        self.due = max(self.due, now + (wait or usual) * self._rng.uniform(1.0, 1.25))

    def sent_wrong(self, piece: int) -> bool:
        """A piece that came from it alone is wrong; whether it is given up for that."""
        self._wrong.add(piece)
        if len(self._wrong) >= MOST_WRONG:
            self.drop(f"it sent wrong data of {len(self._wrong)} pieces")
        elif not self.dropped:
            self.error = self._blame = f"it sent wrong data of piece {piece}"
        return self.dropped

    def drop(self, sentence: str) -> None:
        """It is asked no more."""
        self.dropped = True
        self.error = sentence[:TROUBLE]
