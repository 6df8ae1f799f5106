"""The piece space: every byte lies where a byte-by-byte model says, in all three versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout, FileSpan
from p2pd.formats.metainfo import FileEntry, Metainfo, parse_torrent
from tests.formats.steps import steps_of

BLOCK = 16 * 1024
V1, V2, HYBRID = (
    InfoHashes(bytes(20)),
    InfoHashes(None, bytes(32)),
    InfoHashes(bytes(20), bytes(32)),
)


def metainfo(hashes: InfoHashes, files: list[FileEntry], piece_length: int = 2 * BLOCK) -> Metainfo:
    return Metainfo(
        info_hashes=hashes,
        info_bytes=b"",
        name="top",
        piece_length=piece_length,
        files=tuple(files),
        single_file=False,
        piece_hashes=None,
        piece_layers={},
    )


def entry(name: str, length: int, *, pad: bool = False) -> FileEntry:
    return FileEntry((name,), length, pad=pad)


def test_files_follow_one_another_in_v1() -> None:
    layout = FileLayout.of(metainfo(V1, [entry("a", 40_000), entry("none", 0), entry("b", 30_000)]))
    assert (layout.piece_count, layout.total_length) == (3, 70_000)
    assert [layout.piece_size(piece) for piece in range(3)] == [32768, 32768, 70_000 - 65536]
    assert [
        (file.path, file.offset, file.first_piece, file.end_piece) for file in layout.files
    ] == [
        (("top", "a"), 0, 0, 2),
        (("top", "none"), 40_000, 1, 1),
        (("top", "b"), 40_000, 1, 3),
    ]
    assert layout.spans(1, 0, 32768) == [FileSpan(0, 32768, 7232), FileSpan(2, 0, 25536)]
    assert layout.files_of_piece(1) == [0, 2]
    assert layout.pieces_of_file(2) == range(1, 3)
    assert list(layout.pieces_of_file(1)) == []


def test_each_file_starts_a_piece_in_v2() -> None:
    layout = FileLayout.of(
        metainfo(V2, [entry("a", 40_000), entry("none", 0), entry("b", 10), entry("c", 65536)])
    )
    assert (layout.piece_count, layout.total_length) == (5, 105_546)
    assert [layout.piece_size(piece) for piece in range(5)] == [32768, 7232, 10, 32768, 32768]
    assert [layout.request_size(piece) for piece in range(5)] == [32768, 7232, 10, 32768, 32768]
    assert layout.padded_size(2) == 32768
    assert layout.spans(1, 0, 32768) == [FileSpan(0, 32768, 7232), FileSpan(-1, 0, 25536)]
    assert layout.spans(2, 100, 50) == [FileSpan(-1, 0, 50)]
    assert layout.spans(3, 0, 10) == [FileSpan(3, 0, 10)]


def test_pads_are_in_the_piece_but_not_asked_for() -> None:
    files = [
        entry("a", 40_000),
        entry("p", 65536 - 40_000, pad=True),
        entry("b", 10),
        entry("p", 32758, pad=True),
        entry("c", BLOCK + 1),
    ]
    layout = FileLayout.of(metainfo(HYBRID, files))
    assert layout.total_length == 40_010 + BLOCK + 1
    assert [layout.piece_size(piece) for piece in range(4)] == [32768, 32768, 32768, BLOCK + 1]
    assert [layout.request_size(piece) for piece in range(4)] == [32768, BLOCK, BLOCK, BLOCK + 1]
    assert [layout.data_size(piece) for piece in range(4)] == [32768, 7232, 10, BLOCK + 1]
    assert layout.padded_size(3) == BLOCK + 1
    assert layout.spans(2, 0, 32768) == [FileSpan(2, 0, 10), FileSpan(3, 0, 32758)]


def test_a_piece_that_is_all_padding_still_has_a_block_to_ask_for() -> None:
    layout = FileLayout.of(metainfo(V1, [entry("a", 5), entry("p", 70_000, pad=True)]))
    assert [layout.request_size(piece) for piece in range(3)] == [BLOCK, BLOCK, 70_005 - 65536]
    assert [layout.data_size(piece) for piece in range(3)] == [5, 0, 0]


def test_a_pad_within_a_piece_is_asked_for() -> None:
    layout = FileLayout.of(
        metainfo(V1, [entry("a", 5), entry("p", 20_000, pad=True), entry("b", 7763)])
    )
    assert layout.request_size(0) == layout.piece_size(0) == 27_768


@pytest.mark.parametrize(
    ("piece", "begin", "length"), [(-1, 0, 1), (1, 0, 1), (0, -1, 1), (0, 0, 11), (0, 9, 2)]
)
def test_ranges_outside_are_refused(piece: int, begin: int, length: int) -> None:
    layout = FileLayout.of(metainfo(V1, [entry("a", 10)]))
    with pytest.raises(IndexError):
        layout.spans(piece, begin, length)


def test_pieces_outside_are_refused() -> None:
    layout = FileLayout.of(metainfo(V2, [entry("a", 10)]))
    for piece in (-1, 1):
        for measure in (
            layout.piece_size,
            layout.request_size,
            layout.padded_size,
            layout.data_size,
        ):
            with pytest.raises(IndexError):
                measure(piece)


ENTRIES = st.lists(st.tuples(st.integers(0, 90), st.booleans()), min_size=1, max_size=8).map(
    lambda rows: [FileEntry((f"f{i}",), length, pad=pad) for i, (length, pad) in enumerate(rows)]
)


def model(files: list[FileEntry], piece_length: int, aligned: bool) -> list[tuple[int, int]]:
    """For each byte of the piece space its file and offset there; -1 in gaps."""
    space: list[tuple[int, int]] = []
    for index, file in enumerate(files):
        if aligned and file.length:
            space += [(-1, 0)] * (-len(space) % piece_length)
        space += [(index, offset) for offset in range(file.length)]
    return space


@given(ENTRIES, st.integers(1, 40), st.booleans(), st.data())
def test_every_byte_lies_where_the_model_says(
    files: list[FileEntry], piece_length: int, aligned: bool, data: st.DataObject
) -> None:
    if aligned:
        files = [file._replace(pad=False) for file in files]
    layout = FileLayout.of(metainfo(V2 if aligned else V1, files, piece_length))
    space = model(files, piece_length, aligned)
    assert layout.piece_count == -(-len(space) // piece_length)
    have = PieceSet(layout.piece_count)
    for piece in range(layout.piece_count):
        bytes_here = space[piece * piece_length : (piece + 1) * piece_length]
        real = [place for place in bytes_here if place[0] >= 0]
        assert layout.piece_size(piece) == (len(real) if aligned else len(bytes_here))
        assert layout.data_size(piece) == len([i for i, _ in real if not files[i].pad])
        begin = data.draw(st.integers(0, len(bytes_here)))
        length = data.draw(st.integers(0, len(bytes_here) - begin))
        spread = [
            (span.file_index, span.file_offset + step if span.file_index >= 0 else 0)
            for span in layout.spans(piece, begin, length)
            for step in range(span.length)
        ]
        assert spread == bytes_here[begin : begin + length]
        if data.draw(st.booleans()):
            have.add(piece)
    had = [place for at, place in enumerate(space) if at // piece_length in have]
    progress = [len([1 for index, _ in had if index == wanted]) for wanted in range(len(files))]
    assert layout.file_progress(have) == progress
    assert layout.bytes_had(have) == sum(
        n for n, file in zip(progress, files, strict=True) if not file.pad
    )


def test_ten_times_the_files_are_ten_times_the_work() -> None:
    few, many = (torrent_of(count) for count in (100, 1000))
    layout = FileLayout.of(parse_torrent(many))
    assert (layout.piece_count, len(layout.files)) == (5000, 1000)
    assert steps_of(lambda: FileLayout.of(parse_torrent(many))) < 11 * steps_of(
        lambda: FileLayout.of(parse_torrent(few))
    )


def torrent_of(count: int) -> bytes:
    """A torrent of so many files of five pieces each."""
    files = [{b"length": 327_680, b"path": [b"d%d" % (i % 100), b"f%d" % i]} for i in range(count)]
    pieces = b"h" * 20 * 5 * count
    info = {b"name": b"n", b"piece length": 65536, b"pieces": pieces, b"files": files}
    return bencode.encode({b"info": info})
