"""Merkle trees: roots as a plain recursive model has them, proofs that prove and lies that fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats import merkle
from p2pd.formats.merkle import BLOCK, MerkleError
from p2pd.formats.merkle_tree import HashRange, MerkleTree
from p2pd.formats.metainfo import parse_torrent

FEW = st.integers(1, 70)


def model(nodes: list[bytes]) -> bytes:
    """The root over a power of two of nodes, by halves."""
    half = len(nodes) // 2
    return nodes[0] if not half else sha256(model(nodes[:half]) + model(nodes[half:])).digest()


def leaves_of(count: int) -> list[bytes]:
    return [sha256(b"%d" % index).digest() for index in range(count)]


def filled(leaves: list[bytes], size: int) -> list[bytes]:
    return leaves + [bytes(32)] * (size - len(leaves))


def layer_of(leaves: list[bytes], blocks: int) -> bytes:
    """The piece layer over leaves, `blocks` leaves a piece."""
    return b"".join(
        model(filled(leaves[start : start + blocks], blocks))
        for start in range(0, len(leaves), blocks)
    )


def tree_of(leaves: list[bytes], blocks: int, *, known: bool) -> MerkleTree:
    root = model(filled(leaves, 1 << merkle.level_of(len(leaves))))
    tree = MerkleTree(root, len(leaves) * BLOCK - 5, blocks * BLOCK)
    if known and tree.piece_count > 1:
        tree.load_piece_layer(layer_of(leaves, blocks))
    return tree


@given(FEW, st.integers(0, 5))
def test_roots_are_those_of_the_padded_tree(count: int, level: int) -> None:
    leaves = leaves_of(count)
    size = 1 << merkle.level_of(count)
    assert merkle.root_of(leaves) == model(filled(leaves, size))
    assert merkle.root_of(leaves, pad_to=2 * size) == model(filled(leaves, 2 * size))
    assert merkle.pad_hash(level) == model([bytes(32)] * (1 << level))
    if count > 1 << level:
        layer = layer_of(leaves, 1 << level)
        assert merkle.layer_root(layer, BLOCK << level) == merkle.root_of(leaves)
        assert merkle.file_root(merkle.split_hashes(layer), BLOCK << level) == merkle.root_of(
            leaves
        )


def test_a_piece_is_hashed_over_its_blocks() -> None:
    data = random.Random(1).randbytes(2 * BLOCK + 5)
    blocks = [sha256(data[at : at + BLOCK]).digest() for at in (0, BLOCK, 2 * BLOCK)]
    assert merkle.block_hashes(data) == blocks
    whole = merkle.root_of(blocks)
    assert merkle.piece_root(data, 64 * BLOCK, len(data)) == whole == merkle.file_root([whole], 1)
    in_big_file = merkle.piece_root(data, 8 * BLOCK, 100 * BLOCK)
    assert in_big_file == model(filled(blocks, 8)) != whole


def test_impossible_trees_are_refused() -> None:
    for attempt in (
        lambda: merkle.root_of([]),
        lambda: merkle.root_of(leaves_of(3), pad_to=2),
        lambda: merkle.layer_root(b"x" * 33, BLOCK),
        lambda: merkle.layer_root(b"", BLOCK),
    ):
        with pytest.raises(MerkleError):
            attempt()


@given(st.integers(2, 70), st.integers(0, 3), st.data())
def test_an_answer_convinces_the_one_who_asked(count: int, level: int, data: st.DataObject) -> None:
    blocks = 1 << level
    leaves = leaves_of(count)
    seed, leech = (tree_of(leaves, blocks, known=known) for known in (True, False))
    base = data.draw(st.integers(0, seed.levels - 1))
    size = seed.levels - base
    length = 1 << data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, (1 << size) // length - 1)) * length
    wanted = HashRange(base, index, length, size - 1)
    under = [
        leaf for piece in seed.pieces_for(wanted) for leaf in leaves[piece * blocks :][:blocks]
    ]
    answer = seed.answer(wanted, under)
    assert answer is not None
    row = filled(leaves, 1 << seed.levels)
    for _ in range(base):
        row = [sha256(a + b).digest() for a, b in zip(row[::2], row[1::2], strict=True)]
    assert leech.verified(wanted, answer) == row[index : index + length]
    spoiled = bytearray(answer)
    spoiled[data.draw(st.integers(0, len(answer) - 1))] ^= 1
    with pytest.raises(MerkleError):
        leech.verified(wanted, bytes(spoiled))


@pytest.mark.parametrize(("pieces", "blocks"), [(2, 1), (3, 4), (512, 1), (513, 2), (1500, 1)])
def test_a_tree_completes_from_the_answers_to_its_requests(pieces: int, blocks: int) -> None:
    leaves = leaves_of(pieces * blocks - blocks // 2)
    seed, leech = (tree_of(leaves, blocks, known=known) for known in (True, False))
    assert (leech.complete, leech.piece_layer(), leech.piece_hash(0)) == (False, None, None)
    ranges = leech.missing_ranges()
    assert len(ranges) == -(-pieces // 512)
    learnt: list[int] = []
    for wanted in reversed(ranges):
        assert leech.answer(wanted) is None
        answer = seed.answer(wanted)
        assert answer is not None
        learnt += leech.add_hashes(wanted, answer)
        assert leech.piece_hash(wanted.index) == seed.piece_hash(wanted.index)
        assert leech.add_hashes(wanted, answer) == leech.add_hashes(wanted, answer)
    assert sorted(learnt) == list(range(pieces))
    assert leech.complete
    assert leech.missing_ranges() == []
    assert leech.piece_layer() == seed.piece_layer()


def test_a_small_file_is_known_from_its_root() -> None:
    leaves = leaves_of(3)
    tree = tree_of(leaves, 8, known=False)
    assert tree.complete
    assert tree.piece_hash(0) == tree.piece_layer() == tree.root
    tree.load_piece_layer(tree.root)
    wanted = HashRange(0, 2, 2, 1)
    assert tree.pieces_for(wanted) == range(1)
    answer = tree.answer(wanted, leaves)
    assert answer == leaves[2] + bytes(32) + sha256(leaves[0] + leaves[1]).digest()
    assert tree.answer(wanted, leaves_of(2)) is None
    with pytest.raises(IndexError):
        tree.piece_hash(1)


def test_requests_and_answers_that_do_not_fit_are_refused() -> None:
    leaves = leaves_of(20)
    tree = tree_of(leaves, 4, known=True)  # 5 pieces, 8 in the padded layer, 32 padded leaves
    for wanted in (
        HashRange(2, 0, 1, 0),
        HashRange(2, 0, 3, 0),
        HashRange(2, 1, 2, 0),
        HashRange(2, 8, 2, 0),
        HashRange(2, -2, 2, 0),
        HashRange(2, 0, 16, 0),
        HashRange(2, 0, 2, 3),
        HashRange(2, 0, 2, -1),
        HashRange(5, 0, 2, 0),
        HashRange(-1, 0, 2, 0),
        HashRange(1 << 31, 0, 2, 0),
    ):
        for ask in (tree.answer, tree.pieces_for):
            with pytest.raises(MerkleError, match="does not fit"):
                ask(wanted)
    good = HashRange(2, 0, 4, 2)
    answer = tree.answer(good)
    assert answer is not None
    fresh = tree_of(leaves, 4, known=False)
    for wanted, hashes in [
        (good, answer[:-32]),
        (good, answer + bytes(32)),
        (good, answer[:-1]),
        (good, b""),
        (HashRange(2, 0, 4, 1), answer[:-32]),  # a proof that stops below the root
        (HashRange(3, 0, 4, 1), answer[:-32]),
    ]:
        with pytest.raises(MerkleError):
            fresh.add_hashes(wanted, hashes)
    assert not fresh.complete
    for layer in (bytes(5 * 32), layer_of(leaves, 4)[:-32]):
        with pytest.raises(MerkleError):
            fresh.load_piece_layer(layer)


def test_a_request_for_too_many_leaves_is_refused() -> None:
    tree = MerkleTree(bytes(32), BLOCK << 14, BLOCK << 14)
    with pytest.raises(MerkleError, match="anyone needs"):
        tree.answer(HashRange(0, 0, 1 << 14, 0))


@pytest.mark.parametrize("piece_length", [BLOCK, 4 * BLOCK])
def test_hashing_the_files_gives_libtorrents_roots(
    tree: Path, lt: ModuleType, made_by_libtorrent: Callable[..., bytes], piece_length: int
) -> None:
    found = parse_torrent(made_by_libtorrent(tree, "v2", piece_length))
    seen = 0
    for file in found.files:
        data = (tree / Path(*file.path)).read_bytes()
        pieces = [
            merkle.piece_root(data[at : at + piece_length], piece_length, len(data))
            for at in range(0, len(data), piece_length)
        ]
        if pieces:
            assert merkle.file_root(pieces, piece_length) == file.pieces_root
            assert found.piece_layers.get(file.pieces_root, pieces[0]) == b"".join(pieces)
            seen += len(pieces)
    assert seen > 10
