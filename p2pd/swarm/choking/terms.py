"""Since when each peer has had its slot, and since when the others have waited for one."""

from __future__ import annotations

from typing import Collection, Hashable, Iterable


class Terms:
    """Kept up to date by the choker, read by the policies; `now` in seconds."""

    __slots__ = ("_began", "_ended")

    def __init__(self) -> None:
        self._began: dict[Hashable, float] = {}
        self._ended: dict[Hashable, float] = {}

    def begin(self, key: Hashable, now: float) -> None:
        """A peer has a slot from now on, or has had one."""
        self._began.setdefault(key, now)

    def settle(self, served: Collection[Hashable], known: Iterable[Hashable], now: float) -> None:
        """A round is over: these are `served`; of peers that are not `known` nothing is kept."""
        known = set(known)
        for key in self._began.keys() - served:
            self._ended[key] = now
        self._began = {key: self._began.get(key, now) for key in served}
        self._ended = {
            key: at for key, at in self._ended.items() if key in known and key not in self._began
        }

    def served_for(self, key: Hashable, now: float) -> float:
        """Seconds since it got its slot; infinite for one of whose slot nothing is known."""
        return now - self._began.get(key, float("-inf"))

    def waiting_since(self, key: Hashable, connected_at: float) -> float:
        """When it last had a slot, or came."""
        return self._ended.get(key, connected_at)
