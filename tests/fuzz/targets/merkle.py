"""Fuzz Merkle answers: what a tree accepts is true, whatever a peer asks or sends."""

from __future__ import annotations

import struct
from hashlib import sha256

from p2pd.formats.merkle import BLOCK, MerkleError, root_of
from p2pd.formats.merkle_tree import HashRange, MerkleTree

_LEAVES = [sha256(b"%d" % index).digest() for index in range(21)]
_LAYER = b"".join(root_of(_LEAVES[at : at + 4], pad_to=4) for at in range(0, 21, 4))
_HEADER = struct.Struct(">4I")


def _tree() -> MerkleTree:
    return MerkleTree(root_of(_LEAVES), 21 * BLOCK - 3, 4 * BLOCK)


def _answered(wanted: HashRange) -> bytes:
    tree = _tree()
    tree.load_piece_layer(_LAYER)
    under = tree.pieces_for(wanted)
    return tree.answer(wanted, _LEAVES[under.start * 4 : under.stop * 4]) or b""


def _seed(base: int, index: int, length: int, proof: int) -> bytes:
    answer = _answered(HashRange(base, index, length, proof))
    return _HEADER.pack(base, index, length, proof) + answer


SEEDS: list[bytes] = [_seed(2, 0, 8, 2), _seed(2, 4, 2, 2), _seed(0, 16, 4, 4), _seed(3, 0, 2, 1)]


def fuzz(data: bytes) -> None:
    """A header of four numbers as on the wire, then hashes. Only MerkleError may refuse."""
    if len(data) < _HEADER.size:
        return
    wanted = HashRange(*_HEADER.unpack_from(data))
    try:
        ours = _answered(wanted)
        proven = _tree().verified(wanted, data[_HEADER.size :])
    except MerkleError:
        return
    if b"".join(proven) != ours[: wanted.length * 32]:
        raise AssertionError("hashes were accepted that are not the file's")
    tree = _tree()
    try:
        tree.load_piece_layer(data[_HEADER.size :])
    except MerkleError:
        return
    if tree.piece_layer() != _LAYER:
        raise AssertionError("a piece layer was accepted that is not the file's")
