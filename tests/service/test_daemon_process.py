"""The daemon as a process: found by twistd, ready when it says so, gone when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
PROGRAM = [sys.executable, "-c", "from p2pd.service.main import main; main()"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def options(folder: Path) -> list[str]:
    return [
        f"--state-dir={folder / 'state'}", f"--download-dir={folder / 'downloads'}",
        "--peer-port=0", "--control-port=0", "--set=peers.interface=127.0.0.1",
        "--set=discovery.dht=false", "--set=discovery.lsd=false",
        "--set=reachability.port_mapping=false",
    ]  # fmt: skip


@contextmanager
def notifications(path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(20)
        yield receiver


def heard(manager: socket.socket, line: str) -> list[str]:
    """Everything that was said, up to the message with this line."""
    said: list[str] = []
    while line not in said:
        said += manager.recv(4096).decode().splitlines()
    return said


def test_twistd_lists_it() -> None:
    shown = subprocess.run(
        [*TWISTD, "--help"], env=environment(), capture_output=True, text=True, check=True
    ).stdout
    assert "p2pd             A BitTorrent seedbox daemon." in shown


@pytest.mark.parametrize("command", [PROGRAM, [*TWISTD, "-n", "--pidfile=", "p2pd"]])
def test_it_says_when_it_is_ready_and_stops_when_told(command: list[str], tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with notifications(address) as manager:
        daemon = subprocess.Popen(
            [*command, *options(tmp_path)],
            cwd=tmp_path,
            env=environment(NOTIFY_SOCKET=str(address)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = heard(manager, "READY=1")
            assert said[-1].startswith("STATUS=peers at port ")
            daemon.send_signal(signal.SIGTERM)
            shown, _ = daemon.communicate(timeout=10)
            heard(manager, "STOPPING=1")
        finally:
            daemon.kill()
    assert daemon.returncode == 0, shown
    assert f"token in {tmp_path / 'state' / 'control-token'}" in shown
    assert "control API at http://127.0.0.1:" in shown
    assert "Traceback" not in shown
    assert sorted(os.listdir(tmp_path)) == ["downloads", "notify", "state"]


def test_in_the_background_it_runs_too(tmp_path: Path) -> None:
    address, pid_file = tmp_path / "notify", tmp_path / "p2pd.pid"
    log_file = tmp_path / "p2pd.log"
    command = [*TWISTD, f"--pidfile={pid_file}", f"--logfile={log_file}", "p2pd"]
    with notifications(address) as manager:
        started = subprocess.run(
            [*command, *options(tmp_path)],
            cwd=tmp_path,
            env=environment(NOTIFY_SOCKET=str(address)),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert started.returncode == 0, started.stderr
        heard(manager, "READY=1")
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        heard(manager, "STOPPING=1")
    deadline = time.monotonic() + 10
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not pid_file.exists()
    assert "control API at http://127.0.0.1:" in log_file.read_text()
    assert "Traceback" not in log_file.read_text()
