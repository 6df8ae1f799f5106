"""The Merkle tree of one v2 file as far as it is known (BEP 52, "hash request" and "hashes").

It starts with the root alone, learns its piece layer whole or in proven runs, says which runs are
still wanted, and answers other peers' requests. It never trusts: what does not lead to the root is
refused. Messages and peers are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from p2pd.formats.merkle import (
    BLOCK,
    HASH_SIZE,
    MerkleError,
    block_count,
    layer_root,
    level_of,
    pad_hash,
    parents_of,
    split_hashes,
)

MAX_ASKED = 512
"""Hashes we ask for at once: what BEP 52 says a request should not pass."""
MAX_ANSWERED = 8192
"""Hashes we give at once; some clients ask for all leaves of a big piece together."""


@dataclass(frozen=True, slots=True)
class HashRange:
    """What a hash request asks: `length` hashes from `index` on, counted in hashes of the layer
    `base_layer` levels above the leaves, and the uncles up to `proof_layers` layers above it."""

    base_layer: int
    index: int
    length: int
    proof_layers: int

    @property
    def uncle_count(self) -> int:
        """Hashes that follow the layer's own: layers inside the range's subtree need none."""
        return max(0, self.proof_layers - level_of(self.length) + 1)


class MerkleTree:
    """What is known of a file's tree; `piece_count` pieces of `piece_length` bytes, never padded.

    A file of at most one piece is known entirely from its root.
    """

    __slots__ = (
        "_known", "_layer", "_missing", "_partial", "_rows", "levels", "piece_count",
        "piece_length", "piece_level", "root",
    )  # fmt: skip

    def __init__(self, root: bytes, file_length: int, piece_length: int) -> None:
        """`file_length` in bytes, not 0; `piece_length` a power of two from 16 KiB on."""
        self.root = root
        self.piece_length = piece_length
        self.levels = level_of(block_count(file_length))
        self.piece_level = min(level_of(piece_length // BLOCK), self.levels)
        self.piece_count = -(-file_length // piece_length)
        self._layer = root if self.piece_count == 1 else b""
        self._partial = bytearray()
        self._known = bytearray()
        self._missing = 0 if self.piece_count == 1 else self.piece_count
        self._rows: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the hash of every piece is known."""
        return not self._missing

    def piece_hash(self, piece: int) -> bytes | None:
        """The hash of a piece, counted from the file's first, or None while it is unknown."""
        if not 0 <= piece < self.piece_count:
            raise IndexError(f"no piece {piece} among {self.piece_count} of this file")
        if not self._missing:
            return self._layer[piece * HASH_SIZE : (piece + 1) * HASH_SIZE]
        if not self._known or not self._known[piece]:
            return None
        return bytes(self._partial[piece * HASH_SIZE : (piece + 1) * HASH_SIZE])

    def piece_layer(self) -> bytes | None:
        """The whole layer as a torrent file holds it, or None while hashes are missing."""
        return None if self._missing else self._layer

    def load_piece_layer(self, layer: bytes) -> None:
        """Take a whole piece layer. Raises MerkleError when it does not lead to the root."""
        if len(layer) != self.piece_count * HASH_SIZE:
            raise MerkleError("a piece layer does not have one hash for each piece of its file")
        alone = self.piece_count == 1
        if (layer if alone else layer_root(layer, self.piece_length)) != self.root:
            raise MerkleError("a piece layer does not match its file's pieces root")
        self._complete_with(layer)

    def missing_ranges(self) -> list[HashRange]:
        """What to ask of peers to complete the piece layer: runs of up to 512, with full proofs."""
        if not self._missing:
            return []
        ranges = []
        for start in range(0, self.piece_count, MAX_ASKED):
            end = min(start + MAX_ASKED, self.piece_count)
            if not self._known or self._known.count(0, start, end):
                length = max(2, 1 << level_of(end - start))
                proof = self.levels - self.piece_level - 1
                ranges.append(HashRange(self.piece_level, start, length, proof))
        return ranges

    def add_hashes(self, wanted: HashRange, hashes: bytes) -> range:
        """Take a peer's answer for a run of the piece layer; the pieces whose hash it gives.

        Raises MerkleError when the hashes are no full proof: whoever sent them lies.
        """
        if wanted.base_layer != self.piece_level:
            raise MerkleError("these hashes are not of the piece layer")
        proven = self.verified(wanted, hashes)
        end = min(wanted.index + wanted.length, self.piece_count)
        pieces = range(wanted.index, max(end, wanted.index))
        if self._missing and pieces:
            if not self._known:
                self._known = bytearray(self.piece_count)
                self._partial = bytearray(self.piece_count * HASH_SIZE)
            span = slice(pieces.start * HASH_SIZE, pieces.stop * HASH_SIZE)
            self._partial[span] = b"".join(proven[: len(pieces)])
            self._known[pieces.start : pieces.stop] = b"\x01" * len(pieces)
            self._missing = self._known.count(0)
            if not self._missing:
                self._complete_with(bytes(self._partial))
        return pieces

    def verified(self, wanted: HashRange, hashes: bytes) -> list[bytes]:
        """The base hashes of an answer with a full proof, for any layer: leaf hashes too.

        Raises MerkleError when the range is impossible or the hashes do not lead to the root.
        """
        self._check(wanted)
        if len(hashes) != (wanted.length + wanted.uncle_count) * HASH_SIZE:
            raise MerkleError("an answer with a wrong number of hashes")
        every = split_hashes(hashes)
        base = row = every[: wanted.length]
        while len(row) > 1:
            row = parents_of(row, b"")
        node, index = row[0], wanted.index // wanted.length
        level = wanted.base_layer + level_of(wanted.length)
        for uncle in every[wanted.length :]:
            node = sha256(uncle + node if index & 1 else node + uncle).digest()
            index >>= 1
            level += 1
        if level != self.levels or node != self.root:
            raise MerkleError("the hashes do not lead to the file's root")
        return base

    def pieces_for(self, wanted: HashRange) -> range:
        """The pieces whose block hashes :meth:`answer` needs; none from the piece layer up.

        Raises MerkleError when no answer is possible.
        """
        self._check(wanted)
        if wanted.base_layer >= self.piece_level:
            return range(0)
        shift = self.piece_level - wanted.base_layer
        end = ((wanted.index + wanted.length - 1) >> shift) + 1
        return range(wanted.index >> shift, min(end, self.piece_count))

    def answer(self, wanted: HashRange, leaves: Sequence[bytes] = ()) -> bytes | None:
        """The hashes for a peer's request, or None when they are not known (reject then).

        Below the piece layer `leaves` are the block hashes of all of :meth:`pieces_for`, in order,
        without padding; None also when those are not what the pieces should hold.
        Raises MerkleError for an impossible or an unreasonable request.
        """
        self._check(wanted)
        if wanted.length > MAX_ANSWERED:
            raise MerkleError(f"{wanted.length} hashes are more than anyone needs at once")
        if self._missing:
            return None
        pieces = self.pieces_for(wanted)
        rows = self._rows_below(pieces, leaves)
        if rows is None:
            return None
        first = pieces.start
        found = [
            self._node(rows, first, wanted.base_layer, index)
            for index in range(wanted.index, wanted.index + wanted.length)
        ]
        top = wanted.base_layer + level_of(wanted.length)
        for level in range(top, top + wanted.uncle_count):
            index = (wanted.index >> (level - wanted.base_layer)) ^ 1
            found.append(self._node(rows, first, level, index))
        return b"".join(found)

    def _complete_with(self, layer: bytes) -> None:
        self._layer, self._missing = layer, 0
        self._partial, self._known = bytearray(), bytearray()

    def _check(self, wanted: HashRange) -> None:
        """BEP 52's rules for a request, and that it lies within this tree."""
        base, index = wanted.base_layer, wanted.index
        length, proof = wanted.length, wanted.proof_layers
        size = 1 << (self.levels - base) if 0 <= base < self.levels else 0
        if (
            length < 2
            or length & (length - 1)
            or index < 0
            or index % length
            or index + length > size
            or not 0 <= proof < self.levels - base
        ):
            raise MerkleError("a hash request that does not fit the file's tree")

    def _node(self, rows: list[list[bytes]], first: int, level: int, index: int) -> bytes:
        if level < self.piece_level:
            row, at = rows[level], index - (first << (self.piece_level - level))
            return row[at] if 0 <= at < len(row) else pad_hash(level)
        row_bytes = self._upper_row(level - self.piece_level)
        at = index * HASH_SIZE
        return row_bytes[at : at + HASH_SIZE] or pad_hash(level)

    def _upper_row(self, height: int) -> bytes:
        """A layer above the pieces, worked out once: a peer cannot make us hash again and again."""
        if not self._rows:
            self._rows.append(bytes(self._layer))
        while len(self._rows) <= height:
            pad = pad_hash(self.piece_level + len(self._rows) - 1)
            self._rows.append(b"".join(parents_of(split_hashes(self._rows[-1]), pad)))
        return self._rows[height]

    def _rows_below(self, pieces: range, leaves: Sequence[bytes]) -> list[list[bytes]] | None:
        """The layers under `pieces`, or None when the leaves are not those of the pieces."""
        if not pieces:
            return [[] for _ in range(self.piece_level)]
        rows = [list(leaves)]
        for level in range(self.piece_level):
            rows.append(parents_of(rows[-1], pad_hash(level)))
        return rows[:-1] if rows[-1] == [self.piece_hash(piece) for piece in pieces] else None
