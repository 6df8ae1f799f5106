"""Blocks as ranges of files, and back: whatever the layout, every byte comes to its place."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import BLOCK_SIZE, Request
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.webseed.fetches import BlockStream, fetches_of
from p2pd.testing import make_torrent
from p2pd.testing.torrents import piece_bytes

VERSIONS = ("v1", "v2", "hybrid")


def laid_out(sizes: list[int], version: str) -> tuple[FileLayout, dict[str, bytes]]:
    """A torrent of files of these sizes, and what is in them."""
    files = {f"{number:02}": random.Random(number).randbytes(n) for number, n in enumerate(sizes)}
    files["empty"] = b""  # a v2 torrent cannot have a folder with one file
    made = make_torrent(files, version, piece_length=2 * BLOCK_SIZE)  # type: ignore[arg-type]
    return FileLayout.of(parse_torrent(made)), files


def blocks_of(layout: FileLayout, pieces: range) -> list[Request]:
    """All that is asked for of these pieces."""
    return [
        Request(piece, begin, min(BLOCK_SIZE, layout.request_size(piece) - begin))
        for piece in pieces
        for begin in range(0, layout.request_size(piece), BLOCK_SIZE)
    ]


@given(
    st.lists(st.integers(0, 70_000), min_size=1, max_size=5).filter(any),
    st.sampled_from(VERSIONS),
    st.randoms(use_true_random=False),
)
def test_what_is_fetched_makes_the_blocks(
    sizes: list[int], version: str, rng: random.Random
) -> None:
    layout, files = laid_out(sizes, version)
    first = rng.randrange(layout.piece_count)
    blocks = blocks_of(layout, range(first, rng.randrange(first, layout.piece_count) + 1))
    if rng.random() < 0.3:
        blocks = sorted(rng.sample(blocks, rng.randint(1, len(blocks))))
    stream, came = BlockStream(blocks), []
    for file, offset, length, position in fetches_of(layout, blocks):
        assert not layout.files[file].pad
        came += stream.zeros_until(position)
        assert stream.position == position
        data = files[layout.files[file].path[-1]][offset : offset + length]
        assert len(data) == length
        at = 0
        while at < length:
            some = rng.choice((1, 1000, BLOCK_SIZE, 60_000))
            came += stream.feed(data[at : at + some])
            at += some
    came += stream.zeros_until()
    assert [(block.piece, block.begin, len(block.data)) for block in came] == blocks
    assert stream.left == 0
    for piece, begin, data in came:
        assert data == piece_bytes(layout, {f"folder/{n}": d for n, d in files.items()}, piece)[
            begin : begin + len(data)
        ]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_a_row_within_a_file_is_one_range(version: str) -> None:
    layout, _ = laid_out([10 * BLOCK_SIZE], version)
    (fetch,) = fetches_of(layout, blocks_of(layout, range(1, 4)))
    assert fetch == (0, 2 * BLOCK_SIZE, 6 * BLOCK_SIZE, 0)


def test_blocks_apart_are_ranges_apart() -> None:
    layout, _ = laid_out([10 * BLOCK_SIZE], "v1")
    blocks = [Request(0, 0, BLOCK_SIZE), Request(2, BLOCK_SIZE, BLOCK_SIZE)]
    assert [fetch.offset for fetch in fetches_of(layout, blocks)] == [0, 5 * BLOCK_SIZE]


def test_what_comes_behind_the_last_block_is_left_out() -> None:
    stream = BlockStream([Request(0, 0, 4)])
    assert len(stream.feed(b"abcdefgh")) == 1
    assert stream.feed(b"more") == []
    assert stream.position == 4


def test_what_is_not_in_the_torrent_is_no_range() -> None:
    layout, _ = laid_out([100], "v1")
    with pytest.raises(IndexError):
        fetches_of(layout, [Request(1, 0, 10)])
