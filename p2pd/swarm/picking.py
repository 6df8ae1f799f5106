"""One pick: which blocks to ask one peer for now.

In this order: what somebody waits for (see :mod:`deadlines`); the piece it has begun; pieces that
somebody left unfinished; a new piece, whole if it is quick; pieces that others work on; what slow
peers were asked for; in the end game, blocks that others would send much later. So
pieces are finished before new ones are begun, and a piece comes from one peer where it can, which
makes a failed hash somebody's fault. A slow peer joins what others work on before it may begin
anything, and then takes what is common: nothing rare should wait for it.

A piece that failed its hash is begun first, for it tells who lied. A peer that had a part in one
is on parole: it gets pieces of its own, if there are any, so that the next to fail is its fault.
"""

from __future__ import annotations

from itertools import islice
from typing import Container, Hashable, Iterable, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.swarm.asked_blocks import AskedBlocks, Pace
from p2pd.swarm.partial_piece import PartialPiece
from p2pd.swarm.picker_state import PickerState

ASKED_AT_MOST = 3
"""Peers that a block is asked of, in the end game: the third only when one before is slow."""

DUPLICATES_AT_ONCE = 32
"""Requests a peer may have for the end game to ask it for more: what arrives twice is waste."""

TIMES_LATER = 2.0
SECONDS_LATER = 0.6
"""A block is asked of a second peer if the first should take so many times as long as that one, and
so many seconds more: what comes at about the same time, no cancel can stop, nor what others have
given to their socket. libtorrent gives it what it sends in half a second."""

ON_THEIR_WAY = 2
"""Blocks that a peer which sends at all has given to its socket: no cancel stops them either."""


class Picking:
    """The state of one pick."""

    __slots__ = (
        "_allowed", "_asked", "_flags", "_left", "_mask", "_may_open", "_now", "_on_parole",
        "_passed_over", "_peer", "_state", "_taken",
    )  # fmt: skip

    def __init__(
        self,
        state: PickerState,
        peer: Hashable,
        asked: AskedBlocks,
        pieces: PieceSet,
        mask: int,
        count: int,
        may_open: int,
        *,
        on_parole: bool,
    ) -> None:
        """`asked` is what the peer is asked for already, `mask` that of the pieces it has."""
        self._state = state
        self._peer = peer
        self._asked = asked
        self._on_parole = on_parole
        self._flags = pieces.flags
        self._mask = mask
        self._allowed: Container[int] | None = None
        self._left = count
        self._may_open = may_open
        self._passed_over = False
        self._now = 0.0
        self._taken: list[Request] = []

    def know_pace(self, pace: Pace | None, now: float) -> None:
        """How soon the peer answers, if that is known."""
        self._asked.pace = pace
        self._now = now

    def allow_only(self, only: Container[int]) -> None:
        """Keep to these pieces: those that a choking peer serves (BEP 6)."""
        masks, mask = self._state.masks, 0
        within: Iterable[int] = only if isinstance(only, Iterable) else range(masks.size)
        for piece in within:
            if 0 <= piece < masks.size and piece in only:
                mask |= masks.bit(piece)
        self._allowed = only
        self._mask &= mask

    def run(self, prefer: Sequence[int]) -> list[Request]:
        """The requests; they are marked as asked of the peer."""
        open_pieces = self._state.open_pieces
        if self._state.deadlines.order and not self._asked.slow:
            self._keep_deadlines()
        tail = open_pieces.tails.get(self._peer)
        if tail is not None and self._left:
            self._go_on([tail])
        if self._on_parole and self._left and self._may_open > 0:
            self._begin(prefer)
            if self._taken:
                return self._taken
        if self._left and open_pieces.orphans:
            self._go_on(self._by_urgency(open_pieces.orphans.values()))
        if self._left and self._asked.slow:
            self._join_others()
        if self._left and self._may_open > 0:
            self._begin(prefer)
        if self._left:
            self._last_resorts()
        return self._taken

    def _last_resorts(self) -> None:
        if not self._asked.slow:
            self._join_others()
        if self._passed_over and self._left:
            self._take_passed_over()
        if self._left and not self._taken:
            self._duplicate()

    # -- what is due --------------------------------------------------------------------------

    def _keep_deadlines(self) -> None:
        """Pieces that somebody waits for, the soonest first; whoever has one helps with it."""
        state, flags = self._state, self._flags
        for piece in state.deadlines.order:
            if not self._left:
                return
            if not flags[piece]:
                continue
            partial = state.open_pieces.get(piece)
            if partial is None:
                if self._may_open > 0 and state.order.is_unbegun(piece, self._mask):
                    self._open(piece)
            elif self._may_take(partial) and partial.owner in (None, self._peer):
                self._take(partial, adopt=True)
            elif self._may_take(partial) and not partial.exclusive:
                self._take(partial, adopt=False)
        for piece in state.deadlines.urgent:
            urgent = state.open_pieces.get(piece)
            if urgent is not None and self._left:
                self._ask_again(urgent)

    def _ask_again(self, partial: PartialPiece) -> None:
        """Blocks that one other peer was asked for, and that are about to be late."""
        again: list[Request] = []
        for block, state in enumerate(partial.states):
            request = partial.request(block)
            if state == 1 and len(again) < self._left and self._may_share(request):
                partial.ask_again(request.begin)
                again.append(request)
        self._asked.ask_too(again, self._state.serial)
        self._taken += again
        self._left -= len(again)

    # -- open pieces --------------------------------------------------------------------------

    def _go_on(self, partials: Iterable[PartialPiece]) -> None:
        for partial in partials:
            if not self._left:
                return
            if self._may_take(partial):
                if self._was_in_vain(partial.piece):
                    self._passed_over = True
                else:
                    self._take(partial, adopt=not self._asked.slow)

    def _join_others(self) -> None:
        tails = self._state.open_pieces.tails
        shared = [tail for tail in tails.values() if not tail.exclusive]
        for partial in self._by_urgency(shared):
            if not self._left:
                return
            if self._may_take(partial):
                self._take(partial, adopt=False)

    def _take_passed_over(self) -> None:
        for partial in self._by_urgency(self._state.open_pieces.orphans.values()):
            if not self._left:
                return
            if self._may_take(partial):
                self._take(partial, adopt=not self._asked.slow)

    def _by_urgency(self, partials: Iterable[PartialPiece]) -> list[PartialPiece]:
        """By priority; then the first in sequence, or those with the least to come."""
        order, priorities = self._state.order, self._state.order.priorities
        if order.sequential:
            return sorted(partials, key=lambda p: (-priorities[p.piece], order.place(p.piece)))
        return sorted(partials, key=lambda p: (-priorities[p.piece], p.missing))

    def _may_take(self, partial: PartialPiece) -> bool:
        piece = partial.piece
        return bool(
            partial.askable
            and self._flags[piece]
            and self._state.order.priorities[piece]
            and (self._allowed is None or piece in self._allowed)
        )

    def _was_in_vain(self, piece: int) -> bool:
        """It was asked for this piece in vain, and somebody else could be."""
        state = self._state
        return bool(
            self._asked.failed
            and self._asked.failed & state.masks.bit(piece)
            and state.availability.count(piece) > 1
            and state.asked.anyone_but(self._asked)
        )

    def _take(self, partial: PartialPiece, *, adopt: bool) -> None:
        requests = partial.take(self._left)
        self._left -= len(requests)
        self._taken += requests
        self._asked.ask(requests, self._state.serial)
        if adopt:
            self._state.open_pieces.own(partial, self._peer)
        else:
            self._state.open_pieces.file(partial)

    # -- new pieces ---------------------------------------------------------------------------

    def _begin(self, prefer: Sequence[int]) -> None:
        failed = self._asked.failed & self._mask
        mask = self._mask ^ failed
        for piece in (*self._failed_pieces(), *prefer):
            if self._state.order.is_unbegun(piece, mask):
                self._open(piece)
                if not (self._left and self._may_open):
                    return
        for candidates in (mask, failed):
            for piece in self._state.order.next_pieces(candidates, common_first=self._asked.slow):
                self._open(piece)
                if not (self._left and self._may_open):
                    return

    def _failed_pieces(self) -> Iterable[int]:
        """Those that failed their hash, unless it is the order that counts."""
        state = self._state
        return () if state.order.sequential else sorted(state.failed_before)

    def _open(self, piece: int) -> None:
        self._may_open -= 1
        partial = self._state.open_piece(piece)
        partial.exclusive = partial.exclusive or self._on_parole
        self._take(partial, adopt=self._on_parole or not self._asked.slow)

    # -- the end game -------------------------------------------------------------------------

    def _duplicate(self) -> None:
        """Ask for what others were asked for: the last in the queue of the slowest first.

        That is for the end game, when all there is is asked for, and then for what would come much
        later. Before, and while pieces are still to come into the swarm, only the slow are
        relieved: what is asked of peers that deliver comes in time, and asking twice would take
        away from what others could have.
        """
        state = self._state
        only_slow = state.more_will_come() or not state.everything_is_asked()
        room = min(self._left, DUPLICATES_AT_ONCE - len(self._asked.requests))
        if room <= 0:
            return
        for other in state.asked.slowest_first(self._asked, only_slow=only_slow):
            requests = self._share_backlog(other, room, self._much_later(other))
            self._asked.ask_too(requests, state.serial)
            self._taken += requests
            room -= len(requests)
            if room <= 0:
                return

    def _much_later(self, other: AskedBlocks) -> Container[tuple[int, int, int]]:
        """What another peer is asked for and would send much later than this one."""
        ours, theirs = self._asked.pace, other.pace
        if other.slow or ours is None or theirs is None:
            return other.requests
        soon = ours.answer_takes(len(self._asked.requests), self._now)
        if soon == float("inf"):
            return ()
        in_time = theirs.answers_within(TIMES_LATER * soon + SECONDS_LATER, self._now)
        if in_time:
            in_time += ON_THEIR_WAY
        return set(islice(reversed(other.requests), max(0, len(other.requests) - in_time)))

    def _share_backlog(
        self, other: AskedBlocks, room: int, later: Container[tuple[int, int, int]]
    ) -> list[Request]:
        backlog, limit = other.backlog, ASKED_AT_MOST if other.slow else ASKED_AT_MOST - 1
        open_pieces = self._state.open_pieces
        shared: list[Request] = []
        kept = []
        while backlog and len(shared) < room:
            request = backlog.pop()
            if request not in other.requests:
                continue
            if request not in later:
                kept.append(request)
                break
            piece, begin, _ = request
            askers = open_pieces[piece].asked_of(begin)
            if askers < limit and self._may_share(request):
                open_pieces[piece].ask_again(begin)
                shared.append(Request(*request))
                askers += 1
            if askers < limit:
                kept.append(request)
        backlog.extend(reversed(kept))
        return shared

    def _may_share(self, request: tuple[int, int, int]) -> bool:
        piece = request[0]
        return bool(
            self._flags[piece]
            and request not in self._asked.requests
            and (self._allowed is None or piece in self._allowed)
            and self._state.order.priorities[piece]
        )
