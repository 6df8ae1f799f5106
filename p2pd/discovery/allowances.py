"""How often somebody may have us do something, for many of them, in bounded memory. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Hashable, TypeVar

K = TypeVar("K", bound=Hashable)

MOST = 1024


class Allowances(Generic[K]):
    """Each has so many at once, and another one every so many seconds.

    What they had is remembered of `most`; of others that they had nothing yet.
    """

    __slots__ = ("_at_once", "_left", "_most", "_seconds")

    def __init__(self, at_once: int, seconds: float, *, most: int = MOST) -> None:
        self._most = most
        self._at_once = float(at_once)
        self._seconds = seconds
        self._left: OrderedDict[K, tuple[float, float]] = OrderedDict()

    def has(self, key: K, now: float) -> bool:
        """Whether one more is allowed."""
        return self._of(key, now) >= 1.0

    def take(self, key: K, now: float) -> bool:
        """The same, and it counts."""
        left = self._of(key, now)
        if left < 1.0:
            return False
        self._left[key] = (left - 1.0, now)
        self._left.move_to_end(key)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return True

    def forget(self, key: K) -> None:
        """It is gone."""
        self._left.pop(key, None)

    def __len__(self) -> int:
        return len(self._left)

    def _of(self, key: K, now: float) -> float:
        left, at = self._left.get(key, (self._at_once, now))
        return min(self._at_once, left + (now - at) / self._seconds)
