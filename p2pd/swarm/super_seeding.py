"""Super-seeding: which piece to show to which peer, so that each leaves us once (BEP 16).

A seed that says what it has is asked by everybody for what it is sending to others already. Here
it shows single pieces instead, each to one peer, and counts on the peers to pass them on. As BEP 16
has it, who passed on what it was shown comes first; but nobody is waited for, since an uplink that
stands idle helps nobody, and what was shown and does not arrive is shown to somebody else.
Only as many pieces are shown as keep the uplink busy: the fewer share it, the sooner each is whole
and can be passed on. Refuses to know of connections; peers are any hashable keys.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Collection, Hashable

from p2pd.base.piece_set import PieceSet
from p2pd.swarm.availability import Availability

AUTO, ON, OFF = MODES = "auto", "on", "off"
"""Whether a seed does it: `AUTO` leaves it to whoever knows the torrent."""

FIRST_DELAY = 5.0
"""Seconds that a piece takes until one was measured."""

OVERDUE = 4.0
"""Times the usual delay after which a piece is not what keeps the uplink busy, and is shown to
somebody else when nothing else is left to show."""

LOST = 10.0
LOST_SECONDS = 60.0
"""Times the usual delay, and seconds, after which a piece is shown to somebody else."""


class _Shown:
    """What one peer has been shown. `to_pass_on`: pieces that nobody else was seen with yet."""

    __slots__ = ("fetched", "has", "in_flight", "mask", "pieces", "to_pass_on")

    def __init__(self, has: PieceSet) -> None:
        self.has = has
        self.fetched = 0
        self.pieces: set[int] = set()
        self.mask = 0
        self.in_flight: set[int] = set()
        self.to_pass_on: set[int] = set()


class SuperSeeding:
    """What was shown to whom, and what is next. Time is seconds of any clock."""

    __slots__ = ("_availability", "_delay", "_peers", "_rng", "_to_pass_on", "_under_way")

    def __init__(self, availability: Availability, rng: random.Random) -> None:
        """`availability` counts the pieces of every connected peer, without us."""
        self._availability = availability
        self._rng = rng
        self._peers: dict[Hashable, _Shown] = {}
        self._under_way: dict[int, tuple[Hashable, float]] = {}
        self._to_pass_on: dict[int, Hashable] = {}
        self._delay = FIRST_DELAY

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def peers(self) -> Collection[Hashable]:
        """Those that see what they are shown alone."""
        return self._peers.keys()

    def owes_news(self, peer: Hashable) -> bool:
        """Whether the peer was shown something that it did not say it has."""
        shown = self._peers.get(peer)
        return shown is not None and bool(shown.in_flight)

    # -- what happens -------------------------------------------------------------------------

    def joined(self, peer: Hashable, has: PieceSet) -> set[int]:
        """A peer is to be shown pieces from now on; `has` is followed. Returns a live set of them.

        Call it again when the peer said anew what it has.
        """
        known = self._peers.get(peer)
        if known is None:
            known = self._peers[peer] = _Shown(has)
        known.has = has
        return known.pieces

    def left(self, peer: Hashable) -> None:
        """A peer is gone; what was on its way to it is lost."""
        shown = self._peers.pop(peer, None)
        if shown is None:
            return
        for piece in shown.in_flight:
            if self._under_way.get(piece, (None,))[0] == peer:
                del self._under_way[piece]
        for piece in shown.to_pass_on:
            if self._to_pass_on.get(piece) == peer:
                del self._to_pass_on[piece]

    def got(self, peer: Hashable, piece: int, now: float) -> None:
        """Any peer of the torrent has one piece more, and `availability` counts it."""
        giver = self._to_pass_on.get(piece)
        if giver is not None and giver != peer:
            del self._to_pass_on[piece]
            self._peers[giver].to_pass_on.discard(piece)
        shown = self._peers.get(peer)
        if shown is not None and piece in shown.in_flight:
            shown.in_flight.discard(piece)
            shown.fetched += 1
            if self._availability.count(piece) <= 1:
                shown.to_pass_on.add(piece)
                self._to_pass_on[piece] = peer
            self._landed(peer, piece, now)

    # -- what follows -------------------------------------------------------------------------

    @property
    def swarm_is_whole(self) -> bool:
        """Whether the connected peers have a copy among them."""
        return not self._missing()

    def show(self, window: int, now: float) -> list[tuple[Hashable, int]]:
        """Whom to show what now, so that about `window` pieces are on their way."""
        self._give_up_lost(now)
        overdue = now - OVERDUE * self._delay
        room = window - sum(since > overdue for _, since in self._under_way.values())
        chosen: list[tuple[Hashable, int]] = []
        while room > 0:
            pair = self._next_pair(overdue)
            if pair is None:
                break
            peer, piece = pair
            shown = self._peers[peer]
            shown.pieces.add(piece)
            shown.mask |= self._availability.masks.bit(piece)
            shown.in_flight.add(piece)
            self._under_way[piece] = peer, now
            chosen.append(pair)
            room -= 1
        return chosen

    # -- choosing -----------------------------------------------------------------------------

    def _next_pair(self, overdue: float) -> tuple[Hashable, int] | None:
        """The peer with the least to do, and a piece for it that the fewest have."""
        masks = self._availability.masks
        under_way = late = 0
        for piece, (_, since) in self._under_way.items():
            under_way |= masks.bit(piece)
            if since <= overdue:
                late |= masks.bit(piece)
        missing = self._missing()
        late &= missing
        missing ^= missing & under_way
        for peer in self._least_laden_first(overdue):
            shown = self._peers[peer]
            # What it was shown before, it may have for the asking.
            lacks = masks.everything ^ (masks.of(shown.has) | shown.mask)
            candidates = missing & lacks or late & lacks
            candidates = candidates or self._availability.rarest_of(lacks ^ (lacks & under_way))
            if candidates:
                return peer, masks.any_of(candidates, self._rng)
        return None

    def _least_laden_first(self, overdue: float) -> list[Hashable]:
        """Ties are broken by chance. Who fetches gets more at a time, others one to begin with."""
        fresh: Counter[Hashable] = Counter()
        for peer, since in self._under_way.values():
            fresh[peer] += since > overdue
        peers = [peer for peer, shown in self._peers.items() if fresh[peer] <= shown.fetched]
        self._rng.shuffle(peers)
        peers.sort(key=self._load)
        return peers

    def _load(self, peer: Hashable) -> tuple[int, int]:
        shown = self._peers[peer]
        return len(shown.in_flight), len(shown.to_pass_on)

    def _missing(self) -> int:
        """The mask of pieces that no connected peer has."""
        return self._availability.masks.everything ^ self._availability.present()

    # -- what is on its way -------------------------------------------------------------------

    def _landed(self, peer: Hashable, piece: int, now: float) -> None:
        to, since = self._under_way.get(piece, (None, now))
        if to == peer:
            del self._under_way[piece]
            self._delay += (now - since - self._delay) / 8

    def _give_up_lost(self, now: float) -> None:
        limit = max(LOST_SECONDS, LOST * self._delay)
        lost = [piece for piece, (_, since) in self._under_way.items() if now - since > limit]
        for piece in lost:
            del self._under_way[piece]
