"""Where p2pd looks for what another program renamed or moved, and what it says if it cannot."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.piece_set import PieceSet
from p2pd.formats import bencode
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.libtorrent_files import of_files
from p2pd.formats.foreign.model import ForeignStateError, ForeignTorrent, as_labels, limit_of
from p2pd.formats.foreign.placing import place
from p2pd.formats.foreign.qbittorrent import read_files
from p2pd.formats.metainfo import Metainfo, to_torrent
from tests.formats.recorded_state import by_name

RESUME = {
    "file-format": "libtorrent resume file", "file-version": 2, "save_path": "/data",
    "total_uploaded": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Metainfo:
    found = by_name("qbittorrent")["Linux set"].metainfo
    assert found is not None
    return found


def placed(metainfo: Metainfo, *paths: str) -> ForeignTorrent:
    found = ForeignTorrent(name="x", folder="/data")
    place(found, FileLayout.of(metainfo), paths)
    return found


def test_a_folder_of_another_name_is_found_if_the_files_below_have_their_names(
    folder: Metainfo,
) -> None:
    deeper = [f"sub/Linux set/{name}" for name in ("a.bin", "b.bin", "docs/c.txt")]
    assert placed(folder, *deeper).folder == "/data/sub"
    elsewhere = [f"/mnt/./x/../Linux set/{name}" for name in ("a.bin", "b.bin", "docs/c.txt")]
    assert placed(folder, *elsewhere).folder == "/mnt"
    assert placed(folder, "", "", "").folder == "/data"


def test_renamed_files_keep_their_names(folder: Metainfo) -> None:
    found = placed(folder, "", "Linux set/other.bin", "")
    assert found.file_names == ("Linux set/a.bin", "Linux set/other.bin", "Linux set/docs/c.txt")
    assert (found.folder, found.obstacle) == ("/data", "")
    assert placed(folder, "a.bin", "b.bin", "c.txt").file_names == ("a.bin", "b.bin", "c.txt")
    elsewhere = placed(folder, "/mnt/x/1", "/mnt/x/2", "/mnt/y/3")
    assert (elsewhere.folder, elsewhere.file_names) == ("/mnt", ("x/1", "x/2", "y/3"))
    unfinished = placed(folder, "", "Linux set/other.bin.!qB", "")
    assert (unfinished.file_names[1], unfinished.partial_suffix) == ("Linux set/other.bin", ".!qB")


def test_names_that_cannot_be_kept_are_an_obstacle_that_is_named(folder: Metainfo) -> None:
    for paths, words in (
        (("../../etc/passwd", "", ""), "several places"),
        (("", "Linux set/a.bin/b", ""), "one name"),
        (("", "Linux set/con", ""), "not safe"),
        (("x", "X", ""), "one name"),
    ):
        found = placed(folder, *paths)
        assert words in found.obstacle
        assert (found.folder, found.file_names) == ("/data", ())
    assert "which of its files" in placed(folder, "a").obstacle


def test_names_of_files_that_are_not_complete_are_no_obstacle(folder: Metainfo) -> None:
    found = placed(folder, "", "Linux set/b.bin.!qB", "Linux set/docs/c.txt")
    assert (found.partial_suffix, found.obstacle, found.folder) == (".!qB", "", "/data")


def test_the_padding_in_libtorrents_lists_of_v2_files_is_left_out(folder: Metainfo) -> None:
    layout = FileLayout.of(folder)
    aligned = FileLayout(list(layout.files), layout.piece_length, aligned=True)
    assert of_files([1, 4, 2, 4, 3, 4], aligned, 9) == [1, 2, 3]
    assert of_files([1, 4, 2], aligned, 9) == [1, 2, 9]
    assert of_files([1, 2, 3], layout, 9) == [1, 2, 3]


def test_a_bitfield_of_version_2_and_one_of_another_torrent(folder: Metainfo) -> None:
    raw, resume = to_torrent(folder), RESUME | {"info-hash": folder.info_hashes.v1}
    found = read_files(bencode.encode(resume | {"pieces": b"\xf0\x80"}), raw, 0.0)
    assert found.pieces is not None
    assert list(found.pieces) == [0, 1, 2, 3, 8]
    for wrong in (b"\xf0", b"\xf0\x81", b"\xf0\x80\x00"):
        with pytest.raises(ForeignStateError, match="make no sense"):
            read_files(bencode.encode(resume | {"pieces": wrong}), raw, 0.0)
    with pytest.raises(ForeignStateError, match="another torrent"):
        read_files(bencode.encode(RESUME | {"info-hash": b"x" * 20}), raw, 0.0)
    with pytest.raises(ForeignStateError, match="no info-hash"):
        read_files(bencode.encode(RESUME), None, 0.0)


@given(names=st.lists(st.text(max_size=300)))
def test_labels_are_ones_that_p2pd_takes(names: list[str]) -> None:
    found = as_labels(names)
    assert len(set(found)) == len(found) <= 100
    assert all(name and "," not in name and len(name) <= 255 for name in found)


def test_limits_are_whole_kilobytes_and_never_nothing() -> None:
    assert [limit_of(rate) for rate in (-1, 0, 1, 51200, 2**50)] == [None, None, 1, 51, None]


PATHS = st.sampled_from(["", "..", "/", "a.bin", "Linux set/a.bin", "/x/Linux set/b.bin"])


@given(paths=st.lists(PATHS, min_size=3, max_size=3))
def test_files_are_where_the_paths_say_or_there_is_an_obstacle(paths: list[str]) -> None:
    metainfo = by_name("qbittorrent")["Linux set"].metainfo
    assert metainfo is not None
    found = placed(metainfo, *paths)
    files = FileLayout.of(metainfo).files
    names = found.file_names or ["/".join(file.path) for file in files]
    for path, name, file in zip(paths, names, files, strict=True):
        own = PurePosixPath(found.folder, name)
        assert found.obstacle or PurePosixPath("/data", path or "/".join(file.path)) == own


def test_pieces_are_a_set(folder: Metainfo) -> None:
    assert by_name("transmission")["Linux set"].pieces == PieceSet.full(9)
