"""What files may be called, and that what is kept of names gives them back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats.file_layout import FileLayout, LaidOutFile
from p2pd.formats.file_names import (
    names_between,
    names_given,
    partial_paths,
    renamed,
    top_name,
    wanted_names,
    with_names,
)
from p2pd.formats.safe_paths import path_key, safe_component, safe_paths

PARTS = st.sampled_from(["a", "A", "b", "b.part", "é", "e\u0301", "sub", "con", ".", "x" * 253])
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=3), min_size=1, max_size=6)
NAMES = st.one_of(PARTS, st.text(max_size=260))


def layout_of(*paths: str, pads: int = 0) -> FileLayout:
    return laid_out([tuple(path.split("/")) for path in paths], pads)


def laid_out(paths: list[tuple[str, ...]], pads: int = 0) -> FileLayout:
    files = [LaidOutFile(path, 10, 10 * i, False, i, i + 1) for i, path in enumerate(paths)]
    first = len(files)
    for i in range(first, first + pads):
        files.append(LaidOutFile((paths[0][0], ".pad", str(i)), 10, 10 * i, True, i, i + 1))
    return FileLayout(files, 10, aligned=False)


def paths_of(layout: FileLayout) -> list[str]:
    return ["/".join(file.path) for file in layout.files if not file.pad]


@given(paths=PATHS, acts=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), NAMES)))
def test_whatever_is_renamed_stays_safe_and_distinct_and_is_given_back(
    paths: list[list[str]], acts: list[tuple[int, int, str]]
) -> None:
    original = layout = laid_out(safe_paths([["top", *path] for path in paths]), pads=1)
    for number, depth, name in acts:
        path = layout.files[number % len(paths)].path[:depth]
        try:
            other = renamed(layout, "/".join(path), name)
        except FormatError:
            continue
        assert safe_component(name) == name
        moved = [
            index
            for index, pair in enumerate(zip(layout.files, other.files, strict=True))
            if pair[0].path != pair[1].path
        ]
        assert all(layout.files[index].path[: len(path)] == path for index in moved)
        layout = other
        names = names_between(original, layout)
        assert paths_of(with_names(original, names)) == paths_of(layout)
    keys = [path_key(file.path) for file in layout.files if not file.pad]
    assert len(set(keys)) == len(keys)
    folders = {key[:depth] for key in keys for depth in range(1, len(key))}
    assert not folders.intersection(keys)
    assert [file[1:] for file in layout.files] == [file[1:] for file in original.files]


@given(rows=st.lists(st.lists(st.one_of(st.sampled_from(["", "0", "1", "7"]), NAMES), max_size=4)))
def test_names_from_anywhere_are_safe_or_refused(rows: list[list[str]]) -> None:
    layout = layout_of("top/a", "top/b")
    assume(all(rows))
    try:
        found = with_names(layout, tuple(map(tuple, rows)))
    except FormatError:
        return
    for file in found.files:
        assert all(safe_component(part) == part for part in file.path)
    assert path_key(found.files[0].path) != path_key(found.files[1].path)


@given(paths=PATHS)
def test_names_of_files_that_are_not_complete_are_nobody_elses(paths: list[list[str]]) -> None:
    layout = laid_out(safe_paths([["top", *path] for path in paths]), pads=1)
    partial = partial_paths(layout)
    taken = {path_key(file.path) for file in layout.files}
    for index, path in partial.items():
        assert path == (*layout.files[index].path[:-1], layout.files[index].path[-1] + ".part")
        assert path_key(path) not in taken
        assert len(path[-1].encode()) <= 255
    assert len(set(map(path_key, partial.values()))) == len(partial)


def test_a_folder_takes_its_files_along() -> None:
    layout = layout_of("top/sub/a", "top/sub/b", "top/subway")
    found = renamed(layout, "top/sub", "x")
    assert paths_of(found) == ["top/x/a", "top/x/b", "top/subway"]
    assert names_between(layout, found) == (("0", "top", "x", "a"), ("1", "top", "x", "b"))


def test_a_top_name_is_one_row_however_many_files_there_are() -> None:
    layout = layout_of(*(f"top/{i}" for i in range(50)), pads=2)
    found = renamed(renamed(layout, "top", "new"), "new/7", "seven")
    assert names_between(layout, found) == (("", "new"), ("7", "new", "seven"))
    assert top_name(found, "else") == "new"
    assert top_name(layout_of("a/x", "b/x"), "else") == "else"


def test_the_case_of_letters_can_be_changed() -> None:
    layout = layout_of("top/a", "top/b")
    assert paths_of(renamed(layout, "top/a", "A")) == ["top/A", "top/b"]
    with pytest.raises(FormatError, match="already"):
        renamed(layout, "top/a", "B")


def test_what_another_program_called_them() -> None:
    layout = layout_of("top/a", "top/b", pads=1)
    assert names_given(layout, ["", ""]) == ()
    assert names_given(layout, ["x/a", "top/b"]) == (("0", "x", "a"),)
    assert names_given(layout, ["x/a", "x/c"]) == (("", "x"), ("1", "x", "c"))
    for wrong in (["x"], ["x", "y", "z"], ["x/../y", ""], ["/x", ""], ["x", "x/y"], ["x//y", ""]):
        with pytest.raises(FormatError):
            names_given(layout, wrong)


@pytest.mark.parametrize(
    ("paths", "wish", "laid"),
    [
        (["film.mkv"], ("", "subfolder"), ["film/film.mkv"]),
        (["film.mkv"], ("other", "subfolder"), ["other/film.mkv"]),
        (["film"], ("", "subfolder"), ["film/film"]),
        ([".film"], ("", "subfolder"), ["film/.film"]),
        (["film.mkv"], ("", "no_subfolder"), ["film.mkv"]),
        (["film.mkv"], ("other", "original"), ["other"]),
        (["top/a", "top/sub/b"], ("", "subfolder"), ["top/a", "top/sub/b"]),
        (["top/a", "top/sub/b"], ("other", "subfolder"), ["other/a", "other/sub/b"]),
        (["top/a", "top/sub/b"], ("", "no_subfolder"), ["a", "sub/b"]),
        (["top/a", "top/sub/b"], ("other", "no_subfolder"), ["a", "sub/b"]),
        (["top/a", "top/sub/b"], ("", "original"), ["top/a", "top/sub/b"]),
    ],
)
def test_how_a_torrent_can_be_laid_out(
    paths: list[str], wish: tuple[str, str], laid: list[str]
) -> None:
    layout = layout_of(*paths)
    found = with_names(layout, wanted_names(*wish))
    assert paths_of(found) == laid
    # A later rename is kept as what differs from the torrent.
    assert paths_of(with_names(layout, names_between(layout, found))) == laid


@pytest.mark.parametrize("name", ["a/b", "..", "con", "x" * 256, "a\0", " "])
def test_what_no_file_can_be_called_is_no_name_to_add_one_under(name: str) -> None:
    with pytest.raises(FormatError, match="cannot be the name"):
        wanted_names(name, "original")
