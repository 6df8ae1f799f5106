"""The state folder, its lock and its token."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from p2pd.base.errors import ConfigError, StateError
from p2pd.service.config import Config, config_of
from p2pd.service.control_token import (
    given_token_path,
    load_token,
    read_given_token,
    token_path,
)
from p2pd.service.folders import (
    FolderLock,
    download_folder,
    has_run,
    make_writable,
    state_folder,
    trouble_with,
)


def mode_of(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_folders_are_the_users_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert state_folder(Config(), {}) == "/home/ann/.local/state/p2pd"
    assert state_folder(Config(), {"XDG_STATE_HOME": "/x"}) == "/x/p2pd"
    assert state_folder(Config(), {"XDG_STATE_HOME": "x"}) == "/home/ann/.local/state/p2pd"
    assert download_folder(Config()) == "/home/ann/Downloads/p2pd"


def test_configured_folders_win() -> None:
    config = config_of({("state", "dir"): "/s", ("storage", "download_dir"): "/d"})
    assert state_folder(config, {"XDG_STATE_HOME": "/x"}) == "/s"
    assert download_folder(config) == "/d"


def test_a_folder_is_made_and_tried(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_writable(str(folder), mode=0o700)
    assert mode_of(folder) == 0o700
    assert not list(folder.iterdir())
    make_writable(str(folder))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/x: cannot be written: Not a directory"):
        make_writable(str(tmp_path / "file" / "x"))
    with pytest.raises(ConfigError, match=r"file: cannot be written: it is not a folder"):
        make_writable(str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="cannot be written"):
        make_writable("/proc/p2pd")


def test_one_daemon_for_each_state_folder(tmp_path: Path) -> None:
    first, second = FolderLock(str(tmp_path)), FolderLock(str(tmp_path))
    first.take()
    with pytest.raises(StateError, match="another p2pd uses this state folder"):
        second.take()
    first.release()
    second.take()
    second.release()
    with pytest.raises(StateError, match="No such file"):
        FolderLock(str(tmp_path / "nowhere")).take()


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    token = load_token(str(tmp_path))
    assert len(token) >= 40
    assert token.isascii()
    assert mode_of(token_path(str(tmp_path))) == 0o600
    assert os.listdir(tmp_path) == ["control-token"]
    assert load_token(str(tmp_path)) == token


def test_no_two_tokens_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_token(str(tmp_path / "a")) != load_token(str(tmp_path / "b"))


def test_a_token_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "control-token"
    path.write_text("my-own-token\n")
    path.chmod(0o644)
    assert load_token(str(tmp_path)) == "my-own-token"
    assert mode_of(path) == 0o600


@pytest.mark.parametrize("content", [b"", b" \n", b"a\nb\n", b"\xff\xfe", b"x" * 5000])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control-token").write_bytes(content)
    with pytest.raises(StateError, match="holds no token"):
        load_token(str(tmp_path))


def test_a_token_is_never_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("stolen\n")
    (tmp_path / "control-token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="control-token"):
        load_token(str(tmp_path))


def test_a_token_that_the_service_manager_gives(tmp_path: Path) -> None:
    assert given_token_path({}) is None
    assert given_token_path({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    (tmp_path / "p2pd.control-token").write_text("given\n")
    (tmp_path / "p2pd.control-token").chmod(0o440)
    given = given_token_path({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert given == str(tmp_path / "p2pd.control-token")
    assert read_given_token(given) == "given"
    assert mode_of(given) == 0o440


def test_a_given_file_that_holds_no_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p2pd.control-token").write_text("\n")
    with pytest.raises(StateError, match=r"p2pd\.control-token: holds no token$"):
        read_given_token(str(tmp_path / "p2pd.control-token"))
    with pytest.raises(StateError, match="No such file"):
        read_given_token(str(tmp_path / "nothing"))


def test_a_download_folder_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    assert trouble_with(str(tmp_path)) == ""
    away = tmp_path / "volume"
    assert trouble_with(str(away)) == f"{away}: No such file or directory"
    assert not away.exists()


@pytest.mark.parametrize("name", ["state.db", "torrents"])
def test_a_state_folder_tells_whether_it_was_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "lock").touch()
    assert not has_run(str(tmp_path))
    (tmp_path / name).touch()
    assert has_run(str(tmp_path))
