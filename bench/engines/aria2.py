"""aria2c, driven over its JSON-RPC."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.errors import BenchError
from bench.http_calls import HttpEndpoint
from bench.processes import Child, wait_until
from p2pd.clients.free_port import free_port

BINARY = "aria2c"
START_SECONDS = 30.0
STATUS_FIELDS = [
    "status",
    "completedLength",
    "totalLength",
    "seeder",
    "connections",
    "verifiedLength",
    "verifyIntegrityPending",
    "errorMessage",
]


class Aria2(Engine):
    """An aria2c."""

    name = "aria2"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._http: HttpEndpoint | None = None
        self._ids: dict[str, str] = {}

    @classmethod
    def missing(cls) -> str | None:
        """The program."""
        return None if shutil.which(BINARY) else "apt-get install aria2"

    def start(self) -> None:
        """Start it, and wait for its RPC."""
        rpc_port = free_port()
        self._http = HttpEndpoint(rpc_port)
        self._child = Child(self.name, self._command(rpc_port), self.folder)
        wait_until(self._answers_calls, START_SECONDS, "RPC of aria2c", self._child)

    def _command(self, rpc_port: int) -> list[str]:
        return [
            BINARY,
            "--no-conf",
            "--enable-rpc",
            f"--rpc-listen-port={rpc_port}",
            "--rpc-listen-all=false",
            f"--listen-port={self.port}",
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--enable-peer-exchange=false",
            "--bt-min-crypto-level=plain",
            "--bt-require-crypto=false",
            "--bt-max-peers=0",
            "--file-allocation=none",
            "--disk-cache=64M",
            "--seed-ratio=0",
            "--check-integrity=true",
            "--summary-interval=0",
            "--console-log-level=error",
            "--disable-ipv6=true",
            f"--dir={self.folder}",
        ]

    def _answers_calls(self) -> bool:
        self._call("getVersion")
        return True

    def _call(self, method: str, *parameters: object) -> Any:
        assert self._http is not None
        return self._http.json_rpc("/jsonrpc", f"aria2.{method}", list(parameters))

    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add a torrent over the RPC."""
        data = base64.b64encode(torrent.path.read_bytes()).decode()
        self._ids[torrent.info_hash] = self._call("addTorrent", data, [], {"dir": str(folder)})

    def status(self, torrent: Torrent) -> Status:
        """One tellStatus; numbers are strings in it."""
        told = self._call("tellStatus", self._ids[torrent.info_hash], STATUS_FIELDS)
        if told["status"] == "error":
            raise BenchError(f"aria2: {told.get('errorMessage')}")
        checking = "verifiedLength" in told or "verifyIntegrityPending" in told
        have = int(told.get("verifiedLength", told["completedLength"]))
        total = int(told["totalLength"])
        return Status(
            progress=have / total if total else 0.0,
            done=not checking and told.get("seeder") == "true" and have == total > 0,
            checking=checking,
            peers=int(told.get("connections", 0)),
        )

    def stop(self) -> None:
        """End it."""
        if self._http is not None:
            self._http.close()
        super().stop()
