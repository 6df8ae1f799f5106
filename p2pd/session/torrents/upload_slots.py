"""Upload slots over all torrents: how many there are, and how many of them a torrent may use.

The settings say how many regular slots a torrent has (0: all torrents together have as many as the
upload rate carries) and how many there are over all torrents (0: no limit). Only torrents with
peers that want something are known here, from one of their rounds to the next.
"""

from __future__ import annotations

from typing import Hashable, Protocol, Sequence

from p2pd.session.rate_limits import RateLimits
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.choking.slot_count import SlotCount
from p2pd.swarm.choking.slot_shares import SlotShares

OPTIMISTIC_SLOTS = 1
"""Slots that a torrent has besides its regular ones."""

REVIEW_SECONDS = 10.0


class SlotsOwner(Protocol):
    """The session."""

    settings: SessionSettings
    rates: RateLimits


class UploadSlots:
    """The slots of a session."""

    def __init__(self, owner: SlotsOwner) -> None:
        self._owner = owner
        self._shares = SlotShares()
        self._count = SlotCount()
        self._rates: dict[Hashable, Sequence[float]] = {}
        self._next_review = float("-inf")

    @property
    def follow_rate(self) -> bool:
        """Whether the upload rate decides how many there are."""
        return self._owner.settings.upload_slots == 0

    @property
    def taken(self) -> int:
        """How many are given out now."""
        return self._shares.taken

    def report(self, torrent: Hashable, rates: Sequence[float], now: float) -> None:
        """At each round: what a torrent's peers that have slots take, in bytes per second."""
        self._rates[torrent] = rates
        if now >= self._next_review and self.follow_rate:
            self._next_review = now + REVIEW_SECONDS
            every = [rate for some in self._rates.values() for rate in some]
            self._count.review(every, self._owner.rates.session_up)

    def ask(self, torrent: Hashable, need: int, now: float) -> int:
        """How many slots a torrent may use whose peers need so many."""
        settings = self._owner.settings
        limit = settings.upload_slots_global or None
        if self.follow_rate:
            limit = min(limit or self._count.count, self._count.count)
        else:
            need = min(need, settings.upload_slots + OPTIMISTIC_SLOTS)
        if need <= 0:
            self.leave(torrent)
            return 0
        self._shares.set_limit(limit)
        return self._shares.ask(torrent, need, now)

    def leave(self, torrent: Hashable) -> None:
        """No peer of a torrent wants anything."""
        self._rates.pop(torrent, None)
        self._shares.leave(torrent)
