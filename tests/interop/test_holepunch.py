"""Two libtorrent sessions behind routers with NAT meet through p2pd, which relays (BEP 55).

The kernel's own NAT, in network namespaces; what comes unasked is dropped. The two know nobody but
p2pd, which hears their ports in their handshakes, tells them of each other (BEP 11), and has them
punch holes when they cannot dial each other. p2pd itself may pass on one kilobyte a second, so the
data comes by the hole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from peers.p2pd_node import daemon_command, daemon_environment
from peers.payload import MIB, differences, libtorrent_content, make_file
from peers.processes import ChildProcess, wait_until

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
RELAY = "81.2.69.1"
SECONDS = 40

NAT = """
table inet nat {
  chain input { type filter hook input priority 0; policy drop; iifname "lan" accept; }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "wan" masquerade
  }
}
"""

PEER = """
import json, sys, time, libtorrent as lt
torrent, folder, host, status = sys.argv[1:5]
waits = sys.argv[5] == "waits"
session = lt.session({
    "listen_interfaces": f"{host}:6881", "enable_dht": False, "enable_lsd": False,
    "enable_upnp": False, "enable_natpmp": False, "in_enc_policy": 2, "out_enc_policy": 2,
    "torrent_connect_boost": 0, "peer_connect_timeout": 3, "min_reconnect_time": 1,
    "max_failcount": 100,
    "close_redundant_connections": False,
})
wanted = lt.add_torrent_params()
wanted.ti, wanted.save_path = lt.torrent_info(torrent), folder
wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
handle = session.add_torrent(wanted)
turn = 0
while True:
    peers = handle.get_peer_info()
    if not peers and turn % 10 == 0:
        handle.connect_peer(("RELAY", 6881))
    turn += 1
    if waits and any(peer.client for peer in peers):
        session.apply_settings({"connection_speed": 0})  # it dials nobody by itself from now on
        waits = False
    seen = {"done": handle.status().is_seeding, "peers": [
        {"host": peer.ip[0], "client": peer.client.decode(),
         "punched": bool(peer.flags & peer.holepunched)}
        for peer in peers
    ]}
    with open(status, "w") as file:
        json.dump(seen, file)
    time.sleep(0.2)
""".replace("RELAY", RELAY)


def ip(*arguments):
    """Configure the network."""
    subprocess.run(
        ["ip", *arguments], check=True, capture_output=True, env={**os.environ, "PATH": PATH}
    )


class Town:
    """Namespaces: p2pd's in the middle, and two homes with a router each."""

    def __init__(self):
        self.made = []
        self.middle = self._namespace("m")
        ip("-n", self.middle, "link", "add", "street", "type", "bridge")
        ip("-n", self.middle, "addr", "add", f"{RELAY}/24", "dev", "street")
        ip("-n", self.middle, "link", "set", "street", "up")
        self.homes = [self._home(number) for number in (1, 2)]

    def _namespace(self, letter):
        name = f"p2pd{os.getpid()}{letter}"
        ip("netns", "add", name)
        self.made.append(name)
        ip("-n", name, "link", "set", "lo", "up")
        return name

    def _cable(self, one, device, other, far):
        ip("-n", one, "link", "add", device, "type", "veth", "peer", far, "netns", other)
        ip("-n", one, "link", "set", device, "up")
        ip("-n", other, "link", "set", far, "up")

    def _home(self, number):
        router, home = self._namespace(f"r{number}"), self._namespace(f"h{number}")
        self._cable(self.middle, f"to{number}", router, "wan")
        ip("-n", self.middle, "link", "set", f"to{number}", "master", "street")
        ip("-n", router, "addr", "add", f"81.2.69.{10 * number}/24", "dev", "wan")
        self._cable(router, "lan", home, "eth0")
        ip("-n", router, "addr", "add", f"10.0.{number}.1/24", "dev", "lan")
        ip("-n", home, "addr", "add", f"10.0.{number}.2/24", "dev", "eth0")
        ip("-n", home, "route", "add", "default", "via", f"10.0.{number}.1")
        self.run(router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.run(router, "nft", "-f", "-", given=NAT)
        return home

    def run(self, name, *command, given=None):
        """Run a command there; what it printed."""
        inside = ["ip", "netns", "exec", name, *command]
        return subprocess.run(
            inside, input=given, check=True, capture_output=True, text=True,
            env={**os.environ, "PATH": PATH},
        ).stdout  # fmt: skip

    def stop(self):
        """Take it away."""
        for name in self.made:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


@pytest.fixture
def town():
    if not all(shutil.which(name, path=PATH) for name in ("ip", "nft")):
        pytest.skip("iproute2 or nftables is not installed")
    pytest.importorskip("libtorrent")
    made = Town.__new__(Town)
    try:
        try:
            made.__init__()
        except (OSError, subprocess.CalledProcessError) as problem:
            said = getattr(problem, "stderr", "") or problem
            pytest.skip(f"no network with NAT can be made here: {said}")
        yield made
    finally:
        made.stop()


@pytest.fixture
def started(work):
    """Starts programs in namespaces, which are stopped after the test."""
    with contextlib.ExitStack() as running:

        def start(name, namespace, command, environment=None):
            process = ChildProcess(
                ["ip", "netns", "exec", namespace, *command], work, name=name,
                environment=environment,
            )  # fmt: skip
            running.callback(process.stop)
            return process

        yield start


METRICS = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9091/metrics", timeout=10).read().decode())
"""


def relayed(town):
    """How often p2pd had two peers dial each other."""
    try:
        page = town.run(town.middle, sys.executable, "-c", METRICS)
    except subprocess.CalledProcessError:
        return 0
    return float(re.search(r"^p2pd_holepunch_relayed_total (\S+)$", page, re.M)[1])


def test_two_behind_nat_meet_through_p2pd(work, town, started):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    watched, downloads, empty = work / "watched", work / "downloads", work / "empty"
    for folder in (watched, downloads, empty):
        folder.mkdir()
    shutil.copy(content.torrent, watched)
    options = [
        f"--state-dir={work / 'state'}", f"--download-dir={empty}", "--peer-port=6881",
        "--control-port=9091", "--set=control.open_metrics=true", f"--set=watch.dir={watched}",
        "--set=discovery.dht=false", "--set=discovery.lsd=false", "--set=discovery.pex=true",
        "--set=reachability.port_mapping=false", "--set=peers.encryption=off",
        "--set=bandwidth.download=1", "--set=bandwidth.upload=1",
    ]  # fmt: skip
    relay = started("relay", town.middle, daemon_command(options), daemon_environment())
    wait_until(
        lambda: "peers at port" in relay.log_path.read_text(), 20, "p2pd", details=relay.log_tail
    )
    status = [work / "one.json", work / "two.json"]
    for number, (home, folder, how) in enumerate(
        zip(town.homes, (content.folder, downloads), ("waits", "dials"), strict=True)
    ):
        arguments = [str(content.torrent), str(folder), f"10.0.{number + 1}.2"]
        started(
            f"peer{number}", home,
            [sys.executable, "-c", PEER, *arguments, str(status[number]), how],
        )  # fmt: skip

    def told():
        return [path.read_text() if path.exists() else "" for path in status]

    def met():
        """They know each other, which both routers would have refused: whether one of them notes
        that as a hole depends on whose packets came through first.
        """
        with contextlib.suppress(ValueError):
            return relayed(town) >= 1 and any(
                peer["client"].startswith("libtorrent")
                for path in status
                for peer in json.loads(path.read_text())["peers"]
            )

    wait_until(
        met, SECONDS, "a hole", details=lambda: f"{told()} {relayed(town)}{relay.log_tail()}"
    )
    copy = downloads / content.name
    wait_until(
        lambda: copy.exists() and not differences(content.path, copy), SECONDS, "a copy",
        details=lambda: str(told()),
    )  # fmt: skip
    assert relayed(town) >= 1
