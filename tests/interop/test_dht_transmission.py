"""The DHT between p2pd and transmission, which takes no loopback for real: in network namespaces.

transmission announces and looks for peers when it knows nine nodes, four of which have answered it:
so the two have company, which transmission has met before and which asks it first of all. It looks
once in half an hour, so what it is to find must have been announced by then.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peers.daemon_at_home import PORT, Daemon
from peers.home_network import MACHINES, HomeNetwork
from peers.payload import Content, assert_same, make_file, p2pd_content
from peers.processes import ChildProcess, wait_until

from p2pd.formats.bencode import encode

OTHERS = [(f"10.9.0.{number}", PORT) for number in range(20, 33)]
ROOT = Path(__file__).resolve().parents[2]
SIZE = 1_000_003
SECONDS = 200
"""transmission takes its time to get to know nodes: it asks one of them every other second."""

GET_PEERS = """
import socket, sys
info_hash, peer = map(bytes.fromhex, sys.argv[1:3])
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(1)
query = (
    b"d1:ad2:id20:abcdefghij01234567899:info_hash20:" + info_hash
    + b"e1:q9:get_peers1:t2:aa1:y1:qe"
)
for host in sys.argv[3:]:
    asking.sendto(query, (host, 6881))
    try:
        while b"1:t2:aa" not in (answer := asking.recv(1500)):
            continue
    except TimeoutError:
        continue
    if b"6:" + peer in answer:
        print("known")
"""

IS_READY = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9999), 1)
    print("ready")
except OSError:
    pass
"""

SETTINGS = {
    "rpc-port": 9191,
    "rpc-bind-address": "127.0.0.1",
    "rpc-whitelist-enabled": False,
    "peer-port": PORT,
    "port-forwarding-enabled": False,
    "dht-enabled": True,
    "lpd-enabled": False,
    "pex-enabled": False,
    "utp-enabled": False,
    "encryption": 0,
    "message-level": 3,
}


def compact(host: str, port: int) -> bytes:
    return socket.inet_aton(host) + port.to_bytes(2, "big")


class Transmission:
    """On the second machine, with the nodes of the DHT that it knew when it was stopped."""

    def __init__(self, home: HomeNetwork, folder: Path) -> None:
        folder.mkdir()
        self.downloads = folder
        self._home = home
        settings = {**SETTINGS, "download-dir": str(folder)}
        (folder / "settings.json").write_text(json.dumps(settings))
        known = b"".join(compact(*each) for each in OTHERS)
        (folder / "dht.dat").write_bytes(
            encode({b"id": b"transmission".ljust(20), b"nodes": known})
        )
        command = ["transmission-daemon", "--foreground", "--config-dir", str(folder)]
        self._process = ChildProcess(
            [*home.inside(home.machines[1]), *command], folder, name="transmission"
        )
        wait_until(lambda: self.ask("-si"), 30, "RPC", details=self._process.log_tail, every=0.2)

    def ask(self, *arguments: str) -> str:
        """Have it do something, as a user would. Raises OSError."""
        self._process.check_running()
        machine = self._home.machines[1]
        try:
            return self._home.run(machine, "transmission-remote", "127.0.0.1:9191", *arguments)
        except subprocess.CalledProcessError as problem:
            raise OSError(problem.stderr) from None

    def is_complete(self, content: Content) -> bool:
        """Whether it has all of it."""
        return "Percent Done: 100%" in self.ask("-t", content.wire_ids[0].hex(), "-i")

    def state(self) -> str:
        return self.ask("-t", "all", "-i") + self._process.log_tail(30)

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture
def theirs(home: HomeNetwork, work: Path, ended_after: Callable[[Any], Any]) -> Transmission:
    if shutil.which("transmission-remote") is None:
        pytest.skip("transmission is not installed")
    started: Transmission = ended_after(Transmission(home, work / "transmission"))
    return started


@pytest.fixture
def ours(
    home: HomeNetwork, theirs: Transmission, work: Path, ended_after: Callable[[Any], Any]
) -> Daemon:
    """With the company of nodes that were told of transmission too, on the first machine."""
    for address, _ in OTHERS:
        home.run(home.machines[0], "ip", "addr", "add", f"{address}/24", "dev", "eth0")
    given = json.dumps(
        {"port": 9999, "nodes": OTHERS, "bootstrap": OTHERS[0], "told": [f"{MACHINES[1]}:{PORT}"]}
    )
    command = [*home.inside(home.machines[0]), sys.executable, "-m", "peers.dht_host", given]
    path = f"{ROOT}:{Path(__file__).parent}"
    host = ChildProcess(command, work, name="dht-host", environment={"PYTHONPATH": path})
    ended_after(host)
    # Who finds nobody at first tries again after half a minute.
    ready = [sys.executable, "-c", IS_READY]
    wait_until(
        lambda: home.run(home.machines[0], *ready), 20, "nodes", details=host.log_tail, every=0.2
    )
    settings = [
        "discovery.dht=true",
        f'discovery.dht_bootstrap=["{OTHERS[0][0]}:{PORT}"]',
        "discovery.pex=false",
        "reachability.port_mapping=false",
        f"peers.interface={MACHINES[0]}",
    ]
    started: Daemon = ended_after(Daemon(home.machines[0], work / "p2pd", *settings))
    return started


def wait_announced(home: HomeNetwork, theirs: Transmission, content: Content, host: str) -> None:
    """Until one of the other nodes says that this machine has it."""
    arguments = [
        content.wire_ids[0].hex(),
        compact(host, PORT).hex(),
        *(each for each, _ in OTHERS),
    ]
    command = [sys.executable, "-c", GET_PEERS, *arguments]
    wait_until(
        lambda: home.run(home.machines[0], *command), SECONDS, f"announce of {host}",
        details=theirs.state, every=0.5,
    )  # fmt: skip


def test_each_finds_what_the_other_announced(
    home: HomeNetwork, ours: Daemon, theirs: Transmission, work: Path
) -> None:
    from_us, from_them = (
        p2pd_content(make_file(work / name, SIZE, name=f"{name}.bin", seed=seed), "v1")
        for seed, name in enumerate(("ours", "theirs"))
    )
    theirs.ask("-w", str(from_them.folder), "-a", str(from_them.torrent))
    metainfo = base64.b64encode(from_us.torrent.read_bytes()).decode()
    ours.call("torrent_add", metainfo=metainfo, download_dir=str(from_us.folder))
    wait_announced(home, theirs, from_us, MACHINES[0])
    theirs.ask("-w", str(theirs.downloads), "-a", from_us.magnet)
    wait_announced(home, theirs, from_them, MACHINES[1])
    ours.call("torrent_add", filename=from_them.magnet)

    def found() -> dict[str, Any]:
        (torrent,) = ours.call(
            "torrent_get", ids=[from_them.wire_ids[0].hex()], fields=["percent_done", "discovery"]
        )["torrents"]
        return dict(torrent)

    wait_until(
        lambda: found()["percent_done"] == 1, SECONDS, "copy by p2pd", details=theirs.state,
        every=0.3,
    )  # fmt: skip
    (dht,) = [each for each in found()["discovery"] if each["name"] == "dht"]
    assert dht["peers_known"] >= 1
    wait_until(
        lambda: theirs.is_complete(from_us), SECONDS, "copy by transmission",
        details=theirs.state, every=0.3,
    )  # fmt: skip
    assert_same(from_us.path, theirs.downloads / from_us.name)
