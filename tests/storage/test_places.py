"""The two ends of a move: what is read at the old place, and what comes to the new one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.base.errors import DiskFullError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.storage import new_place
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.new_place import FOLDER, NewPlace
from p2pd.storage.old_place import OldFile, OldPlace
from p2pd.storage.open_files import OpenFiles
from p2pd.storage.verifier import PieceVerifier
from tests.storage.layouts import PIECE, folder, piece_of

FILES = {"a": 3 * PIECE + 5, "deep/b": 2 * PIECE, "deep/er/none": 0, "z": 7}
METAINFO, LAYOUT, DATA = folder(FILES)
NAME = "ab" * 20
STAGED = FOLDER + NAME


@pytest.fixture
def old(tmp_path: Path) -> OldPlace:
    """All the files."""
    storage = FileStorage(str(tmp_path / "old"), LAYOUT, OpenFiles())
    storage.prepare()
    for piece in range(LAYOUT.piece_count):
        storage.write_piece(piece, piece_of(LAYOUT, DATA, piece))
    storage.close()
    return OldPlace(storage.root, LAYOUT)


@pytest.fixture
def new(tmp_path: Path) -> NewPlace:
    """Nothing yet, but where it comes."""
    place = NewPlace(str(tmp_path / "new"), LAYOUT, NAME)
    place.make()
    return place


def copy(old: OldPlace, new: NewPlace, file: OldFile, step: int = PIECE) -> None:
    """As a move does it."""
    offset = new.copied(file)
    while (part := old.read(file.index, offset, step)).data:
        new.write(file.index, part.offset, part.data, file.sparse, True)
        offset = part.end
    new.finish(file)


def copy_all(old: OldPlace, new: NewPlace) -> list[OldFile]:
    files = old.files(range(len(FILES)))
    for file in files:
        copy(old, new, file)
    return files


def tree(root: str) -> dict[str, bytes]:
    paths = (path for path in Path(root).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


class TestOldPlace:
    """What is there, and what is not ours."""

    def test_what_is_there(self, old: OldPlace) -> None:
        files = old.files(())
        assert [(file.index, file.size) for file in files] == list(enumerate(FILES.values()))
        os.unlink(old.shown(1))
        assert [file.index for file in old.files(())] == [0, 2, 3]
        with pytest.raises(StorageError, match="deep/b: it is not there"):
            old.files([0, 1])

    def test_links_and_folders_are_not_files(self, old: OldPlace, tmp_path: Path) -> None:
        for index, make in ((0, os.mkdir), (3, lambda path: os.symlink(old.shown(1), path))):
            os.unlink(old.shown(index))
            make(old.shown(index))
        assert [file.index for file in old.files(())] == [1, 2]
        os.rename(tmp_path / "old/top/deep", tmp_path / "away")
        os.symlink(tmp_path / "away", tmp_path / "old/top/deep")
        assert old.files(()) == []
        with pytest.raises(StorageError, match="symbolic link"):
            old.read(1, 0, 1)

    def test_its_bytes(self, old: OldPlace) -> None:
        part = old.read(0, 10, 20)
        assert (part.offset, part.data, part.end) == (10, DATA[10:30], 30)
        assert old.read(0, FILES["a"], 10).data == b""
        assert old.read(0, FILES["a"] + 5, 10).data == b""
        assert old.read_range(1, 5, 10).data == DATA[FILES["a"] + 5 : FILES["a"] + 15]
        with pytest.raises(StorageError, match="shorter than it should be"):
            old.read_range(3, 0, 8)

    def test_holes_are_passed_over(self, old: OldPlace) -> None:
        with open(old.shown(0), "wb") as file:
            file.truncate(4 << 20)
            file.seek(3 << 20)
            file.write(b"x" * 4096)
        (found,) = [file for file in old.files(()) if file.index == 0]
        assert found.sparse
        assert found.held <= 64 * 1024
        part = old.read(0, 0, 1 << 16)
        assert part.offset == 3 << 20
        assert part.data.strip(b"\0") == b"x" * 4096

    def test_removal(self, old: OldPlace, new: NewPlace) -> None:
        files = copy_all(old, new)
        new.place(files)
        with open(old.shown(3), "ab") as file:
            file.write(b"more than was moved")
        for moved in new.files.files(()):
            old.remove(moved)
            old.remove(moved)
        old.remove_folders()
        assert list(tree(old.root)) == ["top/z"]
        assert not os.path.exists(os.path.join(old.root, "top/deep"))

    def test_what_is_the_new_place_by_another_name_stays(
        self, old: OldPlace, tmp_path: Path
    ) -> None:
        os.symlink(old.root, tmp_path / "alias")
        alias = OldPlace(str(tmp_path / "alias"), LAYOUT)
        assert alias.identity() == old.identity()
        before = tree(old.root)
        for moved in alias.files(()):
            old.remove(moved)
        assert tree(old.root) == before

    def test_a_root_that_is_not_there(self, tmp_path: Path) -> None:
        nowhere = OldPlace(str(tmp_path / "nowhere"), LAYOUT)
        assert nowhere.identity() is None
        assert nowhere.files(()) == []


class TestNewPlace:
    """What comes, under which names."""

    def test_copies_look_as_the_files_do(self, old: OldPlace, new: NewPlace) -> None:
        os.chmod(old.shown(1), 0o751)
        os.utime(old.shown(1), ns=(5, 1_234_567_891))
        files = copy_all(old, new)
        assert sorted(tree(new.root)) == [f"{STAGED}/{index}" for index in range(4)]
        new.place(files)
        assert tree(new.root) == tree(old.root)
        assert os.listdir(new.root) == ["top"]
        found = os.stat(new.files.shown(1))
        assert (found.st_mtime_ns, found.st_mode & 0o777) == (1_234_567_891, 0o751)
        new.place(files)
        assert tree(new.root) == tree(old.root)

    def test_second_names(self, old: OldPlace, new: NewPlace) -> None:
        files = old.files(())
        assert all(new.link(file, old) for file in files * 2)
        assert all(new.copied(file) == file.size for file in files)
        new.place(files)
        for file in files:
            assert os.path.samefile(old.shown(file.index), new.files.shown(file.index))

    @pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
    def test_where_there_are_no_second_names(
        self, old: OldPlace, new: NewPlace, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def refuse(*args: Any, **kwargs: Any) -> None:
            raise OSError(code, os.strerror(code))

        files = copy_all(old, new)
        monkeypatch.setattr(os, "link", refuse)
        assert not any(new.link(file, old) for file in files)
        new.place(files)
        assert tree(new.root) == tree(old.root)

    @pytest.mark.parametrize("links", [True, False])
    def test_a_name_that_was_taken_meanwhile(
        self, old: OldPlace, new: NewPlace, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        files = copy_all(old, new)
        if not links:
            monkeypatch.setattr(new_place, "NO_LINKS", (errno.EEXIST,))
        taken = Path(new.files.shown(3))
        taken.parent.mkdir()
        taken.write_text("mine")
        with pytest.raises(StorageError, match="top/z is there already"):
            new.place(files)
        assert taken.read_text() == "mine"
        assert tree(old.root)
        new.take_back(files[:3])
        new.clean()
        assert tree(new.root) == {"top/z": b"mine"}

    def test_taking_back_and_cleaning(self, old: OldPlace, new: NewPlace) -> None:
        files = copy_all(old, new)
        new.place(files)
        new.take_back(files)
        new.take_back(files)
        assert sorted(tree(new.root)) == [f"{STAGED}/{index}" for index in range(4)]
        new.place(files)
        new.take_back(files)
        new.clean()
        new.clean()
        assert os.listdir(new.root) == []

    def test_a_folder_that_is_gone_is_not_made_anew(
        self, old: OldPlace, new: NewPlace, tmp_path: Path
    ) -> None:
        files = copy_all(old, new)
        os.rename(new.root, tmp_path / "pulled")
        os.mkdir(new.root)
        steps = (
            lambda: new.copied(files[0]),
            lambda: new.write(0, 0, b"x", False, False),
            lambda: new.finish(files[0]),
            lambda: new.link(files[0], old),
            lambda: new.take_back(files),
        )
        for step in steps:
            with pytest.raises(StorageError, match="is its volume mounted"):
                step()
        with pytest.raises(StorageError, match="it is not there"):
            new.place(files)
        assert os.listdir(new.root) == []

    def test_what_is_looked_at_before(
        self, old: OldPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = old.files(())
        place = NewPlace(str(tmp_path / "not/there/yet"), LAYOUT, NAME)
        place.look(files, 1000)
        with pytest.raises(DiskFullError, match="1152921504606846976 bytes are to be copied"):
            place.look(files, 1 << 60)
        with pytest.raises(DiskFullError, match="there is room for 0"):
            place.look(files, 1, 1 << 60)
        place.look(files, 0, 1 << 60)
        (tmp_path / "file").write_text("x")
        with pytest.raises(StorageError, match=r"not a folder|Not a directory"):
            NewPlace(str(tmp_path / "file"), LAYOUT, NAME).look(files, 0)
        monkeypatch.setattr(os, "access", lambda *args: False)
        with pytest.raises(StorageError, match="no permission"):
            place.look(files, 0)
        assert not (tmp_path / "not").exists()

    def test_links_are_not_followed(self, old: OldPlace, new: NewPlace, tmp_path: Path) -> None:
        (tmp_path / "away").mkdir()
        (tmp_path / "away/0").write_text("not ours")
        os.rmdir(os.path.join(new.root, STAGED))
        os.symlink(tmp_path / "away", os.path.join(new.root, STAGED))
        with pytest.raises(StorageError, match="symbolic link"):
            new.write(0, 0, b"x", False, False)
        new.clean()
        assert (tmp_path / "away/0").read_text() == "not ours"

    def test_what_the_copy_has_wrong(self, old: OldPlace, new: NewPlace) -> None:
        copy_all(old, new)
        staged = FileStorage(new.root, new.staged_layout(), OpenFiles(), look_every=0)
        verifier, pieces = PieceVerifier(METAINFO, LAYOUT), range(LAYOUT.piece_count)
        assert new.wrong(staged, verifier, pieces) == []
        new.write(0, PIECE, b"?", False, True)
        assert new.wrong(staged, verifier, pieces) == [1]
        assert new.wrong(staged, verifier, [0, 2]) == []

    def test_a_sparse_copy(self, old: OldPlace, new: NewPlace) -> None:
        with open(old.shown(0), "wb") as file:
            file.truncate(8 << 20)
            file.seek(3 << 20)
            file.write(b"x" * 4096)
        (found,) = [file for file in old.files(()) if file.index == 0]
        copy(old, new, found, 1 << 20)
        new.place([found])
        moved = new.files.file(0)
        assert moved is not None
        assert moved.held <= 128 * 1024
        assert Path(new.files.shown(0)).read_bytes() == Path(old.shown(0)).read_bytes()


def test_after_a_kill_the_end_is_copied_again(
    old: OldPlace, new: NewPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_place, "DOUBTFUL_BYTES", PIECE)
    (file, *_) = old.files(())
    assert new.copied(file) == 0
    new.write(0, 0, DATA[: 2 * PIECE + 3], False, False)
    assert new.copied(file) == PIECE + 3
    copy(old, new, file)
    assert new.copied(file) == file.size
    os.utime(old.shown(0), ns=(1, 1))
    changed = old.file(0)
    assert changed is not None
    assert new.copied(changed) == file.size - PIECE


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_file_is_copied_with_its_holes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("holes")
    size = data.draw(st.integers(0, 6 * PIECE))
    _, layout, _ = folder({"x": max(1, size)})
    old, new = OldPlace(str(base / "a"), layout), NewPlace(str(base / "b"), layout, NAME)
    os.makedirs(base / "a/top")
    runs = st.tuples(st.integers(0, max(0, size)), st.integers(0, PIECE))
    with open(old.shown(0), "wb") as file:
        file.truncate(size)
        for start, length in data.draw(st.lists(runs, max_size=4)):
            file.seek(start)
            file.write(b"#" * min(length, size - start))
    new.make()
    (found,) = old.files([0])
    copy(old, new, found, data.draw(st.integers(1000, 4 * PIECE)))
    new.place([found])
    assert Path(new.files.shown(0)).read_bytes() == Path(old.shown(0)).read_bytes()


def test_pads_and_links_of_a_torrent_are_no_files(tmp_path: Path) -> None:
    files = [file._replace(pad=index == 0) for index, file in enumerate(LAYOUT.files)]
    files[1] = files[1]._replace(symlink=("top", "a"))
    layout = FileLayout(files, PIECE, aligned=False)
    for file in files:
        path = tmp_path.joinpath(*file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert [file.index for file in OldPlace(str(tmp_path), layout).files(())] == [2, 3]
