"""The optimistic slots: peers are served by way of trial, so that newcomers get something to trade
with and better peers are found (BEP 3, choking).

A trial lasts half a minute, then the next is drawn by lot. Newcomers are three times as likely. A
peer that gave us nothing for its last trials is the less likely, the more there were of them. Such
peers, and those that never gave anything, may be kept to a part of the slots. But nobody waits for
ever: who has waited twice as long as it takes to serve all of them once goes first (after trials in
vain, later).
"""

from __future__ import annotations

import random
from typing import Collection, Hashable, Protocol, Sequence

from p2pd.swarm.choking.slot_peer import SlotPeer

OPTIMISTIC_SECONDS = 30.0
NEW_SECONDS = 60.0
"""For this long a connection is new."""

NEW_WEIGHT = 3.0
MOST_FRUITLESS = 3
"""So many trials in vain count; it is four times less likely then."""

FAIR_SECONDS = 10.0
"""So long a trial has to be, to count: the others have a round of their own in that time."""

PATIENCE = 2.0
SHARE = 5
"""One slot of so many is optimistic, and one at least."""


class TrialPeer(SlotPeer, Protocol):
    """What a trial needs to know of a peer."""

    @property
    def received(self) -> int:
        """Bytes that it gave us so far."""


class _Record:
    """Of one peer: since when it waits, and what its trials brought."""

    __slots__ = ("before", "fruitless", "since", "taker")

    def __init__(self, now: float) -> None:
        self.since = now
        self.before = 0
        """What it had given when its last trial began."""
        self.fruitless = 0
        self.taker = True

    def look(self, received: int) -> None:
        """It has given so much by now."""
        if received > self.before:
            self.fruitless = 0
        self.taker = received == 0 or self.fruitless > 0

    def began(self, received: int, now: float) -> None:
        """Its trial begins."""
        self.since, self.before = now, received

    def ended(self, received: int, now: float) -> None:
        """Its trial is over; one that was cut short too early says nothing."""
        if received == self.before and now - self.since >= FAIR_SECONDS:
            self.fruitless = min(MOST_FRUITLESS, self.fruitless + 1)
        self.since = now

    def patience(self, now: float) -> float:
        """How long it has waited, which counts less after trials in vain."""
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

    def turn(
        self, peers: Sequence[TrialPeer], count: int, now: float, *, takers: int | None = None
    ) -> None:
        """A round: `peers` have no regular slot, `count` of them may be on trial.

        Who is in its trial stays, others are drawn for what is free; at most `takers` of them are
        such as gave nothing, ever or for their last trial.
        """
        takers = count if takers is None else takers
        here = {peer.key: peer for peer in peers}
        for peer in peers:
            self._records.setdefault(peer.key, _Record(now)).look(peer.received)
        held = {key: at for key, at in self.holders.items() if key in here}
        by_age = sorted(held, key=held.__getitem__)
        over = [key for key in by_age if now - held[key] >= OPTIMISTIC_SECONDS]
        ending = over[: max(0, len(peers) - count)]
        taking = [key for key in by_age if self._records[key].taker and key not in ending]
        ending += taking[: max(0, len(taking) - takers)]
        stay = [key for key in by_age if key not in ending]
        ending += stay[: max(0, len(stay) - count)]
        for key in ending:
            del held[key]
            self._records[key].ended(here[key].received, now)
        self.holders = held
        # Who had a slot until now comes after those who had none.
        for group in ([peer for peer in peers if not peer.unchoked], peers):
            while len(self.holders) < count and self.draw(group, now, takers=takers) is not None:
                pass

    def draw(
        self, among: Sequence[TrialPeer], now: float, *, takers: int | None = None
    ) -> TrialPeer | None:
        """Let one more in, if any may come; the same whatever their order, if they are sorted."""
        peers = [peer for peer in among if peer.key not in self.holders]
        records = [self._records.setdefault(peer.key, _Record(now)) for peer in peers]
        for peer, record in zip(peers, records, strict=True):
            record.look(peer.received)
        if takers is not None and sum(self._records[key].taker for key in self.holders) >= takers:
            peers = [peer for peer in peers if not self._records[peer.key].taker]
            records = [record for record in records if not record.taker]
        if not peers:
            return None
        longest = max(range(len(peers)), key=lambda at: records[at].patience(now))
        if records[longest].patience(now) > PATIENCE * OPTIMISTIC_SECONDS * len(peers):
            chosen = longest
        else:
            new = [now - peer.connected_at < NEW_SECONDS for peer in peers]
            weights = [
                (NEW_WEIGHT if is_new else 1.0) / (1 + record.fruitless)
                for is_new, record in zip(new, records, strict=True)
            ]
            chosen = self._rng.choices(range(len(peers)), weights)[0]
        peer = peers[chosen]
        records[chosen].began(peer.received, now)
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
