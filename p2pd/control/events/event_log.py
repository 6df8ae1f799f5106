"""The latest events, with the versions at which they happened; the oldest are forgotten."""

from __future__ import annotations

from collections import deque
from typing import Any

EVENTS = 1_000


class EventLog:
    """Events as JSON says them."""

    def __init__(self, version: int, limit: int = EVENTS) -> None:
        self.floor = version
        """What happened up to this version is not known any more."""
        self._limit = limit
        self._events: deque[tuple[int, dict[str, Any]]] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, version: int, event: dict[str, Any]) -> None:
        """It happened; versions only grow."""
        self._events.append((version, event))
        if len(self._events) > self._limit:
            self.floor = self._events.popleft()[0]

    def between(self, since: int, until: int) -> list[dict[str, Any]]:
        """Those after `since` and up to `until`, as far as they are known, in their order."""
        found = []
        for version, event in reversed(self._events):
            if version <= since:
                break
            if version <= until:
                found.append(event)
        return found[::-1]
