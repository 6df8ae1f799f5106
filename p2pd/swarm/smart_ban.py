"""Who sent the bad block of a piece that failed its hash: found when the piece comes right at last.

Of a failed piece it keeps who sent each block and a digest of it, no data. Once the piece passes,
the blocks are compared: who sent one that was not as it is now is guilty, and nobody else; who
sent none is cleared. Who sent a failed piece alone is guilty at once. Refuses to know of bans and
addresses; digests are made by :func:`block_digests`, which hashes and belongs in a worker thread.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Hashable, NamedTuple, Sequence

from p2pd.base.requests import BLOCK_SIZE

DIGEST_SIZE = 16

REMEMBERED_BLOCKS = 16_384
"""Blocks of failed pieces that are remembered, of one torrent: 256 MiB of them, in some 400 KB."""


def block_digests(data: bytes | bytearray | memoryview, size: int) -> bytes:
    """The digests of the blocks in the first `size` bytes of a piece, one after the other."""
    view = memoryview(data)[:size]
    return b"".join(
        blake2b(view[begin : begin + BLOCK_SIZE], digest_size=DIGEST_SIZE).digest()
        for begin in range(0, size, BLOCK_SIZE)
    )


class Verdict(NamedTuple):
    """What became of those who had a part in failed pieces."""

    guilty: frozenset[Hashable] = frozenset()
    cleared: frozenset[Hashable] = frozenset()


class _Attempt(NamedTuple):
    """One failed piece: who sent each block, and its digest. None: it is not known who."""

    senders: tuple[Hashable | None, ...]
    digests: bytes

    def liars(self, right: bytes) -> set[Hashable]:
        """Those who sent a block that is not as it should be."""
        liars: set[Hashable] = set()
        for number, sender in enumerate(self.senders):
            at = number * DIGEST_SIZE
            wrong = self.digests[at : at + DIGEST_SIZE] != right[at : at + DIGEST_SIZE]
            if wrong and sender is not None:
                liars.add(sender)
        return liars


class SmartBan:
    """The failed pieces of one torrent, at most `limit` blocks of them, or one piece."""

    __slots__ = ("_attempts", "_blocks", "_limit")

    def __init__(self, limit: int = REMEMBERED_BLOCKS) -> None:
        self._limit = limit
        self._attempts: dict[int, list[_Attempt]] = {}
        self._blocks = 0

    def failed(self, piece: int, senders: Sequence[Hashable | None], digests: bytes) -> Verdict:
        """A piece failed its hash: who sent it alone is guilty, of several it is yet to be seen."""
        if senders and senders[0] is not None and len(set(senders)) == 1:
            return Verdict(guilty=frozenset([senders[0]]))
        # At the end: the pieces that failed longest ago are forgotten first.
        attempts = self._attempts.pop(piece, [])
        self._attempts[piece] = [*attempts, _Attempt(tuple(senders), digests)]
        self._blocks += len(senders)
        while self._blocks > self._limit and self._forget_one():
            pass
        return Verdict()

    def passed(self, piece: int, digests: bytes) -> Verdict:
        """A piece is right, with these digests: what that says of those who sent it before."""
        attempts = self._attempts.pop(piece, [])
        self._blocks -= sum(len(attempt.senders) for attempt in attempts)
        there = {sender for attempt in attempts for sender in attempt.senders}
        guilty = {liar for attempt in attempts for liar in attempt.liars(digests)}
        return Verdict(frozenset(guilty), frozenset(there - guilty - {None}))

    def remembers(self, piece: int) -> bool:
        """Whether the digests of this piece are wanted when it passes."""
        return piece in self._attempts

    def suspects(self) -> set[Hashable]:
        """Those of whom it is yet to be seen."""
        attempts = (attempt for each in self._attempts.values() for attempt in each)
        return {sender for attempt in attempts for sender in attempt.senders} - {None}

    def _forget_one(self) -> bool:
        """Forget the oldest attempt, unless it is the only one."""
        piece, attempts = next(iter(self._attempts.items()))
        if len(self._attempts) == 1 and len(attempts) == 1:
            return False
        self._blocks -= len(attempts.pop(0).senders)
        if not attempts:
            del self._attempts[piece]
        return True

    def __len__(self) -> int:
        """Blocks that are remembered."""
        return self._blocks
