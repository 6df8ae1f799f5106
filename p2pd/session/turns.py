"""Rounds through many torrents or peers, a part of them in each turn of the reactor."""

from __future__ import annotations

from typing import Iterable, Iterator

from p2pd.base.clock import Clock, DelayedCall


class Turns:
    """Goes through steps, each of which says what part of a turn it took (1: all of it)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps: Iterator[float] = iter(())
        self._call: DelayedCall | None = None
        self._is_at_work = False
        self._is_stopped = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of the last round."""
        return not self._is_at_work and self._call is None

    def begin(self, steps: Iterable[float]) -> None:
        """The first steps at once, the others in turns of their own; to be asked for when it is
        over.
        """
        if not self._is_stopped:
            self._steps = iter(steps)
            self._turn()

    def stop(self) -> None:
        """Leave the rest as it is, and begin no other round."""
        self._is_stopped = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        self._steps = iter(())

    def _turn(self) -> None:
        self._call, spent = None, 0.0
        self._is_at_work = True
        try:
            for part in self._steps:
                spent += part
                if spent >= 1:
                    self._call = self._clock.callLater(0, self._turn)
                    return
        finally:
            self._is_at_work = False
