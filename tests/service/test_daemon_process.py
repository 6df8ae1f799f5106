"""The daemon as a process: found by twistd, ready when it says so, gone when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from p2pd.service.config import Config
from p2pd.session.settings.session_settings import IN_PLACE

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
    address, state = tmp_path / "notify", tmp_path / "state"
    left = state / "node.key.new", state / "swarm-ca" / ".films.0123abcd" / "ca.key"
    for path in left:
        path.parent.mkdir(mode=0o700, parents=True)
        path.touch()
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
    assert not [path for path in left if path.exists()]  # a kill left them


def rpc(port: int, method: str, **params: Any) -> Any:
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/rpc",
        json.dumps(call).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["result"]


def other_values(downloads: str) -> dict[str, Any]:
    """A value that is not the default, for each key that docs/operations.rst says holds at once."""
    page = (ROOT / "docs" / "operations.rst").read_text()
    listed = page[page.index("These keys hold at once") : page.index("All others hold from")]
    found: dict[str, Any] = {
        "peers.seed_choking": "anti_leech", "peers.super_seeding": "off",
        "peers.encryption": "allowed", "peers.identity": "all",
        "storage.download_dir": downloads, "logging.level": "debug",
        "logging.levels": ["p2pd.session=debug"], "blocklist.url": "/a/list",
        "storage.incomplete_dir": f"{downloads}/parts", "storage.content_folders": ["/a"],
        "storage.find_data": IN_PLACE, "discovery.dht_bootstrap": ["127.0.0.1:1"],
        "automation.private_addresses": ["10.0.0.0/8"], "automation.command": ["/bin/true", "x"],
        "automation.command_events": ["done"], "automation.script_torrent_added": "/bin/true",
        "automation.script_torrent_done": "/bin/true",
        "automation.script_torrent_done_seeding": "/bin/true", "seeding.then": "remove",
        "keys.trusted_signers": ["/a/certificate"],
    }  # fmt: skip
    fixed_here = {option.removeprefix("--set=").partition("=")[0] for option in options(ROOT)}
    for name in set(re.findall(r"``(\w+\.\w+)``", listed)) - fixed_here:
        section, _, key = name.partition(".")
        default = getattr(getattr(Config(), section), key)
        if name not in found:
            found[name] = not default if isinstance(default, bool) else default + 1
    return found


@contextmanager
def reloadable(tmp_path: Path, file: Path) -> Iterator[tuple[Any, socket.socket, int]]:
    """A daemon with this configuration file, the socket of its manager, and its control port."""
    address = tmp_path / "notify"
    with notifications(address) as manager:
        daemon = subprocess.Popen(
            [*PROGRAM, f"--config={file}", *(o for o in options(tmp_path) if "download" not in o)],
            cwd=tmp_path,
            env=environment(NOTIFY_SOCKET=str(address), HOME=str(tmp_path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            status = heard(manager, "READY=1")[-1]
            found = re.search(r"control API at http://127\.0\.0\.1:(\d+)", status)
            assert found is not None
            yield daemon, manager, int(found[1])
        finally:
            daemon.kill()


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    file = tmp_path / "p2pd.toml"
    file.write_text("control.auth = false\n")
    changed = other_values(str(tmp_path / "elsewhere"))
    with reloadable(tmp_path, file) as (daemon, manager, port):
        rpc(port, "session_set", upload_slots=9)
        file.write_text(
            "control.auth = true\n"
            + "".join(f"{name} = {json.dumps(value)}\n" for name, value in changed.items())
        )
        daemon.send_signal(signal.SIGHUP)
        said = heard(manager, "READY=1")
        assert said[0] == "RELOADING=1"
        assert int(said[1].removeprefix("MONOTONIC_USEC=")) > 0
        assert said[-1] == (
            f"STATUS=running; configuration read again: {len(changed)} changed, 1 at the next start"
        )
        got = rpc(port, "session_get")
        assert got["peer_limit_global"] == 501
        assert got["download_dir"] == str(tmp_path / "elsewhere")
        assert (got["speed_limit_down"], got["speed_limit_down_enabled"]) == (1, True)
        assert got["upload_slots"] == 9
        file.write_text("peers.port = 70000\n")
        daemon.send_signal(signal.SIGHUP)
        assert "p2pd.toml: peers.port must be a whole" in heard(manager, "READY=1")[-1]
        assert rpc(port, "session_get", fields=["peer_limit_global"]) == {"peer_limit_global": 501}
        daemon.terminate()
        shown, _ = daemon.communicate(timeout=10)
    assert daemon.returncode == 0, shown
    assert "info  peers.max_connections: from 500 to 501\n" in shown
    assert "peers.upload_slots: from 4 to 5; but clients set upload_slots = 9, which stays" in shown
    assert "warn  control.auth: from false to true at the next start" in shown
    assert "error configuration refused, nothing changed: " in shown


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
