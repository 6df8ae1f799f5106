"""Which of two names a file has, and how it gets the other one while it is in use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import StorageError
from p2pd.formats.file_names import renamed
from p2pd.storage.file_naming import Seen, is_partial
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.interfaces import FileState
from p2pd.storage.open_files import OpenFiles
from tests.storage.layouts import folder

_, LAYOUT, CONTENTS = folder({"a": 40_000, "sub/b": 20_000, "sub/c": 30_000, "empty": 0})
STATES = st.builds(FileState, st.integers(0, 3), st.integers(0, 2))
SEEN = st.one_of(st.none(), st.builds(Seen, STATES, st.tuples(st.just(1), st.integers(0, 1))))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/top/sub").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def storage(root: Path) -> FileStorage:
    return FileStorage(str(root), LAYOUT, OpenFiles(), look_every=0)


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root / "top")) for path in root.rglob("*") if path.is_file())


@given(
    complete=SEEN, partial=SEEN, known=st.one_of(st.none(), STATES),
    length=st.integers(0, 3), begun=st.booleans(),
)  # fmt: skip
def test_what_is_recorded_decides_then_what_is_whole_then_what_was_begun(
    complete: Seen | None, partial: Seen | None, known: FileState | None, length: int, begun: bool
) -> None:
    ours = is_partial(complete, partial, known=known, length=length, begun=begun)
    if complete is None or partial is None or complete.identity == partial.identity:
        assert ours == (complete is None and partial is not None)
    elif (known == complete.state) != (known == partial.state):
        assert ours == (known == partial.state)
    elif begun:
        assert ours
    elif complete.state.size == length:
        assert not ours
    else:
        assert ours == (partial.state.size == length)


def test_a_file_is_found_by_either_name(root: Path, storage: FileStorage) -> None:
    (root / "top/a.part").write_bytes(b"x" * 5)
    (root / "top/sub/b").write_bytes(b"y" * 7)
    storage.locate((), None)
    states = storage.file_states()
    assert [state.size if state else None for state in states] == [5, 7, None, None]
    assert storage.partial == {0}
    for part, whole, begun, ours in (
        ("partial", "complete", True, True),
        ("partial", "complete", False, False),
    ):
        (root / "top/sub/c.part").write_text(part)
        (root / "top/sub/c").write_text(whole)
        storage.locate({2} if begun else (), None)
        assert (2 in storage.partial) == ours


def test_what_looks_as_it_was_recorded_is_the_torrents(root: Path, storage: FileStorage) -> None:
    for name in ("a", "a.part"):
        (root / "top" / name).write_text(name)
    found = os.stat(root / "top/a.part")
    known = [FileState(found.st_size, found.st_mtime_ns), None, None, None]
    storage.locate((), known)
    assert storage.partial == {0}


def test_names_change_under_open_files(root: Path, storage: FileStorage) -> None:
    storage.prepare()
    assert storage.give_names((), {0, 1, 2, 3}) == []
    storage.write_piece(0, bytes(LAYOUT.piece_size(0)))
    assert names(root) == ["a.part", "empty"]
    assert storage.give_names({0}, ()) == []
    assert names(root) == ["a", "empty"]
    storage.write_piece(0, b"\1" * LAYOUT.piece_size(0))
    storage.sync()
    assert storage.read(0, 0, 4) == b"\1" * 4
    assert (root / "top/a").read_bytes()[:4] == b"\1" * 4
    assert storage.give_names((), {0}) == []
    storage.close()
    assert storage.read(0, 0, 4) == b"\1" * 4
    assert names(root) == ["a.part", "empty"]


def test_nothing_is_replaced_and_nobody_elses_file_is_renamed(
    root: Path, storage: FileStorage
) -> None:
    (root / "top/a.part").write_text("ours")
    (root / "top/a").write_text("a user's")
    storage.locate({0}, None)
    (problem,) = storage.give_names({0}, ())
    assert "top/a is there already" in problem
    assert (root / "top/a").read_text() == "a user's"
    (root / "top/sub/b").write_text("of others, too")
    storage.locate({0}, None)
    assert storage.give_names((), {1}, keep={("top", "sub", "b")}) == []
    assert storage.give_names((), {1}, keep=None) == []
    assert storage.partial == {0}
    assert storage.give_names((), {2}, keep=None) == []
    assert storage.partial == {0, 2}, "what is not there gets the name when it is made"


def test_presence_knows_both_names(root: Path, storage: FileStorage) -> None:
    (root / "top/sub/b.part").write_bytes(b"x" * 9)
    assert storage.presence([(1, 9)]).there == 1
    assert storage.presence([(1, 10)]).there == 0
    storage.give_names((), {0, 1, 2})
    (root / "top/a").write_bytes(b"x" * 9)
    assert storage.presence([(0, 9), (1, 9), (2, 1)]).there == 2


def test_a_file_is_renamed_with_what_stands_behind_its_name(
    root: Path, storage: FileStorage
) -> None:
    (root / "top/a.part").write_text("a")
    (root / "top/sub/b").write_text("b")
    storage.locate((), None)
    named = renamed(LAYOUT, "top/a", "x")
    old, new = ("top", "a"), ("top", "x")
    entry = storage.entry(old, new, named)
    assert entry == (("top", "a.part"), ("top", "x.part"))
    storage.give_names({0}, ())
    with pytest.raises(StorageError, match="try again"):
        storage.rename(old, new, named, entry)
    storage.give_names((), {0})
    storage.rename(old, new, named, entry)
    assert names(root) == ["sub/b", "x.part"]
    folder_named = renamed(named, "top/sub", "y")
    both = ("top", "sub"), ("top", "y")
    storage.rename(*both, folder_named, storage.entry(*both, folder_named))
    assert names(root) == ["x.part", "y/b"]
    storage.give_names({0}, {1})
    assert names(root) == ["x", "y/b.part"]


def test_removal_goes_by_the_names_on_the_disk(root: Path, storage: FileStorage) -> None:
    for name in ("a.part", "a", "sub/b"):
        (root / "top" / name).write_text(name)
    storage.locate({0}, None)
    storage.delete_files()
    assert names(root) == ["a"]
