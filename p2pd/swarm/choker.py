"""Whom to serve: tit for tat, with an optimistic unchoke (BEP 3, choking).

While downloading, the slots go to those who send us most; while seeding, to those who take most.
One slot is optimistic: it goes round, so that newcomers have a chance and better peers are found.
Refuses to know of connections; peers are what :class:`ChokerPeer` says, `now` is seconds.
"""

from __future__ import annotations

import random
from typing import Hashable, Protocol, Sequence

OPTIMISTIC_SECONDS = 30.0
NEW_SECONDS = 60.0
"""For this long a connection is new, and three times as likely to be the optimistic one."""

GRACE_SECONDS = 20.0
"""While seeding, a slot is not taken away before its peer could show what it takes."""


class ChokerPeer(Protocol):
    """What the choker sees of a peer; rates in bytes per second, `connected_at` in seconds."""

    @property
    def key(self) -> Hashable:
        """What the answers name it by."""

    @property
    def interested(self) -> bool:
        """It wants something of us."""

    @property
    def download_rate(self) -> float:
        """What it sends us."""

    @property
    def upload_rate(self) -> float:
        """What we send it."""

    @property
    def snubbed(self) -> bool:
        """It keeps us waiting."""

    @property
    def connected_at(self) -> float:
        """When it came."""

    @property
    def upload_only(self) -> bool:
        """It wants nothing of anybody (BEP 21)."""

    @property
    def unchoked(self) -> bool:
        """It has a slot now."""


class Choker:
    """The slots of one torrent; `optimistic` is the peer that has the optimistic one, if any."""

    __slots__ = ("_chosen_at", "_rng", "_rotated_at", "optimistic", "slots")

    def __init__(self, rng: random.Random, slots: int = 4) -> None:
        self.slots = slots
        self.optimistic: Hashable | None = None
        self._rng = rng
        self._rotated_at = float("-inf")
        self._chosen_at: dict[Hashable, float] = {}

    def decide(
        self, peers: Sequence[ChokerPeer], *, seeding: bool, now: float, slots: int | None = None
    ) -> set[Hashable]:
        """One round, every ten seconds: the peers to serve until the next, at most `slots`."""
        slots = self.slots if slots is None else slots
        willing = [peer for peer in peers if peer.interested and not peer.upload_only]
        chosen: dict[Hashable, None] = {}
        if slots <= 0:
            self.optimistic = None
        else:
            ranked = self._by_seeding(willing, now) if seeding else self._by_trade(willing)
            regular = slots - 1 if seeding else max(1, slots - 1)
            chosen = dict.fromkeys(peer.key for peer in ranked[:regular])
            rest = [peer for peer in willing if peer.key not in chosen]
            self._rotate(rest if len(chosen) < slots else (), now)
            if self.optimistic is not None:
                chosen[self.optimistic] = None
            self._fill(chosen, rest, slots, now)
        self._chosen_at = {key: self._chosen_at.get(key, now) for key in chosen}
        return set(chosen)

    def fill_free_slot(
        self, peers: Sequence[ChokerPeer], *, now: float, slots: int | None = None
    ) -> Hashable | None:
        """Between rounds, when a peer becomes interested: whom to serve besides, if anyone."""
        willing = [peer for peer in peers if peer.interested and not peer.upload_only]
        waiting = [peer for peer in willing if not peer.unchoked]
        if not waiting or len(willing) - len(waiting) >= (self.slots if slots is None else slots):
            return None
        key = self._draw(waiting, now).key
        self._chosen_at[key] = now
        return key

    @staticmethod
    def _by_trade(willing: Sequence[ChokerPeer]) -> list[ChokerPeer]:
        """Who sends us most; a peer that keeps us waiting has no regular slot."""
        return sorted(
            (peer for peer in willing if not peer.snubbed and peer.download_rate > 0),
            key=lambda p: (-p.download_rate, not p.unchoked, -p.upload_rate, p.connected_at),
        )

    def _by_seeding(self, willing: Sequence[ChokerPeer], now: float) -> list[ChokerPeer]:
        """Who was just let in, then who takes most; at the end who has a slot and takes nothing."""

        def rank(peer: ChokerPeer) -> tuple[bool, float, bool, float]:
            since = self._chosen_at.get(peer.key, float("-inf")) if peer.unchoked else float("-inf")
            rate = peer.upload_rate if peer.unchoked else 0.0
            return now - since >= GRACE_SECONDS, -rate, peer.unchoked, peer.connected_at

        return sorted(willing, key=rank)

    def _rotate(self, rest: Sequence[ChokerPeer], now: float) -> None:
        """Keep the optimistic peer for its time, unless it left or earned a regular slot."""
        stays = any(peer.key == self.optimistic for peer in rest)
        if stays and now - self._rotated_at < OPTIMISTIC_SECONDS:
            return
        others = [peer for peer in rest if peer.key != self.optimistic]
        if others:
            choked = [peer for peer in others if not peer.unchoked]
            self.optimistic = self._draw(choked or others, now).key
            self._rotated_at = now
        elif not stays:
            self.optimistic = None

    def _fill(
        self, chosen: dict[Hashable, None], rest: Sequence[ChokerPeer], slots: int, now: float
    ) -> None:
        """Slots that nobody earned go to those who have them, then to chance; the snubbed last."""
        left = [peer for peer in rest if peer.key not in chosen]
        while left and len(chosen) < slots:
            fitting = [peer for peer in left if not peer.snubbed] or left
            keeping = [peer for peer in fitting if peer.unchoked]
            peer = keeping[0] if keeping else self._draw(fitting, now)
            chosen[peer.key] = None
            left.remove(peer)

    def _draw(self, peers: Sequence[ChokerPeer], now: float) -> ChokerPeer:
        weights = [3 if now - peer.connected_at < NEW_SECONDS else 1 for peer in peers]
        return self._rng.choices(peers, weights)[0]
