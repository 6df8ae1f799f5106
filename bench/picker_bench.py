"""Measure the piece picker: microseconds a block, and what availability costs at scale.

``python bench/picker_bench.py`` prints one line a measurement. One seed with a window of 512
requests, refilled 64 at a time, is the hot path; 50,000 pieces with 200 leechers is the scale.
"""

from __future__ import annotations

import random
import time
from collections import deque

from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.swarm.piece_picker import PiecePicker

WINDOW = 512
REFILL = 64


class Geometry:
    """Pieces that all have one size."""

    def __init__(self, piece_count: int, piece_size: int) -> None:
        self.piece_count = piece_count
        self._size = piece_size

    def request_size(self, piece: int) -> int:
        """Bytes of any piece."""
        return self._size


def one_seed(piece_count: int, piece_size: int) -> float:
    """Microseconds a block, picked and received, from one seed."""
    picker = PiecePicker(
        Geometry(piece_count, piece_size), rng=random.Random(1), have=PieceSet(piece_count)
    )
    seed, pieces, blocks = object(), PieceSet.full(piece_count), 0
    picker.peer_joined(pieces)
    waiting: deque[Request] = deque()
    started = time.perf_counter()
    while True:
        if WINDOW - len(waiting) >= REFILL:
            waiting.extend(picker.pick(seed, pieces, WINDOW - len(waiting)))
        if not waiting:
            break
        for _ in range(min(REFILL, len(waiting))):
            piece, begin, length = waiting.popleft()
            if picker.block_received(seed, piece, begin, length).piece_complete:
                picker.piece_passed(piece)
            blocks += 1
    elapsed = time.perf_counter() - started
    assert picker.have.is_full
    return elapsed / blocks * 1e6


class Swarm:
    """Leechers with random pieces, and what each operation on them costs."""

    def __init__(self, piece_count: int, peers: int, piece_size: int = 256 * 1024) -> None:
        self.rng = random.Random(2)
        self.picker = PiecePicker(
            Geometry(piece_count, piece_size), rng=self.rng, have=PieceSet(piece_count)
        )
        self.sets = [self._random_set(piece_count) for _ in range(peers)]

    def _random_set(self, piece_count: int) -> PieceSet:
        bits = bytearray(self.rng.randbytes((piece_count + 7) // 8))
        bits[-1] &= 0xFF << (-piece_count % 8) & 0xFF
        return PieceSet.from_bitfield(bytes(bits), piece_count)

    def join_all(self) -> float:
        """Microseconds a bitfield."""
        started = time.perf_counter()
        for pieces in self.sets:
            self.picker.peer_joined(pieces)
        return (time.perf_counter() - started) / len(self.sets) * 1e6

    def have_messages(self, count: int) -> float:
        """Microseconds a have, with the interest it wakes."""
        news = []
        for pieces in self.rng.choices(self.sets, k=count):
            piece = self.rng.randrange(pieces.size)
            if piece not in pieces:
                news.append((pieces, piece))
        started = time.perf_counter()
        for pieces, piece in news:
            if pieces.add(piece):
                self.picker.peer_got(piece)
        return (time.perf_counter() - started) / len(news) * 1e6

    def pick_some(self, rounds: int) -> float:
        """Microseconds a block, peers taking turns with `REFILL` blocks each."""
        started, blocks = time.perf_counter(), 0
        for turn in range(rounds):
            peer = turn % len(self.sets)
            for piece, begin, length in self.picker.pick(peer, self.sets[peer], REFILL):
                if self.picker.block_received(peer, piece, begin, length).piece_complete:
                    self.picker.piece_passed(piece)
                blocks += 1
        return (time.perf_counter() - started) / blocks * 1e6

    def interest(self) -> float:
        """Microseconds to see whether one peer is interesting."""
        started = time.perf_counter()
        for pieces in self.sets:
            self.picker.wants_any_of(pieces)
        return (time.perf_counter() - started) / len(self.sets) * 1e6

    def leave_all(self) -> float:
        """Microseconds a peer that leaves."""
        started = time.perf_counter()
        for pieces in self.sets:
            self.picker.peer_left(pieces)
        return (time.perf_counter() - started) / len(self.sets) * 1e6


def main() -> None:
    """Print every measurement."""
    for count, size in ((4096, 256 * 1024), (1024, 1024 * 1024), (50_000, 256 * 1024)):
        best = min(one_seed(count, size) for _ in range(3))
        print(f"one seed, {count} pieces of {size >> 10} KiB: {best:.2f} us a block")
    swarm = Swarm(50_000, 200)
    print(f"50000 pieces, 200 leechers: join {swarm.join_all():.0f} us each")
    print(f"  block picked and received, peers in turn: {swarm.pick_some(2000):.2f} us")
    print(f"  have message: {swarm.have_messages(20_000):.2f} us")
    print(f"  interest after 100 haves each: {swarm.interest():.1f} us")
    print(f"  interest again: {swarm.interest():.1f} us")
    print(f"  block picked and received, after haves: {swarm.pick_some(2000):.2f} us")
    print(f"  leave {swarm.leave_all():.0f} us each")


if __name__ == "__main__":
    main()
