"""The piece picker of one torrent: whom to ask for which block (BEP 3; BEP 6 for `only`, `prefer`).

Batches: one call picks all requests of a refill. Whole-piece affinity, partial pieces first,
rarest first, an end game with bounded waste; :mod:`picking` has the order of things. Peers are
any hashable keys. Refuses to know of sockets, time, rates and the bytes themselves. Nothing a
peer sends makes it raise: a block that was not asked for is simply not accepted.
"""

from __future__ import annotations

import random
from itertools import islice
from typing import Collection, Container, Hashable, Mapping, NamedTuple, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.asked_blocks import Pace
from p2pd.swarm.availability import Availability
from p2pd.swarm.partial_piece import BLOCK_SHIFT, FREE, RECEIVED, UNTOLD, PartialPiece
from p2pd.swarm.picker_state import PickerState, PieceGeometry
from p2pd.swarm.picking import Picking
from p2pd.swarm.piece_runs import next_run

__all__ = ["ACCEPTED", "BLOCK_SIZE", "BlockOutcome", "PieceGeometry", "PiecePicker"]


class BlockOutcome(NamedTuple):
    """What became of a block.

    `accepted`: its bytes are wanted, take them. `piece_complete`: it was the last of its piece,
    whose hash is to be checked now. `also_asked`: other peers it was asked of; it no longer is, and
    they should be sent a cancel.
    """

    accepted: bool
    piece_complete: bool
    also_asked: tuple[Hashable, ...]


_REFUSED = BlockOutcome(False, False, ())
ACCEPTED = BlockOutcome(True, False, ())
_COMPLETE = BlockOutcome(True, True, ())


class PiecePicker:
    """Which blocks are here, asked for, or to be asked for, and of whom.

    `have` is the pieces that passed their hash; it is the picker's own copy, to be read only.
    """

    __slots__ = ("_asked", "_open", "_order", "_state", "bytes_in_open_pieces", "have")

    def __init__(
        self,
        geometry: PieceGeometry,
        *,
        rng: random.Random,
        have: PieceSet,
        priorities: Sequence[int] | None = None,
    ) -> None:
        """Raises ValueError when `have` or `priorities` are not of the torrent's size."""
        if have.size != geometry.piece_count:
            raise ValueError(f"a set of {have.size} pieces in a torrent of {geometry.piece_count}")
        self.have = have.copy()
        self._state = PickerState(geometry, self.have, rng)
        self._order = self._state.order
        self._open = self._state.open_pieces
        self._asked = self._state.asked
        self.bytes_in_open_pieces = 0
        """Bytes received of pieces that have not passed their hash."""
        self.set_priorities(self._order.priorities if priorities is None else priorities)

    # -- what is wanted -----------------------------------------------------------------------

    def set_sequence(self, sequential: bool, first: int = 0) -> None:
        """Whether pieces are begun in their order, within a priority, and which is the first.

        The pieces before that come after the last. Raises IndexError outside the torrent.
        """
        self._state.masks.bit(first)
        self._order.sequential, self._order.first = sequential, first

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """One priority a piece: 0 unwanted, 4 normal, 7 first. Raises ValueError on others.

        Open pieces that become unwanted stay open, since blocks may be on their way, but nothing
        more of them is picked; see :meth:`unwanted_open_pieces`.
        """
        masks = self._state.masks
        opened = 0
        for piece in self._open.indices:
            opened |= masks.bit(piece)
        self._order.set_priorities(priorities, opened)

    def set_deadlines(self, due: Mapping[int, float]) -> None:
        """These pieces are due at these seconds, and no others: they come first, in that order.

        Those that are unwanted or here are passed over. Raises IndexError outside the torrent.
        """
        for piece in due:
            self._state.masks.bit(piece)
        self._state.deadlines.set(due)

    def deadlines(self, now: float) -> list[tuple[int, float]]:
        """The pieces that are due and not here, with the seconds left, the soonest first."""
        return self._state.deadlines.left(now)

    def hurry(self, now: float) -> None:
        """Have what is about to be late asked of a second peer; to be called again and again."""
        self._state.deadlines.hurry(now)

    def unwanted_open_pieces(self) -> list[int]:
        """Open pieces with priority 0 that are not complete: memory for :meth:`abandon_piece`."""
        priorities = self._order.priorities
        return [p for p in self._open.indices if not priorities[p] and self._open[p].missing]

    def wants_any_of(self, pieces: PieceSet) -> bool:
        """Whether a peer with these pieces is interesting: it has a wanted piece that we lack."""
        return self._order.wanted & self._state.masks.of(pieces) != 0

    # -- availability -------------------------------------------------------------------------

    def peer_joined(self, pieces: PieceSet) -> None:
        """A peer with these pieces is connected. Raises ValueError for another torrent's set."""
        self._state.availability.joined(pieces)

    def peer_left(self, pieces: PieceSet) -> None:
        """A peer with these pieces is gone."""
        self._state.availability.left(pieces)

    def peer_got(self, piece: int) -> None:
        """A connected peer has one piece more. Raises IndexError outside the torrent."""
        self._state.availability.got(piece)

    def peer_lost(self, piece: int) -> None:
        """A connected peer has one piece less (BEP 54). Raises IndexError outside the torrent."""
        self._state.availability.lost(piece)

    @property
    def swarm(self) -> Availability:
        """What the connected peers have; to be read only."""
        return self._state.availability

    def availability(self, piece: int) -> int:
        """Connected peers that have the piece. Raises IndexError outside the torrent."""
        return self._state.availability.count(piece)

    def distributed_copies(self) -> float:
        """Whole copies among the connected peers, and the share of pieces there is more of."""
        return self._state.availability.distributed_copies()

    # -- blocks -------------------------------------------------------------------------------

    def pick(
        self,
        peer: Hashable,
        pieces: PieceSet,
        count: int,
        *,
        may_open: int = 1 << 30,
        only: Container[int] | None = None,
        prefer: Sequence[int] = (),
        slow: bool = False,
        on_parole: bool = False,
        pace: Pace | None = None,
        now: float = 0.0,
    ) -> list[Request]:
        """Up to `count` blocks to ask `peer` for, which has `pieces`; they count as asked.

        At most `may_open` pieces are opened. `only`: nothing but these pieces (BEP 6, allowed
        fast). `prefer`: these before other new pieces (BEP 6, suggest). `slow`: it keeps us
        waiting, so it helps others finish and is the first to be replaced in the end game.
        `on_parole`: it may have spoiled a piece, so it gets pieces of its own, if there are any.
        `pace`: how soon it answers at `now`; in the end game nothing is asked twice of peers whose
        pace is known that would come about as soon anyhow.
        """
        if count <= 0 or not self._order.wanted:
            return []
        state, asked = self._state, self._asked.of(peer)
        asked.set_slow(slow)
        mask = state.masks.of(pieces)
        if state.nothing_to_ask(mask):
            return []
        state.serial += 1
        picking = Picking(state, peer, asked, pieces, mask, count, may_open, on_parole=on_parole)
        picking.know_pace(pace, now)
        if only is not None:
            picking.allow_only(only)
        return picking.run(prefer)

    def next_run(self, peer: Hashable, pieces: PieceSet, most: int) -> range:
        """Up to `most` pieces in a row to ask one for that likes it so: see :mod:`piece_runs`.

        To be handed to `pick` as `only` and `prefer`. Empty: all is asked for.
        """
        return next_run(self._state, peer, self._state.masks.of(pieces), most)

    def block_received(self, peer: Hashable, piece: int, begin: int, length: int) -> BlockOutcome:
        """Bytes of a block came from `peer`; whatever it sent, nothing is raised."""
        return self.blocks_received(peer, ((piece, begin, length),))[0]

    def blocks_received(
        self, peer: Hashable, blocks: Sequence[tuple[int, int, int]]
    ) -> list[BlockOutcome]:
        """Blocks (piece, begin, length) came from `peer`, in this order: what became of each.

        HOT: one call a wake-up; what neighbours share is looked up once.
        """
        asked = self._asked.get(peer)
        if asked is None:
            return [_REFUSED] * len(blocks)
        outcomes: list[BlockOutcome] = []
        pop, append = asked.requests.pop, outcomes.append
        current, received = -1, 0
        for request in blocks:
            if pop(request, None) is None:
                append(self._late_block(peer, request))
                continue
            piece, begin, length = request
            if piece != current:
                partial = self._open[piece]
                sender = partial.senders.get(peer) or partial.sender(peer)
                states, current = partial.states, piece
            block = begin >> BLOCK_SHIFT
            askers = states[block]
            states[block] = sender
            partial.missing -= 1
            received += length
            if askers > 1:
                withdrawn = self._withdraw(request)
                append(BlockOutcome(True, not partial.missing, withdrawn))
            else:
                append(ACCEPTED if partial.missing else _COMPLETE)
        self.bytes_in_open_pieces += received
        if received and not asked.requests:
            self._open.orphan_tail(peer)
        return outcomes

    def _late_block(self, peer: Hashable, request: tuple[int, int, int]) -> BlockOutcome:
        """A block that was given up comes after all: it is good as long as its piece is open."""
        late = self._asked.of(peer).late
        if request not in late:
            return _REFUSED
        del late[request]
        piece, begin, length = request
        partial = self._open.get(piece)
        if partial is None or partial.asked_of(begin) >= RECEIVED:
            return _REFUSED
        block = begin >> BLOCK_SHIFT
        if partial.states[block] == FREE:
            partial.free -= 1
        partial.states[block] = partial.sender(peer)
        partial.missing -= 1
        self.bytes_in_open_pieces += length
        self._open.file(partial)
        return BlockOutcome(True, not partial.missing, self._withdraw(request))

    def _withdraw(self, request: tuple[int, int, int]) -> tuple[Hashable, ...]:
        """Nobody is asked for it any more; what the idle have begun is for anyone to finish."""
        withdrawn = self._asked.withdraw(request)
        for peer in withdrawn:
            if not self._asked.of(peer).requests:
                self._open.orphan_tail(peer)
        return withdrawn

    def request_failed(self, peer: Hashable, request: Request) -> None:
        """A request timed out, was rejected or was lost in a choke: others should be asked.

        Does nothing when it is not asked of `peer`, as for a reject that nobody provoked.
        """
        asked = self._asked.get(peer)
        if asked is not None and asked.give_up(request):
            if request.piece not in self._open:
                return
            asked.failed |= self._state.masks.bit(request.piece)
            self._open.orphan_tail(peer)
            self._put_back(request)

    def outstanding(self, peer: Hashable) -> int:
        """How many blocks are asked of `peer`."""
        asked = self._asked.get(peer)
        return 0 if asked is None else len(asked.requests)

    def peer_requests(self, peer: Hashable) -> Collection[Request]:
        """What is asked of `peer`, oldest first: a live view, copy it before failing requests."""
        asked = self._asked.get(peer)
        return () if asked is None else asked.outstanding

    def expected(self, peer: Hashable, limit: int) -> list[tuple[int, int, int]]:
        """The blocks that should come from `peer` next, in order; none that others may send too."""
        asked = self._asked.get(peer)
        expected: list[tuple[int, int, int]] = []
        current = -1
        for request in islice(asked.requests, limit) if asked is not None else ():
            piece, begin, _ = request
            if piece != current:
                states, current = self._open[piece].states, piece
            if states[begin >> BLOCK_SHIFT] != 1:
                break
            expected.append(request)
        return expected

    def forget_peer(self, peer: Hashable) -> None:
        """The peer is gone: what was asked of it may be asked of others."""
        asked = self._asked.forget(peer)
        self._open.orphan_tail(peer)
        if asked is not None:
            for request in asked.outstanding:
                self._put_back(request)

    def _put_back(self, request: Request) -> None:
        partial = self._open[request.piece]
        partial.put_back(request.begin)
        if partial.asked_of(request.begin):
            self._asked.restore_backlogs()
        elif partial.untouched:
            self._state.close_piece(request.piece)
        else:
            self._open.orphan(partial)

    # -- pieces -------------------------------------------------------------------------------

    @property
    def open_pieces(self) -> int:
        """Pieces that are asked for, partly here, or complete and waiting for their hash."""
        return len(self._open)

    def is_open(self, piece: int) -> bool:
        """Whether the piece is one of the open ones."""
        return piece in self._open

    def contributors(self, piece: int) -> set[Hashable]:
        """The peers that sent blocks of an open piece."""
        partial = self._open.get(piece)
        return set() if partial is None else set(partial.senders)

    def block_senders(self, piece: int) -> list[Hashable | None]:
        """Who sent each block of an open piece; None: it is not here, or there were too many."""
        partial = self._open.get(piece)
        if partial is None:
            return []
        by_state = {state: peer for peer, state in partial.senders.items() if state != UNTOLD}
        return [by_state.get(state) for state in partial.states]

    def is_missing(self, piece: int) -> bool:
        """Whether blocks of an open piece are not here."""
        partial = self._open.get(piece)
        return partial is not None and partial.missing > 0

    def piece_passed(self, piece: int) -> list[tuple[Hashable, Request]]:
        """Its hash is right: it is had. What was still asked for, which should be cancelled.

        Raises IndexError outside the torrent.
        """
        self.have.add(piece)
        self._order.had(piece)
        self._state.failed_before.pop(piece, None)
        self._state.deadlines.done(piece)
        return self._close(piece)

    def piece_failed(self, piece: int, *, kept: bool = False) -> None:
        """Its hash is wrong: all its blocks are wanted again, from one peer if possible.

        `kept`: what came is kept to be compared, so a few at a time will do: it may be right soon.
        """
        if piece in self._open:
            self._state.failed_before[piece] = kept
            self._close(piece)

    def abandon_piece(self, piece: int) -> list[tuple[Hashable, Request]]:
        """Forget what is here of a piece; what was still asked for, which may be cancelled."""
        return self._close(piece)

    def _close(self, piece: int) -> list[tuple[Hashable, Request]]:
        partial: PartialPiece | None = self._state.close_piece(piece)
        if partial is None:
            return []
        self.bytes_in_open_pieces -= partial.received_bytes
        if partial.free == partial.missing:
            return []
        return self._asked.withdraw_piece(piece)
