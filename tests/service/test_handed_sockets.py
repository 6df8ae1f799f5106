"""Sockets that systemd hands over: who gets which, and which are refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactor
from twisted.python.systemd import ListenFDs

from p2pd.base.errors import ConfigError
from p2pd.service.composition import compose
from p2pd.service.config import config_of
from p2pd.service.folders import Place
from p2pd.service.handed_sockets import HandedSockets
from p2pd.service.http_port import HttpPort

ROOT = Path(__file__).resolve().parents[2]

# What systemd does between fork and exec: descriptors from 3 on, and the process named.
LAUNCHER = """
import json, os, sys
order = json.loads(sys.argv[1])
parked = [os.dup2(fd, 100 + at) for at, fd in enumerate(order)]
for at, fd in enumerate(parked):
    os.dup2(fd, 3 + at)
    os.close(fd)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(order))}
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], *sys.argv[3:]])
"""
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
PROGRAM = "from p2pd.service.main import main; main()"


@pytest.fixture
def listening() -> Iterator[Any]:
    """Makes sockets that listen on loopback."""
    with ExitStack() as stack:

        def make(host: str = "127.0.0.1") -> socket.socket:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            made = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            made.bind((host, 0))
            made.listen(5)
            return made

        yield make


@pytest.fixture
def bound() -> Iterator[Any]:
    """Makes UDP sockets at a port of loopback."""
    with ExitStack() as stack:

        def make(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
            made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            made.bind((host, port))
            return made

        yield make


def port_of(opened: socket.socket) -> int:
    return int(opened.getsockname()[1])


def test_the_name_decides_and_else_the_port(listening: Any) -> None:
    named, first, second = listening(), listening(), listening()
    handed = HandedSockets({"control": [named], "p2pd.socket": [first, second]})
    assert handed.take("peers", port_of(second)) is second
    assert handed.take("control", 9091) is named
    assert handed.take("tracker", 0) is None
    with pytest.raises(ConfigError, match=f"at port {port_of(first)}, which is not peers.port"):
        handed.refuse_rest()
    assert handed.take("tracker", port_of(first)) is first
    handed.refuse_rest()


def test_udp_sockets_are_for_the_peers(listening: Any, bound: Any) -> None:
    tcp, other = listening(), bound()
    port = port_of(tcp)
    udp = [bound("127.0.0.1", port), bound("127.0.0.2", port)]
    handed = HandedSockets({"p2pd.socket": [udp[0], tcp, udp[1], other]})
    assert handed.take_datagrams("peers", port) == udp
    assert handed.take("peers", port) is tcp
    with pytest.raises(ConfigError, match=f"at port {port_of(other)}, which is not peers.port"):
        handed.refuse_rest()


def test_nothing_handed_is_the_usual_case() -> None:
    handed = HandedSockets.from_systemd(ListenFDs.fromEnvironment({}), {})
    assert handed.take("control", 9091) is None
    handed.refuse_rest()


def test_those_of_another_process_are_not_ours() -> None:
    given = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
    HandedSockets.from_systemd(ListenFDs.fromEnvironment(given), given).refuse_rest()


def test_http_is_served_at_what_was_handed(listening: Any) -> None:
    handed = listening()
    port = HttpPort("control.port", "10.9.8.7", 9091, handed)
    port.prepare()
    assert (port.url_host, port.port) == ("127.0.0.1", port_of(handed))
    port.let_go()


def test_peers_are_not_let_in_beside_the_interface_they_are_bound_to(
    listening: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = HandedSockets({"peers": [listening("::1")]})
    monkeypatch.setattr(HandedSockets, "from_systemd", lambda: handed)
    config = config_of({("peers", "interface"): "127.0.0.1"})
    place = Place(str(tmp_path), str(tmp_path), None)
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1, and systemd hands a socket of ::1"):
        compose(config, place, MemoryReactor())


def run(tmp_path: Path, handed: list[socket.socket], *settings: str) -> subprocess.Popen[str]:
    """The daemon, as systemd starts it."""
    descriptors = [each.fileno() for each in handed]
    return subprocess.Popen(
        [
            sys.executable, "-c", LAUNCHER, json.dumps(descriptors), PROGRAM,
            f"--state-dir={tmp_path / 'state'}", f"--download-dir={tmp_path / 'downloads'}",
            *settings,
        ],
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
            "LISTEN_FDNAMES": ":".join(["p2pd.socket"] * len(handed)),
        },
        pass_fds=descriptors, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_daemon_serves_the_sockets_it_is_handed(
    listening: Any, bound: Any, tmp_path: Path
) -> None:
    peers, control = listening("127.0.0.1"), listening("127.0.0.1")
    udp = bound("127.0.0.1", port_of(peers))
    daemon = run(
        tmp_path, [peers, udp, control],
        f"--peer-port={port_of(peers)}", f"--control-port={port_of(control)}",
        "--set=control.auth=false", "--set=reachability.port_mapping=false",
    )  # fmt: skip
    try:
        call = {"jsonrpc": "2.0", "id": 1, "method": "session_get",
                "params": {"fields": ["peer_port"]}}  # fmt: skip
        request = urllib.request.Request(
            f"http://127.0.0.1:{port_of(control)}/rpc",
            json.dumps(call).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["result"] == {"peer_port": port_of(peers)}
        with socket.create_connection(("127.0.0.1", port_of(peers)), timeout=5) as peer:
            peer.sendall(b"\x13BitTorrent protocol" + bytes(48))
            peer.settimeout(5)
            with pytest.raises(ConnectionResetError):  # heard: there is no such torrent
                peer.recv(100)
        with bound() as asking:
            asking.settimeout(5)
            asking.sendto(PING, ("127.0.0.1", port_of(peers)))
            while b"1:t2:aa" not in asking.recv(1500):  # or it asks who we are
                continue
        daemon.terminate()
        shown, _ = daemon.communicate(timeout=10)
    finally:
        daemon.kill()
    assert daemon.returncode == 0, shown
    assert "Traceback" not in shown
    # systemd listens on: whoever comes now waits for the next start
    with socket.create_connection(("127.0.0.1", port_of(peers)), timeout=5):
        peers.settimeout(5)
        peers.accept()[0].close()


def test_a_daemon_refuses_what_it_has_no_use_for(listening: Any, tmp_path: Path) -> None:
    other = listening()
    daemon = run(tmp_path, [other], "--peer-port=0", "--control-port=0")
    shown, _ = daemon.communicate(timeout=20)
    assert daemon.returncode == 1
    assert f"at port {port_of(other)}, which is not peers.port" in shown
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 0))
        daemon = run(tmp_path, [silent])
        shown, _ = daemon.communicate(timeout=20)
    assert "systemd hands a socket (p2pd.socket) that does not listen on TCP" in shown
