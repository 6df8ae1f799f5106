"""A daemon bound to an interface, in a network namespace with interfaces that come and go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
PEERS, CONTROL = 6881, 9091
LISTEN, SYN_SENT, OPEN = "0A", "02", "07"
NEIGHBOURS = "239.192.152.143"
"""The group of local discovery (BEP 14), which what is sent there comes to."""

CALL = """
import sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:9091/rpc", sys.argv[1].encode(),
                                 {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=40).read().decode())
"""


class Namespace:
    """A network of its own; the daemon is bound to `vpn0`, `eth7` is the way that it may not go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ip("link", "set", "lo", "up")
        for device, address in (("vpn0", "10.8.0.2/24"), ("eth7", "10.9.0.2/24")):
            self.ip("link", "add", device, "type", "veth", "peer", "name", f"{device}far")
            self.ip("link", "set", f"{device}far", "up")
            self.ip("addr", "add", address, "dev", device)
            self.ip("link", "set", device, "up")
        self.ip("route", "add", "default", "dev", "eth7")

    def ip(self, *command: str) -> None:
        subprocess.run(["ip", "-n", self.name, *command], check=True, capture_output=True)

    def run(self, *command: str) -> str:
        inside = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    def sockets(self, state: str, kind: str = "tcp") -> set[str]:
        """Local IPv4 addresses of the sockets in a state, but for the control API's."""
        rows = [line.split() for line in self.run("cat", f"/proc/net/{kind}").splitlines()[1:]]
        local = [row[1].split(":") for row in rows if row[3] == state]
        return {
            ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
            for address, port in local
            if int(port, 16) != CONTROL
        } - {NEIGHBOURS}

    def call(self, method: str, **params: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.loads(self.run(sys.executable, "-c", CALL, json.dumps(call)))["result"]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    name = f"p2pd-{os.getpid()}"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces cannot be made here")
    try:
        try:
            made = Namespace(name)
        except subprocess.CalledProcessError as problem:
            pytest.skip(f"no interfaces can be made here: {problem.stderr.decode().strip()}")
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True)


def wait_for(what: Callable[[], bool]) -> None:
    wait_until(what, 30, "change of its sockets", every=0.1)


def answers(namespace: Namespace) -> bool:
    try:
        return bool(namespace.call("session_get", fields=["version"]))
    except subprocess.CalledProcessError:
        return False


MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


def test_a_vpn_that_goes_and_comes_back(namespace: Namespace, tmp_path: Path) -> None:
    log = (tmp_path / "log").open("w+")
    daemon = subprocess.Popen(
        [
            "ip", "netns", "exec", namespace.name,
            sys.executable, "-c", "from p2pd.service.main import main; main()",
            f"--state-dir={tmp_path / 'state'}", f"--download-dir={tmp_path / 'downloads'}",
            f"--peer-port={PEERS}", f"--control-port={CONTROL}",
            "--set=control.auth=false", "--set=peers.interface=vpn0",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        wait_for(lambda: answers(namespace))
        assert namespace.sockets(LISTEN) == {"10.8.0.2"}
        trackers = "&tr=http://10.9.0.9:1/announce&tr=udp://10.9.0.9:2/announce"
        namespace.call("torrent_add", filename=MAGNET + trackers)
        addresses = [f"10.9.0.{number}:6881" for number in range(3, 9)]
        ids = ["ab" * 20]
        namespace.call("peer_add", ids=ids, addresses=addresses)
        wait_for(lambda: bool(namespace.sockets(SYN_SENT)))
        assert namespace.sockets(SYN_SENT) == {"10.8.0.2"}
        wait_for(lambda: namespace.sockets(OPEN, "udp") == {"10.8.0.2"})

        namespace.ip("addr", "del", "10.8.0.2/24", "dev", "vpn0")
        wait_for(lambda: not namespace.sockets(LISTEN))
        fields = ["peer_interface", "peer_interface_addresses"]
        shown = namespace.call("session_get", fields=fields)
        assert shown == {"peer_interface": "vpn0", "peer_interface_addresses": []}
        more = [f"10.9.0.{number}:6881" for number in range(20, 30)]
        namespace.call("peer_add", ids=ids, addresses=more)
        namespace.call("torrent_reannounce", ids=ids)
        # Those from before are bound to vpn0.
        assert namespace.sockets(SYN_SENT) <= {"10.8.0.2"}
        assert namespace.sockets(OPEN, "udp") <= {"10.8.0.2"}

        namespace.ip("addr", "add", "10.8.0.77/24", "dev", "vpn0")
        wait_for(lambda: namespace.sockets(LISTEN) == {"10.8.0.77"})
        wait_for(lambda: "10.8.0.77" in namespace.sockets(SYN_SENT))
        assert "10.9.0.2" not in namespace.sockets(SYN_SENT)
        namespace.call("torrent_reannounce", ids=ids)
        wait_for(lambda: namespace.sockets(OPEN, "udp") == {"10.8.0.77"})
        daemon.terminate()
        assert daemon.wait(10) == 0
    finally:
        daemon.kill()
        log.seek(0)
        said = log.read()
        log.close()
    assert "vpn0: from 10.8.0.2 to no address: nobody is dialled or let in; " in said
    assert "vpn0: from no address to 10.8.0.77; 0 connections ended" in said
    assert "Traceback" not in said
