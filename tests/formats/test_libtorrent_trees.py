"""Piece layers that qBittorrent's .torrent files lack, made of what libtorrent keeps of trees."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.entries import Entries
from p2pd.formats.foreign.libtorrent_trees import piece_layers
from p2pd.formats.foreign.qbittorrent import read_files
from p2pd.formats.merkle import block_hashes, level_of, parents_of
from p2pd.formats.metainfo import parse_torrent
from p2pd.testing import make_torrent
from tests.formats.recorded_state import RECORDED

PIECE = 64 * 1024
DATA = random.Random(1).randbytes(5 * PIECE + 20_000)
METAINFO = parse_torrent(make_torrent({"a.bin": DATA, "b.bin": b"b"}, "v2", piece_length=PIECE))


def test_torrents_that_qbittorrent_kept_without_their_layers_get_them() -> None:
    places = sorted((RECORDED / "qbittorrent_v2").glob("*.fastresume"))
    assert len(places) == 2
    for place in places:
        torrent = place.with_suffix(".torrent").read_bytes()
        assert parse_torrent(torrent).missing_piece_layers()
        found = read_files(place.read_bytes(), torrent, 0.0)
        assert found.torrent is not None
        assert parse_torrent(found.torrent).missing_piece_layers() == ()
        assert found.pieces is not None
        assert found.pieces.is_full


def nodes() -> list[bytes]:
    """The whole tree, the root first."""
    leaves = block_hashes(DATA)
    row = leaves + [bytes(32)] * ((1 << level_of(len(leaves))) - len(leaves))
    rows = [row]
    while len(row) > 1:
        row = parents_of(row, b"")
        rows.insert(0, row)
    return [node for row in rows for node in row]


def layers(tree: Any, version: int) -> dict[bytes, bytes]:
    entries = Entries(bencode.decode(bencode.encode({"file-version": version, "trees": [tree]})))
    return piece_layers(entries, METAINFO, FileLayout.of(METAINFO))


def kept(first: int, end: int) -> dict[str, bytes]:
    """Some nodes and a mask of version 1."""
    whole = nodes()
    mask = bytes(b"01"[first <= node < end] for node in range(len(whole)))
    return {"hashes": b"".join(whole[first:end]), "mask": mask}


@pytest.mark.parametrize("span", [(7, 13), (31, 53), (0, 63)])
def test_the_layer_is_there_or_made_of_the_leaves(span: tuple[int, int]) -> None:
    tree = kept(*span)
    bits = int(tree["mask"].decode().ljust(64, "0"), 2).to_bytes(8, "big")
    assert layers(tree, 1) == METAINFO.piece_layers
    assert layers(tree | {"mask": bits}, 2) == METAINFO.piece_layers
    assert METAINFO.piece_layers


def test_a_whole_tree_needs_no_mask() -> None:
    assert layers({"hashes": b"".join(nodes())}, 1) == METAINFO.piece_layers


@pytest.mark.parametrize(
    "tree",
    [
        {}, 5, {"hashes": b"x" * 32, "mask": b"1"}, {"hashes": b"", "mask": b"0" * 63},
        {"hashes": b"x" * 32 * 63}, kept(7, 12), kept(31, 52),
        kept(7, 13) | {"hashes": b"x" * 32 * 6}, kept(7, 13) | {"hashes": bytes(32 * 6)},
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_enough_makes_none(tree: Any) -> None:
    assert layers(tree, 1) == {}
