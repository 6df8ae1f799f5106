"""The long calculations of key exchanges, made one after the other where no reactor waits for them.

How many may be in line is bounded: who comes then is refused, and costs nothing more.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred

from p2pd.protocols.mse.key_exchange import KeyPair

IN_LINE = 128
"""Calculations that may wait: together they take less than a tenth of a second."""


class Elsewhere(Protocol):
    """Runs a function in another thread."""

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Its result, in the reactor's thread."""


class KeyWork:
    """Makes keys and secrets. `refused` counts those for which there was no place in the line."""

    def __init__(self, elsewhere: Elsewhere, rng: random.Random, *, limit: int = IN_LINE) -> None:
        """`rng` has to be one that nobody can predict, and that other threads may use."""
        self._elsewhere = elsewhere
        self._rng = rng
        self.limit = limit
        self.in_line = 0
        self.refused = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may be asked for."""
        return self.in_line < self.limit

    def keys(self) -> Deferred[KeyPair]:
        """A new pair; to be asked for only while there is room."""
        return self._run(KeyPair.new, self._rng)

    def secret(self, keys: KeyPair, their_public: bytes) -> Deferred[bytes]:
        """What both know; errs with MseError for a key that hides nothing.

        Whoever has keys already may ask for this, whatever is in line.
        """
        return self._run(keys.secret, their_public)

    def _run(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.in_line += 1
        return self._elsewhere(work, *args).addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self.in_line -= 1
        return result
