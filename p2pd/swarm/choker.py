"""Whom to serve: tit for tat or a seeding policy, with optimistic slots (BEP 3, choking).

The policies are in `choking`; this one gives out the slots. Refuses to know of connections; peers
are what :class:`ChokerPeer` says, `now` is seconds.
"""

from __future__ import annotations

import random
from typing import Collection, Hashable, Iterable, Protocol, Sequence

from p2pd.swarm.choking.favoured_slots import favoured_first
from p2pd.swarm.choking.optimistic import (
    OPTIMISTIC_SECONDS,
    SHARE,
    OptimisticSlots,
    TrialPeer,
    optimistic_share,
)
from p2pd.swarm.choking.seeding_modes import ROUND_ROBIN, SEEDING_MODES
from p2pd.swarm.choking.seeding_peer import SeedingPeer
from p2pd.swarm.choking.snubbing import OwingPeer, Snubbing
from p2pd.swarm.choking.terms import Terms
from p2pd.swarm.choking.tit_for_tat import TradePeer, has_earned, trade_rank

BUSY = 0.6
BEST_RATE_KEPT = 0.8
"""An uplink is busy that sends this part of the most it sent lately; a round ago counts less."""


class ChokerPeer(TradePeer, SeedingPeer, TrialPeer, OwingPeer, Protocol):
    """What the choker sees of a peer: all that the policies ask for, and what it wants."""

    @property
    def interested(self) -> bool:
        """It wants something of us."""

    @property
    def upload_only(self) -> bool:
        """It wants nothing of anybody (BEP 21)."""


def wants_slot(peer: ChokerPeer) -> bool:
    """Whether a slot would be of any use to it."""
    return peer.interested and not peer.upload_only


class Choker:
    """The slots of one torrent: `slots` in all, the optimistic ones included.

    `seeding_mode` is one of `SEEDING_MODES`.
    """

    __slots__ = (
        "_best_rate", "_optimistic", "_snubbing", "_takers_now", "_terms", "seeding_mode", "slots",
    )  # fmt: skip

    def __init__(self, rng: random.Random, slots: int = 4, seeding_mode: str = ROUND_ROBIN) -> None:
        self.slots = slots
        self.seeding_mode = seeding_mode
        self._optimistic = OptimisticSlots(rng)
        self._snubbing = Snubbing()
        self._terms = Terms()
        self._best_rate = 0.0
        self._takers_now: int | None = None

    @property
    def optimistic(self) -> frozenset[Hashable]:
        """Those that are served by way of trial."""
        return frozenset(self._optimistic.holders)

    def decide(
        self,
        peers: Sequence[ChokerPeer],
        *,
        seeding: bool,
        now: float,
        slots: int | None = None,
        favoured: Collection[Hashable] = (),
    ) -> set[Hashable]:
        """One round, every ten seconds: the peers to serve until the next, at most `slots`.

        Some of the slots are first for those of the peers that are `favoured`.
        """
        slots = self.slots if slots is None else slots
        snubbing = self._snubbing.look(peers, now)
        willing = _in_order(peers)
        first = favoured_first(willing, favoured, self._terms, now, slots)
        served: set[Hashable] = {peer.key for peer in first}
        willing = [peer for peer in willing if peer.key not in served]
        slots -= len(served)
        if slots > 0:
            regular = _regular(slots, now, seeding=seeding)
            if seeding:
                ranked = self._by_seeding(willing, now)
                regular = min(regular, slots - len(willing) + len(ranked))
            else:
                ranked = _by_trade(willing, snubbing)
            chosen = {peer.key for peer in ranked[: max(0, regular)]}
            served |= chosen
            rest = [peer for peer in willing if peer.key not in chosen]
            takers = self._takers(slots, peers, seeding=seeding)
            self._optimistic.turn(rest, slots - len(chosen), now, takers=takers)
            served.update(self._optimistic.holders)
        else:
            self._optimistic.end_all()
        known = {peer.key for peer in peers}
        self._optimistic.keep_only(known)
        self._terms.settle(served, known, now)
        return served

    def fill_free_slot(
        self, peers: Sequence[ChokerPeer], *, now: float, slots: int | None = None
    ) -> Hashable | None:
        """Between rounds, when a peer becomes interested: whom to serve besides, if anyone."""
        willing = _in_order(peers)
        waiting = [peer for peer in willing if not peer.unchoked]
        if not waiting or len(willing) - len(waiting) >= (self.slots if slots is None else slots):
            return None
        drawn = self._optimistic.draw(waiting, now, takers=self._takers_now)
        if drawn is None:
            return None
        self._terms.begin(drawn.key, now)
        return drawn.key

    def _takers(self, slots: int, peers: Sequence[ChokerPeer], *, seeding: bool) -> int | None:
        """How many on trial may be such as took and gave nothing; None: any number.

        While the uplink is busy, what they are sent is taken from those who give, if any do.
        """
        rate = sum(peer.upload_rate for peer in peers)
        self._best_rate = max(rate, self._best_rate * BEST_RATE_KEPT)
        busy = rate > 0 and rate >= BUSY * self._best_rate
        contested = busy and not seeding and any(map(has_earned, peers))
        self._takers_now = optimistic_share(slots) if contested else None
        return self._takers_now

    def _by_seeding(self, willing: list[ChokerPeer], now: float) -> list[ChokerPeer]:
        """All but those on trial, who are compared with the others when it is over."""
        rank, terms, on_trial = SEEDING_MODES[self.seeding_mode], self._terms, self._optimistic
        others = [peer for peer in willing if not on_trial.holds(peer.key, now)]
        return sorted(others, key=lambda peer: rank(peer, terms, now))


def _in_order(peers: Iterable[ChokerPeer]) -> list[ChokerPeer]:
    """Those that want a slot, in an order that does not depend on the one they came in."""
    return sorted(filter(wants_slot, peers), key=lambda p: (p.connected_at, p.received, p.progress))


def _by_trade(willing: list[ChokerPeer], snubbing: set[Hashable]) -> list[ChokerPeer]:
    earned = [peer for peer in willing if has_earned(peer) and peer.key not in snubbing]
    return sorted(earned, key=trade_rank)


def _regular(slots: int, now: float, *, seeding: bool) -> int:
    """How many of them are not optimistic. A single one is, for one trial in five."""
    if slots == 1 and not seeding:
        return 0 if int(now // OPTIMISTIC_SECONDS) % SHARE == 0 else 1
    return slots - optimistic_share(slots)
