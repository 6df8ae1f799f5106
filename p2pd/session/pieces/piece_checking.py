"""Whether pieces are right, and the way of those that are to the disk: what worker threads do."""

from __future__ import annotations

from typing import Container, Mapping, NamedTuple, Protocol, Sequence

from p2pd.base.errors import StorageError
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier
from p2pd.swarm.failed_piece import Patches, mixed
from p2pd.swarm.smart_ban import block_digests


class Checked(NamedTuple):
    """What a thread found of a piece: whether it is right, and the digests of its blocks.

    Those of a right piece only if they were wanted.
    """

    right: bool
    digests: bytes = b""


_RIGHT = Checked(True)


class Sizes(Protocol):
    """How large pieces are."""

    def request_size(self, piece: int) -> int:
        """Bytes to ask peers for: the piece without padding."""


class PieceChecker:
    """Called in worker threads; keeps nothing."""

    def __init__(self, sizes: Sizes, verifier: PieceVerifier, storage: Storage) -> None:
        self._sizes = sizes
        self._verifier = verifier
        self._storage = storage

    def store(
        self, batch: Mapping[int, bytearray], wanted: Container[int]
    ) -> list[Checked | StorageError]:
        """Of each piece, whether it is right; if so it is on disk. Digests of the wanted ones."""
        return [self._store(piece, buffer, piece in wanted) for piece, buffer in batch.items()]

    def store_any(
        self, piece: int, data: bytearray, mixtures: Sequence[Patches]
    ) -> Checked | StorageError:
        """Whether any mixture is right; if so it is on disk."""
        for patches in mixtures:
            outcome = self._store(piece, mixed(data, patches), True)
            if isinstance(outcome, StorageError) or outcome.right:
                return outcome
        return Checked(False)

    def _store(self, piece: int, buffer: bytearray, wanted: bool) -> Checked | StorageError:
        try:
            right = self._verifier.verify(piece, buffer)
            if right:
                self._storage.write_piece(piece, buffer)
        except StorageError as problem:
            return problem
        if right and not wanted:
            return _RIGHT
        return Checked(right, block_digests(buffer, self._sizes.request_size(piece)))
