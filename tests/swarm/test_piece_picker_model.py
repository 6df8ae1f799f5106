"""The piece picker against a naive model, with any interleaving of what can happen to it."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.swarm.picking import ASKED_AT_MOST, DUPLICATES_AT_ONCE
from p2pd.swarm.piece_picker import PiecePicker

PIECES = 9
SIZES = [BLOCK_SIZE * n for n in (1, 3, 2, 4, 1, 5, 2, 3)] + [BLOCK_SIZE + 77]
NAMES = ["anna", "ben", "cleo", "dirk"]

pieces_of_torrent = st.integers(0, PIECES - 1)
everything = st.just(set(range(PIECES)))
sets_of_pieces = st.one_of(everything, everything, st.sets(pieces_of_torrent))


class Geometry:
    """Pieces of various sizes."""

    piece_count = PIECES

    def request_size(self, piece: int) -> int:
        return SIZES[piece]


def blocks_of(piece: int) -> list[Request]:
    return [
        Request(piece, begin, min(BLOCK_SIZE, SIZES[piece] - begin))
        for begin in range(0, SIZES[piece], BLOCK_SIZE)
    ]


class PickerMachine(RuleBasedStateMachine):
    """`asked`, `here`, `had`, `peers` are the model: plain sets, counted one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.picker = PiecePicker(Geometry(), rng=random.Random(3), have=PieceSet(PIECES))
        self.priorities = [4] * PIECES
        self.had: set[int] = set()
        self.here: dict[int, set[Request]] = {}
        self.senders: dict[int, dict[int, str]] = {}
        self.peers: dict[str, PieceSet] = {}
        self.asked: dict[str, list[Request]] = {}
        self.failed: dict[str, set[Request]] = {}
        self.slow: dict[str, bool] = {}
        self.kept: set[int] = set()

    # -- what the model knows ----------------------------------------------------------------

    def open_pieces(self) -> set[int]:
        asked = {request.piece for requests in self.asked.values() for request in requests}
        return asked | {piece for piece, here in self.here.items() if here}

    def wanted(self) -> set[int]:
        return {p for p in range(PIECES) if self.priorities[p]} - self.had

    def askers(self, request: Request) -> list[str]:
        return [peer for peer, requests in self.asked.items() if request in requests]

    def free_blocks(self, pieces: set[int]) -> set[Request]:
        return {
            block
            for piece in pieces & self.wanted()
            for block in blocks_of(piece)
            if block not in self.here.get(piece, ()) and not self.askers(block)
        }

    def present(self) -> set[int]:
        return {piece for pieces in self.peers.values() for piece in pieces}

    def complete(self) -> list[int]:
        return [p for p, here in self.here.items() if len(here) == len(blocks_of(p))]

    def accept(self, peer: str, block: Request) -> None:
        self.here.setdefault(block.piece, set()).add(block)
        self.senders.setdefault(block.piece, {})[block.begin] = peer
        for requests in self.asked.values():
            if block in requests:
                requests.remove(block)

    def drop_piece(self, piece: int) -> None:
        self.here.pop(piece, None)
        self.senders.pop(piece, None)
        for requests in self.asked.values():
            requests[:] = [request for request in requests if request.piece != piece]

    # -- peers -------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), members=sets_of_pieces)
    def join(self, name: str, members: set[int]) -> None:
        if name not in self.peers:
            self.peers[name] = PieceSet(PIECES, sorted(members))
            self.asked[name], self.failed[name] = [], set()
            self.picker.peer_joined(self.peers[name])

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.peers)))
        self.picker.forget_peer(name)
        self.picker.peer_left(self.peers.pop(name))
        del self.asked[name], self.failed[name]

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), piece=pieces_of_torrent)
    def have_or_dont_have(self, data: st.DataObject, piece: int) -> None:
        pieces = self.peers[data.draw(st.sampled_from(sorted(self.peers)))]
        if pieces.add(piece):
            self.picker.peer_got(piece)
        else:
            pieces.discard(piece)
            self.picker.peer_lost(piece)

    @rule(priorities=st.lists(st.sampled_from([0, 1, 4, 4, 7]), min_size=PIECES, max_size=PIECES))
    def prioritise(self, priorities: list[int]) -> None:
        self.priorities = priorities
        self.picker.set_priorities(priorities)

    @rule(sequential=st.booleans(), first=pieces_of_torrent)
    def set_sequence(self, sequential: bool, first: int) -> None:
        self.picker.set_sequence(sequential, first)

    # -- picking -----------------------------------------------------------------------------

    @precondition(lambda self: self.peers)
    @rule(
        data=st.data(),
        count=st.sampled_from([1, 3, 9, 40, 40, 40]),
        may_open=st.sampled_from([99, 99, 99, 99, 0, 2]),
        only=st.one_of(st.none(), st.none(), st.none(), st.sets(pieces_of_torrent)),
        prefer=st.lists(pieces_of_torrent, max_size=3),
        slow=st.booleans(),
    )
    def pick(
        self,
        data: st.DataObject,
        count: int,
        may_open: int,
        only: set[int] | None,
        prefer: list[int],
        slow: bool,
    ) -> None:
        self.pick_for(data, count, may_open, only, prefer, slow)

    def pick_for(
        self,
        data: st.DataObject,
        count: int,
        may_open: int,
        only: set[int] | None,
        prefer: list[int],
        slow: bool,
    ) -> None:
        name = data.draw(st.sampled_from(sorted(self.peers)))
        before = self.open_pieces()
        reachable = set(self.peers[name]) & (set(range(PIECES)) if only is None else only)
        free, unasked = self.free_blocks(reachable), self.free_blocks(self.present())
        picked = self.picker.pick(
            name, self.peers[name], count, may_open=may_open, only=only, prefer=prefer, slow=slow
        )
        self.check_picked(name, picked, reachable)
        assert len(picked) <= count
        assert len({r.piece for r in picked} - before) <= may_open
        self.slow[name] = slow
        duplicates = [request for request in picked if request not in free]
        if duplicates:
            self.check_end_game(name, duplicates, unasked)
        elif len(picked) < count and may_open == 99 and not self.kept_for_another(name):
            assert {r for r in picked if r.piece not in self.kept} == {
                block for block in free if block.piece not in self.kept
            }
        self.check_few_at_once(picked)
        if not picked and not unasked and len(self.asked[name]) < DUPLICATES_AT_ONCE:
            self.check_nothing_to_share(name, reachable)
        self.asked[name] += picked

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def pick_all(self, data: st.DataObject) -> None:
        self.pick_for(data, 40, 99, None, [], False)

    def check_picked(self, name: str, picked: list[Request], reachable: set[int]) -> None:
        assert len(set(picked)) == len(picked)
        for request in picked:
            assert request.piece in reachable & self.wanted()
            assert request in blocks_of(request.piece)
            assert request not in self.here.get(request.piece, ())
            assert request not in self.asked[name]

    def check_few_at_once(self, picked: list[Request]) -> None:
        """Of pieces whose first bytes are kept, one block in eight at a time, or one."""
        for piece in {request.piece for request in picked} & self.kept:
            asked = {r for requests in (*self.asked.values(), picked) for r in requests}
            assert sum(request.piece == piece for request in asked) == 1

    def check_end_game(self, name: str, picked: list[Request], unasked: set[Request]) -> None:
        if unasked or self.wanted() - self.present():
            # Before the end game only the slow are relieved.
            assert all(any(map(self.slow.get, self.askers(request))) for request in picked)
        assert len(picked) + len(self.asked[name]) <= DUPLICATES_AT_ONCE
        for request in picked:
            assert len(self.askers(request)) < ASKED_AT_MOST

    def check_nothing_to_share(self, name: str, reachable: set[int]) -> None:
        if self.wanted() - self.present():
            return  # more will come: the end game is for what the slow were asked for alone
        for other in self.asked:
            for request in self.asked[other]:
                if request.piece in reachable & self.wanted() and other != name:
                    assert name in self.askers(request) or len(self.askers(request)) > 1

    def kept_for_another(self, name: str) -> bool:
        """A piece that failed its hash may be kept for the peer that began it again."""
        tails = self.picker._open.tails
        return any(tail.exclusive for owner, tail in tails.items() if owner != name)

    # -- blocks ------------------------------------------------------------------------------

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data(), index=st.integers(0, 99))
    def receive(self, data: st.DataObject, index: int) -> None:
        name = data.draw(st.sampled_from(sorted(n for n, r in self.asked.items() if r)))
        block = self.asked[name][index % len(self.asked[name])]
        outcome = self.picker.block_received(name, *block)
        assert outcome.accepted
        assert set(outcome.also_asked) == set(self.askers(block)) - {name}
        self.accept(name, block)
        assert outcome.piece_complete == (block.piece in self.complete())

    @precondition(lambda self: any(self.failed.values()))
    @rule(data=st.data())
    def receive_late(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(n for n, r in self.failed.items() if r)))
        block = data.draw(st.sampled_from(sorted(self.failed[name])))
        if block in self.asked[name]:
            return
        good = block.piece in self.open_pieces() and block not in self.here.get(block.piece, ())
        outcome = self.picker.block_received(name, *block)
        assert outcome.accepted == good
        self.failed[name].remove(block)
        if good:
            assert set(outcome.also_asked) == set(self.askers(block))
            self.accept(name, block)
            assert outcome.piece_complete == (block.piece in self.complete())

    @rule(
        name=st.sampled_from(NAMES),
        piece=st.integers(-2, PIECES + 2),
        begin=st.sampled_from([-BLOCK_SIZE, -1, 0, 1, BLOCK_SIZE, 2 * BLOCK_SIZE, 9 * BLOCK_SIZE]),
        length=st.sampled_from([-1, 0, 1, 77, BLOCK_SIZE, BLOCK_SIZE + 1]),
    )
    def receive_unasked(self, name: str, piece: int, begin: int, length: int) -> None:
        block = Request(piece, begin, length)
        if block not in self.asked.get(name, ()) and block not in self.failed.get(name, ()):
            assert not self.picker.block_received(name, *block).accepted
            self.picker.request_failed(name, block)

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data(), everything=st.booleans())
    def fail(self, data: st.DataObject, everything: bool) -> None:
        name = data.draw(st.sampled_from(sorted(n for n, r in self.asked.items() if r)))
        requests = self.asked[name]
        failing = requests[:] if everything else [data.draw(st.sampled_from(requests))]
        for request in failing:
            self.picker.request_failed(name, request)
            requests.remove(request)
            self.failed[name].add(request)

    # -- pieces ------------------------------------------------------------------------------

    @precondition(lambda self: self.complete())
    @rule(data=st.data(), passes=st.booleans(), kept=st.booleans())
    def check_hash(self, data: st.DataObject, passes: bool, kept: bool) -> None:
        piece = data.draw(st.sampled_from(sorted(self.complete())))
        self.kept.discard(piece)
        if passes:
            assert self.picker.piece_passed(piece) == []
            self.had.add(piece)
        else:
            self.picker.piece_failed(piece, kept=kept)
            self.kept |= {piece} if kept else set()
        self.drop_piece(piece)

    @precondition(lambda self: self.kept & self.open_pieces())
    @rule(data=st.data())
    def come_right_early(self, data: st.DataObject) -> None:
        """A mixture of what came before and what came again is right."""
        piece = data.draw(st.sampled_from(sorted(self.kept & self.open_pieces())))
        expected = [(n, r) for n, asked in self.asked.items() for r in asked if r.piece == piece]
        assert sorted(self.picker.piece_passed(piece), key=str) == sorted(expected, key=str)
        self.kept.discard(piece)
        self.had.add(piece)
        self.drop_piece(piece)

    @rule(piece=pieces_of_torrent)
    def abandon(self, piece: int) -> None:
        withdrawn = self.picker.abandon_piece(piece)
        expected = [(n, r) for n, asked in self.asked.items() for r in asked if r.piece == piece]
        assert sorted(withdrawn, key=str) == sorted(expected, key=str)
        self.drop_piece(piece)

    # -- always ------------------------------------------------------------------------------

    @invariant()
    def counts_agree(self) -> None:
        picker = self.picker
        assert {p for p in range(PIECES) if picker.is_open(p)} == self.open_pieces()
        assert picker.open_pieces == len(self.open_pieces())
        here = [block for blocks in self.here.values() for block in blocks]
        assert picker.bytes_in_open_pieces == sum(block.length for block in here)
        assert set(picker.have) == self.had
        for piece in range(PIECES):
            senders = self.senders.get(piece, {})
            assert picker.contributors(piece) == set(senders.values())
            told = enumerate(picker.block_senders(piece))
            assert {n * BLOCK_SIZE: peer for n, peer in told if peer is not None} == senders
            held = sum(piece in pieces for pieces in self.peers.values())
            assert picker.availability(piece) == held

    @invariant()
    def requests_and_interest_agree(self) -> None:
        for name, pieces in self.peers.items():
            assert sorted(self.picker.peer_requests(name)) == sorted(self.asked[name])
            assert self.picker.wants_any_of(pieces) == bool(set(pieces) & self.wanted())

    def teardown(self) -> None:
        """Whatever happened, one seed brings everything that is wanted."""
        for piece in self.complete():
            self.picker.piece_passed(piece)
        for name in list(self.peers):
            for request in list(self.picker.peer_requests(name)):
                self.picker.request_failed(name, request)
        full = PieceSet.full(PIECES)
        self.picker.peer_joined(full)
        for _ in range(200):
            for block in self.picker.pick("seed", full, 3):
                if self.picker.block_received("seed", *block).piece_complete:
                    self.picker.piece_passed(block.piece)
        assert not self.picker.wants_any_of(full)


PickerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestPickerMachine = PickerMachine.TestCase
