"""opentracker (Debian's package) as the tracker of a test swarm, over HTTP and UDP."""

from __future__ import annotations

import itertools
import re
import shutil
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from p2pd.clients.free_port import free_port
from peers.processes import ChildProcess, wait_until

BINARY = "opentracker"

# libtorrent keeps UDP connection ids by address alone, without the port, for a minute and for all
# sessions of the process: a tracker at the address of an earlier one would refuse its announces.
_HOSTS = (f"127.10.{number >> 8}.{number & 255}" for number in itertools.count(1))


def available() -> bool:
    return shutil.which(BINARY) is not None


class OpenTracker:
    """A tracker on loopback; Debian's build serves listed info-hashes only, so name them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self._folder = folder
        self._process: ChildProcess | None = None
        self.host = next(_HOSTS)
        self.port = free_port()

    @property
    def http_url(self) -> str:
        return f"http://{self.host}:{self.port}/announce"

    @property
    def udp_url(self) -> str:
        return f"udp://{self.host}:{self.port}/announce"

    def url(self, protocol: str) -> str:
        return {"http": self.http_url, "udp": self.udp_url}[protocol]

    def serve(self, wire_ids: Iterable[bytes]) -> None:
        """Start, for these info-hashes."""
        wire_ids = list(wire_ids)
        allowed = "".join(f"{wire_id.hex().upper()}\n" for wire_id in wire_ids)
        (self._folder / "allowed").write_text(allowed)
        configuration = self._folder / "opentracker.conf"
        configuration.write_text(
            f"listen.tcp {self.host}:{self.port}\n"
            f"listen.udp {self.host}:{self.port}\n"
            "access.whitelist allowed\n"
            f"tracker.rootdir {self._folder}\n"
        )
        self._process = ChildProcess(
            [BINARY, "-f", str(configuration)], self._folder, name="opentracker"
        )
        # It listens before a thread of its own has read what is allowed.
        wait_until(
            lambda: self._allows(wire_ids), 10, "opentracker", details=self._process.log_tail
        )

    def _allows(self, wire_ids: list[bytes]) -> bool:
        for wire_id in wire_ids:
            about = {"info_hash": wire_id, "peer_id": bytes(20), "port": 1, "event": "stopped"}
            about |= dict.fromkeys(("uploaded", "downloaded", "left"), 0)
            url = f"http://{self.host}:{self.port}/announce?{urllib.parse.urlencode(about)}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                if b"failure reason" in answer.read():
                    return False
        with socket.create_connection((self.host, self.port), 5):
            return True

    def seeds(self, wire_id: bytes) -> int:
        """How many complete peers it lists, from an HTTP scrape."""
        query = urllib.parse.urlencode({"info_hash": wire_id})
        url = f"http://{self.host}:{self.port}/scrape?{query}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            found = re.search(rb"8:completei(\d+)e", answer.read())
        return int(found[1]) if found else 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(2)
