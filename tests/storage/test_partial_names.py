"""Names with a suffix become those of the torrent, below the folder and behind no link."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.base.errors import StorageError
from p2pd.storage.partial_names import complete_names, partial_files, with_suffix
from tests.storage.layouts import folder

_, LAYOUT, _ = folder({"a": 10, "sub/b": 20, "sub/c": 30, "empty": 0})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/top/sub").mkdir(parents=True)
    return tmp_path / "root"


def test_only_files_that_have_no_other_name_are_found_and_renamed(root: Path) -> None:
    for name in ("a.part", "sub/b.part", "sub/b", "empty.part"):
        (root / "top" / name).write_text(name)
    found = partial_files(str(root), LAYOUT, ".part")
    assert found == [0]
    complete_names(str(root), LAYOUT, found, ".part")
    assert (root / "top/a").read_text() == "a.part"
    assert (root / "top/sub/b").read_text() == "sub/b"
    assert not (root / "top/a.part").exists()


def test_links_and_folders_are_not_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/b.part").write_text("not ours")
    (root / "top/a.part").mkdir()
    (root / "top/sub").rmdir()
    (root / "top/sub").symlink_to(tmp_path / "outside")
    assert partial_files(str(root), LAYOUT, ".part") == []
    with pytest.raises(StorageError, match="top/sub/b"):
        complete_names(str(root), LAYOUT, [1], ".part")
    assert (tmp_path / "outside/b.part").exists()


def test_nothing_is_written_over(root: Path) -> None:
    for name in ("a.part", "a"):
        (root / "top" / name).write_text(name)
    complete_names(str(root), LAYOUT, [0], ".part")
    assert (root / "top/a").read_text() == "a"
    assert (root / "top/a.part").exists()


def test_a_layout_with_the_suffix_has_all_else_as_it_was() -> None:
    other = with_suffix(LAYOUT, [2], ".part")
    assert [file.path[-1] for file in other.files] == ["a", "b", "c.part", "empty"]
    assert other.piece_count == LAYOUT.piece_count
    assert with_suffix(LAYOUT, [], ".part").files == LAYOUT.files
