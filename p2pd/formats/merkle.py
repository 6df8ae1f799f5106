"""Merkle trees over 16 KiB blocks with SHA-256 (BEP 52, "pieces root" and "piece layers").

Roots, layers and paddings as plain functions over bytes; the tree of one file that learns its
piece layer from peers is in merkle_tree.py. Nothing is known here of torrents or messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from p2pd.base.errors import FormatError

BLOCK = 16 * 1024
"""Bytes under one leaf; the last block of a file may be shorter."""
HASH_SIZE = 32


class MerkleError(FormatError):
    """Hashes that do not lead to the root they should, or have a wrong shape."""


@cache
def pad_hash(level: int) -> bytes:
    """The root of a tree of 2**level leaves past a file's end: leaves of zeros (BEP 52)."""
    if level == 0:
        return bytes(HASH_SIZE)
    below = pad_hash(level - 1)
    return sha256(below + below).digest()


def level_of(size: int) -> int:
    """Levels above the leaves of a tree of `size` leaves, `size` rounded up to a power of two."""
    return max(size - 1, 0).bit_length()


def block_count(length: int) -> int:
    """How many leaves `length` bytes have."""
    return -(-length // BLOCK)


def block_hashes(data: bytes | bytearray | memoryview) -> list[bytes]:
    """The leaf hashes of `data`, one a block, none for padding."""
    view = memoryview(data)
    return [sha256(view[start : start + BLOCK]).digest() for start in range(0, len(view), BLOCK)]


def parents_of(nodes: Sequence[bytes], pad: bytes) -> list[bytes]:
    """The layer above `nodes`; an odd last node is paired with `pad`."""
    if len(nodes) % 2:
        nodes = [*nodes, pad]
    pairs = iter(nodes)
    return [sha256(left + right).digest() for left, right in zip(pairs, pairs, strict=True)]


def root_of(nodes: Sequence[bytes], *, pad_to: int | None = None, level: int = 0) -> bytes:
    """The root over `nodes`, which lie `level` levels above the leaves.

    They are padded to `pad_to` nodes (a power of two), or to the next power of two.
    Raises MerkleError when there are no nodes or more than `pad_to`.
    """
    if not nodes or (pad_to is not None and len(nodes) > pad_to):
        raise MerkleError(f"no tree of {pad_to} leaves holds {len(nodes)} hashes")
    row = list(nodes)
    for height in range(level, level + level_of(len(nodes) if pad_to is None else pad_to)):
        row = parents_of(row, pad_hash(height))
    return row[0]


def piece_root(data: bytes | bytearray | memoryview, piece_length: int, file_length: int) -> bytes:
    """The hash a piece's file bytes (never padding) must have: its node in the file's tree.

    `data` is all the bytes the piece has of its file. A file of at most one piece has no piece
    layer: its one piece is compared with the file's root, over fewer leaves (BEP 52).
    """
    leaves = None if file_length <= piece_length else piece_length // BLOCK
    return root_of(block_hashes(data), pad_to=leaves)


def split_hashes(layer: bytes | memoryview) -> list[bytes]:
    """Single hashes of a concatenated layer. Raises MerkleError on a ragged or empty one."""
    if not layer or len(layer) % HASH_SIZE:
        raise MerkleError(f"{len(layer)} bytes are no layer of 32-byte hashes")
    return [bytes(layer[at : at + HASH_SIZE]) for at in range(0, len(layer), HASH_SIZE)]


def layer_root(layer: bytes | memoryview, piece_length: int) -> bytes:
    """The file root that a piece layer (32 bytes a piece, concatenated) leads to."""
    return root_of(split_hashes(layer), level=level_of(piece_length // BLOCK))


def file_root(piece_hashes: Sequence[bytes], piece_length: int) -> bytes:
    """The root of a file whose pieces have these :func:`piece_root` values, in order."""
    if len(piece_hashes) == 1:
        return piece_hashes[0]
    return root_of(piece_hashes, level=level_of(piece_length // BLOCK))
