"""The DHT between p2pd and transmission, which takes no loopback for real: in network namespaces.

transmission announces and looks for peers when it knows nine nodes, so the two have company.
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

OTHERS = [(f"10.9.0.{number}", PORT) for number in range(20, 33)]
ROOT = Path(__file__).resolve().parents[2]
SIZE = 1_000_003
SECONDS = 200
"""transmission takes its time to find nodes, and asks them for peers now and then."""

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


class Transmission:
    """On the second machine, told of one node of the DHT."""

    def __init__(self, home: HomeNetwork, folder: Path) -> None:
        folder.mkdir()
        self.downloads = folder
        self._home = home
        settings = {**SETTINGS, "download-dir": str(folder)}
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "dht.bootstrap").write_text(f"{OTHERS[0][0]} {PORT}\n")
        command = ["transmission-daemon", "--foreground", "--config-dir", str(folder)]
        self._process = ChildProcess(
            [*home.inside(home.machines[1]), *command], folder, name="transmission"
        )
        wait_until(lambda: self.ask("-si"), 15, "RPC", details=self._process.log_tail)

    def ask(self, *arguments: str) -> str:
        """Have it do something, as a user would. Raises OSError."""
        self._process.check_running()
        machine = self._home.machines[1]
        try:
            return self._home.run(machine, "transmission-remote", "127.0.0.1:9191", *arguments)
        except subprocess.CalledProcessError as problem:
            raise OSError(problem.stderr) from None

    def is_complete(self) -> bool:
        """Whether its torrent is."""
        return "Percent Done: 100%" in self.ask("-t", "all", "-i")

    def state(self) -> str:
        return self.ask("-t", "all", "-i") + self._process.log_tail(30)

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture
def others(home: HomeNetwork, work: Path, ended_after: Callable[[Any], Any]) -> None:
    """Nodes that know nobody but each other, on the first machine."""
    for host, _ in OTHERS:
        home.run(home.machines[0], "ip", "addr", "add", f"{host}/24", "dev", "eth0")
    given = json.dumps({"port": 9999, "nodes": OTHERS, "bootstrap": OTHERS[0]})
    command = [*home.inside(home.machines[0]), sys.executable, "-m", "peers.dht_host", given]
    path = f"{ROOT}:{Path(__file__).parent}"
    ended_after(ChildProcess(command, work, name="dht-host", environment={"PYTHONPATH": path}))


@pytest.fixture
def pair(
    home: HomeNetwork, others: None, work: Path, ended_after: Callable[[Any], Any]
) -> tuple[Daemon, Transmission, Content]:
    """Both, and what is to go from one to the other by its info-hash alone."""
    if shutil.which("transmission-remote") is None:
        pytest.skip("transmission is not installed")
    settings = [
        "discovery.dht=true",
        f'discovery.dht_bootstrap=["{OTHERS[0][0]}:{PORT}"]',
        "discovery.pex=false",
        "reachability.port_mapping=false",
        f"peers.interface={MACHINES[0]}",
    ]
    ours = ended_after(Daemon(home.machines[0], work / "p2pd", *settings))
    theirs = ended_after(Transmission(home, work / "transmission"))
    return ours, theirs, p2pd_content(make_file(work / "original", SIZE), "v1")


def test_transmission_finds_what_p2pd_announced(
    pair: tuple[Daemon, Transmission, Content],
) -> None:
    ours, theirs, content = pair
    metainfo = base64.b64encode(content.torrent.read_bytes()).decode()
    ours.call("torrent_add", metainfo=metainfo, download_dir=str(content.folder))
    theirs.ask("-a", content.magnet)
    wait_until(theirs.is_complete, SECONDS, "copy", details=theirs.state, every=1.0)
    assert_same(content.path, theirs.downloads / content.name)


def test_p2pd_finds_what_transmission_announced(
    home: HomeNetwork,
    pair: tuple[Daemon, Transmission, Content],
) -> None:
    ours, theirs, content = pair
    theirs.ask("-w", str(content.folder), "-a", str(content.torrent))
    info_hash = content.wire_ids[0].hex()
    peer = (socket.inet_aton(MACHINES[1]) + PORT.to_bytes(2, "big")).hex()
    hosts = [host for host, _ in OTHERS]
    arguments = [sys.executable, "-c", GET_PEERS, info_hash, peer, *hosts]
    wait_until(
        lambda: home.run(home.machines[0], *arguments), SECONDS, "announce", details=theirs.state,
        every=1.0,
    )  # fmt: skip
    ours.call("torrent_add", filename=content.magnet)

    def is_complete() -> bool:
        (torrent,) = ours.call("torrent_get", fields=["percent_done"])["torrents"]
        return bool(torrent["percent_done"] == 1)

    wait_until(is_complete, SECONDS, "copy", details=theirs.state, every=1.0)
    (torrent,) = ours.call("torrent_get", fields=["discovery"])["torrents"]
    (dht,) = [each for each in torrent["discovery"] if each["name"] == "dht"]
    assert dht["peers_known"] >= 1
