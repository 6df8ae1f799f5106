"""The unix socket of the control API: whose it is, and what is left of it."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import ConfigError
from p2pd.service.unix_port import MAX_PATH, UnixPort


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def port_at(path: Path, mode: int = 0o600) -> UnixPort:
    return UnixPort("control.socket", str(path), mode)


def close(port: UnixPort) -> None:
    Deferred.fromCoroutine(port.close())


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_it_listens_with_its_mode_and_is_removed_in_the_end(path: Path, mode: int) -> None:
    port = port_at(path, mode)
    port.prepare()
    assert stat.S_IMODE(path.stat().st_mode) == mode
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
    close(port)
    assert not path.exists()


def test_one_that_a_killed_daemon_left_is_replaced(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    port = port_at(path)
    port.prepare()
    close(port)


def test_one_at_which_somebody_listens_is_left_alone(path: Path) -> None:
    first, second = port_at(path), port_at(path)
    first.prepare()
    with pytest.raises(ConfigError, match="another program listens at"):
        second.prepare()
    close(second)
    assert path.exists()
    close(first)


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is there already, and is no socket"):
        port_at(path).prepare()
    assert path.read_text() == "mine"


def test_another_daemons_socket_is_not_removed(path: Path) -> None:
    port = port_at(path)
    port.prepare()
    path.unlink()
    path.write_text("another's")
    close(port)
    assert path.exists()


@pytest.mark.parametrize("name", ["no/such/folder", "x" * MAX_PATH])
def test_a_path_that_cannot_be_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^control\.socket: "):
        port_at(tmp_path / name).prepare()


def test_nobody_connects_before_the_mode_is_right(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    chmod = os.chmod

    def look(at: str, mode: int) -> None:
        modes.append(stat.S_IMODE(os.stat(at).st_mode))
        chmod(at, mode)

    monkeypatch.setattr(os, "chmod", look)
    port = port_at(path, 0o666)
    port.prepare()
    close(port)
    assert modes == [0o600]
