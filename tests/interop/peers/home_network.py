"""Machines at home behind a router with NAT, and one outside: network namespaces of the kernel.

The router masquerades with nftables and runs Debian's miniupnpd: PCP, NAT-PMP and UPnP.
Nothing of it reaches the machine's own network.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from peers.processes import ChildProcess, wait_until

ROUTER, OUTSIDE = "81.2.69.142", "81.2.69.1"
"""As the machine outside sees the router, and its own. None of them is sent to beyond these."""

GATEWAY, MACHINES = "10.9.0.1", ("10.9.0.2", "10.9.0.3")
GATEWAY_6, OUTSIDE_6 = "2a01:4f8:1::1", "2a01:4f8:2::1"
MACHINES_6 = ("2a01:4f8:1::2", "2a01:4f8:1::3")

RULES = """
table inet miniupnpd {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    jump miniupnpd
  }
  chain miniupnpd {
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "wan" ip saddr 10.9.0.0/24 masquerade
    jump postrouting_miniupnpd
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
}
"""
WITHOUT_PCP = """
table inet deaf {
  chain input {
    type filter hook input priority 0;
    udp dport 5351 @th,64,8 2 drop
  }
}
"""
"""A router that knows NAT-PMP and is silent in PCP, whose packets begin with a 2."""

CONFIGURATION = """
ext_ifname=wan
ext_ifname6=wan
listening_ip=lan
enable_natpmp={natpmp}
enable_upnp={upnp}
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
secure_mode=yes
system_uptime=no
ipv6_disable=no
uuid=220880af-bff8-4f26-b1c4-e4e7504ee42f
allow 1024-65535 10.9.0.0/24 1024-65535
"""
MAPPED = re.compile(
    r"@nh,72,8 (0x6|0x11|6|17) th dport (\d+) dnat ip to ([\d.]+):(\d+)"
    r"|(tcp|udp) dport (\d+) dnat ip to ([\d.]+):(\d+)"
)
READY = re.compile(r"HTTP listening|Listening for NAT-PMP")
_KINDS = {"0x6": "tcp", "6": "tcp", "0x11": "udp", "17": "udp"}


class NotHereError(Exception):
    """What such a network needs is not to be had on this machine, in words."""


def available() -> bool:
    """Whether the programs are installed."""
    return all(shutil.which(name, path=PATH) for name in ("ip", "nft", "miniupnpd"))


PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class HomeNetwork:
    """`stop` takes all of it away."""

    def __init__(self, folder: Path) -> None:
        """Raises NotHereError."""
        self._folder = folder
        self._names = [f"p2pd{os.getpid()}{each}" for each in ("r", "o", "a", "b")]
        self.router, self.outside, *self.machines = self._names
        self._daemon: ChildProcess | None = None
        try:
            self._build()
        except (OSError, subprocess.CalledProcessError) as problem:
            self.stop()
            said = getattr(problem, "stderr", "") or problem
            raise NotHereError(f"no network with NAT can be made here: {said}") from None

    def serve(self, protocol: str) -> None:
        """Have the router speak this and, as it comes, what is tried after it."""
        if protocol == "natpmp":
            self.rules(WITHOUT_PCP)
        configuration = self._folder / "miniupnpd.conf"
        natpmp = "no" if protocol == "upnp" else "yes"
        upnp = "yes" if protocol == "upnp" else "no"
        configuration.write_text(CONFIGURATION.format(natpmp=natpmp, upnp=upnp))
        self._begin()

    def _begin(self) -> None:
        configuration = self._folder / "miniupnpd.conf"
        self._daemon = ChildProcess(
            [*self.inside(self.router), shutil.which("miniupnpd", path=PATH) or "miniupnpd", "-d",
             "-f", str(configuration), "-P", str(self._folder / "miniupnpd.pid")],
            self._folder,
            name="miniupnpd",
        )  # fmt: skip
        daemon = self._daemon
        wait_until(
            lambda: READY.search(daemon.log_path.read_text()), 10, "miniupnpd",
            details=daemon.log_tail,
        )  # fmt: skip

    def restart(self) -> None:
        """Have the router forget everything, and say so if it does."""
        assert self._daemon is not None
        self._daemon.stop()
        for chain in ("miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"):
            self.run(self.router, "nft", "flush", "chain", "inet", "miniupnpd", chain)
        self._begin()

    def refusals(self) -> int:
        """How often it refused to close a port of IPv6.

        miniupnpd does so when the request to open it came twice, since its answer took too long: it
        looks for what it opened under another name then.
        """
        assert self._daemon is not None
        return self._daemon.log_path.read_text().count("Unauthorized to remove PCP mapping")

    def mappings(self) -> dict[tuple[str, int], tuple[str, int]]:
        """What leads where, by protocol and port outside, as the kernel has it."""
        listed = self.run(
            self.router, "nft", "list", "chain", "inet", "miniupnpd", "prerouting_miniupnpd"
        )
        found = {}
        for match in MAPPED.finditer(listed):
            kind, outside, host, port = match.groups()[:4] if match[1] else match.groups()[4:]
            found[_KINDS.get(kind, kind), int(outside)] = host, int(port)
        return found

    def inside(self, namespace: str) -> list[str]:
        """What runs a command there."""
        return ["ip", "netns", "exec", namespace]

    def run(self, namespace: str, *command: str) -> str:
        """What it writes. Raises CalledProcessError."""
        return _run(*self.inside(namespace), *command)

    def rules(self, text: str) -> None:
        """Of nftables, for the router."""
        command = [*self.inside(self.router), "nft", "-f", "-"]
        subprocess.run(command, input=text, check=True, capture_output=True, text=True, env=_ENV)

    def stop(self) -> None:
        """Take it away."""
        if self._daemon is not None:
            self._daemon.stop()
        for name in self._names:
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                _run("ip", "netns", "del", name)

    def _build(self) -> None:
        for name in self._names:
            _run("ip", "netns", "add", name)
            _ip(name, "link set lo up")
        _ip(self.router, "link add lan type bridge")
        self._wire("wan", self.outside)
        _ip(self.router, f"addr add {ROUTER}/24 dev wan")
        _ip(self.router, "-6 addr add 2a01:4f8:2::2/64 dev wan nodad")
        _ip(self.outside, f"addr add {OUTSIDE}/24 dev eth0")
        _ip(self.outside, f"-6 addr add {OUTSIDE_6}/64 dev eth0 nodad")
        _ip(self.outside, "-6 route add default via 2a01:4f8:2::2")
        _ip(self.router, f"addr add {GATEWAY}/24 dev lan")
        _ip(self.router, f"-6 addr add {GATEWAY_6}/64 dev lan nodad")
        for machine, host, host6 in zip(self.machines, MACHINES, MACHINES_6, strict=True):
            port = f"lan{machine[-1]}"
            self._wire(port, machine)
            _ip(self.router, f"link set {port} master lan")
            _ip(machine, f"addr add {host}/24 dev eth0")
            _ip(machine, f"-6 addr add {host6}/64 dev eth0 nodad")
            _ip(machine, f"route add default via {GATEWAY}")
            _ip(machine, f"-6 route add default via {GATEWAY_6}")
        _ip(self.router, "link set lan up")
        self.run(self.router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.run(self.router, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
        self.rules(RULES)

    def _wire(self, port: str, namespace: str) -> None:
        """From the router's port to eth0 of another."""
        _ip(self.router, f"link add {port} type veth peer name eth0 netns {namespace}")
        _ip(self.router, f"link set {port} up")
        _ip(namespace, "link set eth0 up")


_ENV = {**os.environ, "PATH": PATH}


def _ip(namespace: str, command: str) -> None:
    _run("ip", "-n", namespace, *command.split())


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_ENV)
    return done.stdout
