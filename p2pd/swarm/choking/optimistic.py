"""The optimistic slots: peers are served by way of trial, so that newcomers get something to trade
with and better peers are found (BEP 3, choking).

A trial lasts half a minute, then the next is drawn by lot. Newcomers are three times as likely. A
peer that has what we want and gave us nothing for its last trials is the less likely, the more
there were of them; so who only takes gets little this way. But nobody waits for ever: who has
waited twice as long as it takes to serve all of them once goes first (with trials in vain, later).
"""

from __future__ import annotations

import random
from typing import Collection, Hashable, Protocol, Sequence

OPTIMISTIC_SECONDS = 30.0
NEW_SECONDS = 60.0
"""For this long a connection is new."""

NEW_WEIGHT = 3.0
MOST_FRUITLESS = 3
"""So many trials in vain count; it is four times less likely then."""

PATIENCE = 2.0
SHARE = 5
"""One slot of so many is optimistic, and one at least."""


class TrialPeer(Protocol):
    """What a trial needs to know of a peer; times in seconds."""

    @property
    def key(self) -> Hashable:
        """What the holders are named by."""

    @property
    def connected_at(self) -> float:
        """When it came."""

    @property
    def wanted(self) -> bool:
        """It has something that we want, so it could give."""

    @property
    def received(self) -> int:
        """Bytes that it gave us so far."""

    @property
    def unchoked(self) -> bool:
        """It has a slot now."""


class _Record:
    """Of one peer: since when it waits, what its trials brought."""

    __slots__ = ("fruitless", "received", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.received = 0
        self.fruitless = 0

    def patience(self, now: float) -> float:
        return (now - self.since) / (1 + self.fruitless)


def optimistic_share(slots: int) -> int:
    """How many of the slots are optimistic at least."""
    return max(1, slots // SHARE)


class OptimisticSlots:
    """`holders` are those on trial, and since when."""

    __slots__ = ("_records", "_rng", "holders")

    def __init__(self, rng: random.Random) -> None:
        self.holders: dict[Hashable, float] = {}
        self._rng = rng
        self._records: dict[Hashable, _Record] = {}

    def turn(self, peers: Sequence[TrialPeer], count: int, now: float) -> None:
        """A round: `peers` have no regular slot, `count` of them may be on trial.

        Who is in its trial stays, others are drawn for what is free.
        """
        here = {peer.key: peer for peer in peers}
        waiting = [peer for peer in peers if peer.key not in self.holders]
        for peer in waiting:
            record = self._records.setdefault(peer.key, _Record(now))
            if peer.received > record.received:
                record.fruitless = 0
        holders = {key: since for key, since in self.holders.items() if key in here}
        over = [key for key, since in holders.items() if now - since >= OPTIMISTIC_SECONDS]
        free = count - len(holders)
        for key in sorted(over, key=holders.__getitem__)[: max(0, len(waiting) - free)]:
            del holders[key]
            self._ended(here[key], now)
        for key in [*holders][: max(0, len(holders) - count)]:
            del holders[key]
            self._ended(here[key], now)
        self.holders = holders
        # Who had a slot until now comes after those who had none.
        for group in ([p for p in waiting if not p.unchoked], list(here.values())):
            left = [peer for peer in group if peer.key not in holders]
            while left and len(holders) < count:
                left.remove(self.draw(left, now))

    def draw(self, peers: Sequence[TrialPeer], now: float) -> TrialPeer:
        """Let one of them in; the order they are given in does not matter, if they are sorted."""
        records = [self._records.setdefault(peer.key, _Record(now)) for peer in peers]
        longest = max(range(len(peers)), key=lambda at: records[at].patience(now))
        if records[longest].patience(now) > PATIENCE * OPTIMISTIC_SECONDS * len(peers):
            chosen = longest
        else:
            weights = [
                (NEW_WEIGHT if now - peer.connected_at < NEW_SECONDS else 1.0)
                / (1 + record.fruitless)
                for peer, record in zip(peers, records, strict=True)
            ]
            chosen = self._rng.choices(range(len(peers)), weights)[0]
        peer, record = peers[chosen], records[chosen]
        record.since, record.received = now, peer.received
        self.holders[peer.key] = now
        return peer

    def holds(self, key: Hashable, now: float) -> bool:
        """Whether a peer is on trial, and the trial is not over."""
        return now - self.holders.get(key, float("-inf")) < OPTIMISTIC_SECONDS

    def keep_only(self, known: Collection[Hashable]) -> None:
        """Forget peers that are gone."""
        self._records = {key: record for key, record in self._records.items() if key in known}

    def end_all(self) -> None:
        """There are no slots."""
        self.holders = {}

    def _ended(self, peer: TrialPeer, now: float) -> None:
        record = self._records.setdefault(peer.key, _Record(now))
        record.since = now
        if peer.received > record.received:
            record.fruitless = 0
        elif peer.wanted:
            record.fruitless = min(MOST_FRUITLESS, record.fruitless + 1)
