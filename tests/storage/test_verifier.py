"""Right and wrong pieces of v1, v2 and hybrid torrents."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.creator import CreationOptions
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.storage.checker import check_pieces
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.torrent_creator import create_torrent
from p2pd.storage.verifier import PieceVerifier
from p2pd.testing import make_torrent, piece_bytes

PIECE = 32 * 1024
BLOCK = 16 * 1024


def made(tmp_path: Path, version: str) -> tuple[object, FileLayout, FileStorage]:
    root = tmp_path / "content"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_bytes(b"a" * 100_001)
    (root / "sub/b").write_bytes(b"b" * 10)
    (root / "sub/c").write_bytes(b"c" * 70_000)
    (root / "sub/none").write_bytes(b"")
    options = CreationOptions(version=version, piece_length=PIECE)
    metainfo = parse_torrent(create_torrent(str(root), options))
    layout = FileLayout.of(metainfo)
    return metainfo, layout, FileStorage(str(tmp_path), layout, OpenFiles())


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_the_right_bytes_pass_and_a_changed_one_does_not(tmp_path: Path, version: str) -> None:
    metainfo, layout, storage = made(tmp_path, version)
    verifier = PieceVerifier(metainfo, layout)  # type: ignore[arg-type]
    assert verifier.complete
    for piece in range(layout.piece_count):
        data = bytearray(storage.read(piece, 0, layout.piece_size(piece)))
        assert verifier.verify(piece, data)
        data[0] ^= 1
        assert not verifier.verify(piece, data)


@given(
    version=st.sampled_from(["v1", "v2", "hybrid"]),
    cuts=st.sets(st.integers(1, 15)),
    content=st.integers(1, 16 * BLOCK),
    wrong=st.none() | st.integers(0, 16 * BLOCK - 1),
)
def test_a_piece_in_parts_is_judged_as_in_one(
    version: Literal["v1", "v2", "hybrid"], cuts: set[int], content: int, wrong: int | None
) -> None:
    files = {"a": bytes(content), "b": b"b" * 16 * BLOCK}
    metainfo = parse_torrent(make_torrent(files, version, piece_length=16 * BLOCK))
    layout = FileLayout.of(metainfo)
    verifier = PieceVerifier(metainfo, layout)
    data = bytearray(piece_bytes(layout, files, 0))
    if wrong is not None:
        data[wrong % len(data)] ^= 1
    view, check = memoryview(data), verifier.start(0)
    bounds = [0, *(cut * BLOCK for cut in sorted(cuts) if cut * BLOCK < len(data)), len(data)]
    scratch = bytearray(len(data))
    for begin, end in pairwise(bounds):
        scratch[: end - begin] = view[begin:end]
        check.update(memoryview(scratch)[: end - begin])
    assert check.passed() == verifier.verify(0, data) == (wrong is None)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_check_finds_the_pieces_that_changed(tmp_path: Path, version: str) -> None:
    metainfo, layout, storage = made(tmp_path, version)
    verifier = PieceVerifier(metainfo, layout)  # type: ignore[arg-type]
    with open(tmp_path / "content/a", "r+b") as file:
        file.seek(PIECE + 5)
        file.write(b"!")
    (tmp_path / "content/sub/b").unlink()
    told: list[tuple[int, int]] = []
    right = check_pieces(
        storage,
        verifier,
        layout,
        range(layout.piece_count),
        progress=lambda done, total: told.append((done, total)),
    )
    gone = {file.path[-1]: file for file in layout.files}["b"]
    space = sum(map(layout.piece_size, range(layout.piece_count)))
    wrong = {1, *range(gone.first_piece, gone.end_piece)}
    assert set(right.missing()) == wrong
    assert told[-1] == (space, space)


def test_a_stopped_check_ends_early(tmp_path: Path) -> None:
    metainfo, layout, storage = made(tmp_path, "v1")
    verifier = PieceVerifier(metainfo, layout)  # type: ignore[arg-type]
    right = check_pieces(storage, verifier, layout, range(layout.piece_count), stop=lambda: True)
    assert right.count == 0


def test_v2_pieces_without_a_layer_wait_for_it(tmp_path: Path) -> None:
    metainfo, layout, storage = made(tmp_path, "v2")
    layers = dict(metainfo.piece_layers)  # type: ignore[attr-defined]
    bare = dataclasses.replace(metainfo, piece_layers={})  # type: ignore[type-var]
    verifier = PieceVerifier(bare, layout)  # type: ignore[arg-type]
    assert not verifier.complete
    unknown = [p for p in range(layout.piece_count) if not verifier.known(p)]
    assert len(unknown) == layout.piece_count - 1, "the file of one piece is known by its root"
    data = storage.read(0, 0, layout.piece_size(0))
    assert not verifier.verify(0, data)
    for root, layer in layers.items():
        verifier.set_piece_layer(root, layer)
    assert verifier.complete
    assert verifier.verify(0, data)
