"""Moves wait for their turns: one at a time between two devices, since two make both seek.

Before that they wait for those between the same folders, of which more is known at rest. A torrent
is in each line once at most, so it is never longer than the list of torrents.
"""

from __future__ import annotations

from collections import deque
from typing import Hashable

from twisted.internet.defer import Deferred


class Turn:
    """A place in the line: `came` fires when it is this one's turn."""

    def __init__(self, line: MoveLine, pair: frozenset[Hashable]) -> None:
        self.pair = pair
        self.came: Deferred[None] = Deferred()
        self._line = line

    def end(self) -> None:
        """Done, or not wanted any more: the next one's turn. Only the first call counts."""
        self._line.left(self)


class MoveLine:
    """The lines, one for each pair of places, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lines: dict[frozenset[Hashable], deque[Turn]] = {}

    def join(self, one: Hashable, other: Hashable) -> Turn:
        """A turn to move between these; it may have come already."""
        turn = Turn(self, frozenset((one, other)))
        line = self._lines.setdefault(turn.pair, deque())
        line.append(turn)
        if len(line) == 1:
            turn.came.callback(None)
        return turn

    def left(self, turn: Turn) -> None:
        """See Turn.end."""
        line = self._lines.get(turn.pair)
        if line is None or turn not in line:
            return
        first = line[0] is turn
        line.remove(turn)
        if not line:
            del self._lines[turn.pair]
        elif first:
            line[0].came.callback(None)
