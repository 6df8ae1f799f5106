"""aria2c as a peer, driven over its JSON-RPC. It finds peers by trackers only."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port
from peers.http_calls import HttpEndpoint
from peers.peer import Peer
from peers.processes import ChildProcess, wait_until

BINARY = "aria2c"


def available() -> bool:
    return shutil.which(BINARY) is not None


class Aria2Node(Peer):
    """An aria2c."""

    name = "aria2c"
    makes_empty_files = False

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", crypto: str = "plain") -> None:
        """`crypto` is plain, or arc4 for a peer that speaks with nobody in the clear."""
        self._crypto = crypto
        self.downloads = folder
        self.host, self.port = host, free_port(host)
        self._rpc = HttpEndpoint("127.0.0.1", free_port())
        self._id = ""
        folder.mkdir(parents=True, exist_ok=True)
        self.process = ChildProcess(self._command(), folder, name="aria2c")
        wait_until(lambda: self.call("getVersion"), 15, "RPC of aria2c", details=self.state)

    def _command(self) -> list[str]:
        return [
            BINARY,
            "--no-conf",
            "--enable-rpc",
            f"--rpc-listen-port={self._rpc.port}",
            "--rpc-listen-all=false",
            f"--interface={self.host}",
            f"--listen-port={self.port}",
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--enable-peer-exchange=false",
            f"--bt-min-crypto-level={self._crypto}",
            f"--bt-require-crypto={str(self._crypto != 'plain').lower()}",
            "--file-allocation=none",
            "--seed-ratio=0",
            "--check-integrity=true",
            "--summary-interval=0",
            "--console-log-level=notice",
            "--disable-ipv6=true",
            f"--dir={self.downloads}",
        ]

    def call(self, method: str, *parameters: object) -> Any:
        self.process.check_running()
        return self._rpc.json_rpc("/jsonrpc", f"aria2.{method}", list(parameters), {})

    def add(self, torrent: Path, *, save: Path | None = None) -> None:
        encoded = base64.b64encode(torrent.read_bytes()).decode()
        self._id = self.call("addTorrent", encoded, [], {"dir": str(save or self.downloads)})

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.call("tellStatus", self._id)
        if status["status"] == "error":
            raise RuntimeError(f"aria2c: {status.get('errorMessage')}{self.process.log_tail()}")
        return status

    def is_seed(self) -> bool:
        status = self._status()
        if "verifiedLength" in status or "verifyIntegrityPending" in status:
            return False
        complete = status["completedLength"] == status["totalLength"] != "0"
        return complete and status.get("seeder") == "true"

    def state(self) -> str:
        try:
            status = self.call("tellStatus", self._id)
            status.pop("bitfield", None)
            status["peers"] = self.call("getPeers", self._id)
        except Exception as error:
            status = repr(error)
        return json.dumps(status) + self.process.log_tail(10)

    def stop(self) -> None:
        self.process.stop(2)
