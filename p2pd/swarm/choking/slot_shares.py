"""A number of slots for several torrents: shared by need, and never more than there are.

Who needs fewer than an even share leaves the rest to the others. What cannot be split evenly goes
round. A torrent asks at each of its own rounds; what another has to give up it gets at a later one.
"""

from __future__ import annotations

from collections import deque
from typing import Hashable

SHARE_SECONDS = 1.0
"""Shares are worked out again after this time at the earliest: there may be many torrents."""

ROTATE_SECONDS = 60.0


class SlotShares:
    """Needs, shares and what was granted, by torrent; `limit` None: whatever is needed."""

    __slots__ = (
        "_changed", "_extra", "_granted", "_level", "_line", "_needs", "_rotated_at", "_shared_at",
        "_taken", "_wanted", "limit",
    )  # fmt: skip

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._needs: dict[Hashable, int] = {}
        self._granted: dict[Hashable, int] = {}
        self._wanted = 0
        self._taken = 0
        self._line: deque[Hashable] = deque()
        """All that need any; the first of them have one more than the even share."""
        self._extra: set[Hashable] = set()
        self._level = 0
        self._changed = False
        self._shared_at = float("-inf")
        self._rotated_at = float("-inf")

    def set_limit(self, limit: int | None) -> None:
        """So many slots there are from now on."""
        if limit != self.limit:
            self.limit = limit
            self._changed = True

    def ask(self, key: Hashable, need: int, now: float) -> int:
        """How many of the slots that it needs a torrent may use from now on."""
        if need <= 0:
            self.leave(key)
            return 0
        before = self._needs.get(key, 0)
        if not before:
            self._line.append(key)
        self._changed = self._changed or before != need
        self._needs[key] = need
        self._wanted += need - before
        share = need
        if self.limit is not None:
            if self._wanted > self.limit:
                share = min(need, self._share(key, now))
            others = self._taken - self._granted.get(key, 0)
            share = max(0, min(share, self.limit - others))
        self._grant(key, share)
        return share

    def leave(self, key: Hashable) -> None:
        """A torrent needs none, or is gone."""
        if key in self._needs:
            self._wanted -= self._needs.pop(key)
            self._line.remove(key)
            self._extra.discard(key)
            self._grant(key, 0)
            del self._granted[key]
            self._changed = True

    @property
    def taken(self) -> int:
        """Slots that are granted now."""
        return self._taken

    def _grant(self, key: Hashable, count: int) -> None:
        self._taken += count - self._granted.get(key, 0)
        self._granted[key] = count

    def _share(self, key: Hashable, now: float) -> int:
        rotate = now - self._rotated_at >= ROTATE_SECONDS
        if rotate or (self._changed and now - self._shared_at >= SHARE_SECONDS):
            self._work_out(now, rotate=rotate)
        return self._level + (key in self._extra)

    def _work_out(self, now: float, *, rotate: bool) -> None:
        """The even share, and who has one more."""
        assert self.limit is not None
        left, level = self.limit, 0
        needs = sorted(self._needs.values())
        for place, need in enumerate(needs):
            level = left // (len(needs) - place)
            if need > level:
                left -= level * (len(needs) - place)
                break
            left -= need
        if rotate:
            self._line.rotate(-len(self._extra))
            self._rotated_at = now
        more = [key for key in self._line if self._needs[key] > level]
        self._extra = set(more[:left])
        self._level, self._shared_at, self._changed = level, now, False
