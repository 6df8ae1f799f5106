"""Files that are whole or not there: also many of them, for which the disk is waited for once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from p2pd.state import files
from p2pd.state.files import TOGETHER, sync_file_system, write_together


def many(folder: Path, count: int) -> dict[str, bytes]:
    return {str(folder / f"{number}"): b"%d" % number for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, TOGETHER - 1, TOGETHER, 5 * TOGETHER])
@pytest.mark.parametrize("has_syncfs", [True, False])
def test_all_bytes_are_on_the_disk_before_the_first_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, has_syncfs: bool
) -> None:
    wanted, steps = many(tmp_path, count), list[str]()
    sync, sync_all, replace = os.fsync, files.sync_file_system, os.replace

    def noted(step: str) -> None:
        steps.append(step)

    monkeypatch.setattr("os.fsync", lambda file: (noted("one"), sync(file)))
    monkeypatch.setattr(files, "sync_file_system", lambda at: (noted("all"), sync_all(at)))
    monkeypatch.setattr("os.replace", lambda new, path: (noted("name"), replace(new, path)))
    monkeypatch.setattr(files, "_has_syncfs", lambda: has_syncfs)
    write_together(wanted)
    together = has_syncfs and count >= TOGETHER
    assert steps == [*(["all"] if together else ["one"] * count), *["name"] * count]
    assert {str(path): path.read_bytes() for path in tmp_path.iterdir()} == wanted
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_what_the_disk_does_not_take_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(files, "sync_file_system", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        write_together(many(tmp_path, TOGETHER))
    assert all(path.suffix == ".new" for path in tmp_path.iterdir())


def test_what_the_system_says_of_a_file_system_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Libc:
        @staticmethod
        def syncfs(folder: int) -> int:
            files.ctypes.set_errno(errno.ENOSPC)
            return -1

    sync_file_system(str(tmp_path))
    monkeypatch.setattr(files, "_LIBC", Libc)
    with pytest.raises(OSError, match="No space left on device"):
        sync_file_system(str(tmp_path))
