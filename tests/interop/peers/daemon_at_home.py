"""A p2pd on a machine of the home network (home_network.py), called over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from peers.processes import wait_until
from peers.warm_daemons import WarmDaemon

PORT = 6881
TRYING_SECONDS = 30.0


class Daemon:
    """`settings` are as of ``--set``."""

    def __init__(self, machine: str, folder: Path, *settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self._socket = str(folder / "s")
        self._machine = machine
        self._arguments = [
            f"--state-dir={folder / 'state'}", f"--download-dir={folder}",
            f"--peer-port={PORT}", "--control-port=0",
            f"--set=control.socket={self._socket}", "--set=discovery.dht=false",
            "--set=discovery.lsd=false",
            *(f"--set={setting}" for setting in settings),
        ]  # fmt: skip
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.process = WarmDaemon(self._arguments, self._folder, namespace=self._machine)
        wait_until(
            lambda: self.call("session_get", fields=["version"]), 60, "p2pd",
            details=self.process.log_tail,
        )  # fmt: skip

    def call(self, method: str, **params: Any) -> Any:
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(self._socket)
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/rpc", json.dumps(call), headers)
            return json.loads(connection.getresponse().read())["result"]
        finally:
            connection.close()

    def nat(self, family: str = "ipv4") -> dict[str, Any]:
        return dict(self.call("nat_status")[family])

    def wait_mapped(self, family: str = "ipv4") -> dict[str, Any]:
        wait_until(
            lambda: self.nat(family)["status"] == "mapped", TRYING_SECONDS, "mapping",
            details=lambda: f"{self.call('nat_status')}",
        )  # fmt: skip
        return self.nat(family)

    def stop(self) -> None:
        self.process.stop()
