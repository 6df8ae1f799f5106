"""transmission-daemon as a peer, driven over its RPC (its own dialect, as of 3.00).

It refuses to dial an address of loopback that a tracker gave it, but takes incoming connections:
the other side must learn of it and dial. So let it announce first.
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port
from peers.http_calls import HttpEndpoint, RpcError
from peers.peer import Peer
from peers.processes import ChildProcess, wait_until

BINARY = "transmission-daemon"


def available() -> bool:
    return shutil.which(BINARY) is not None


class TransmissionNode(Peer):
    """A transmission-daemon."""

    name = "transmission"
    makes_empty_files = False

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", **more: Any) -> None:
        """`more` are settings of its own, with underscores for hyphens."""
        self.downloads = folder
        self.host, self.port = host, free_port(host)
        self._rpc = HttpEndpoint("127.0.0.1", free_port())
        self._session_id = ""
        folder.mkdir(parents=True, exist_ok=True)
        settings = _settings(folder, host, self.port, self._rpc.port)
        settings |= {name.replace("_", "-"): value for name, value in more.items()}
        (folder / "settings.json").write_text(json.dumps(settings))
        self.process = ChildProcess(
            [BINARY, "--foreground", "--config-dir", str(folder)], folder, name="transmission"
        )
        wait_until(lambda: self.call("session-get"), 15, "RPC of transmission", details=self.state)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.process.check_running()
        body = {"method": method, "arguments": arguments}
        for _ in range(2):
            headers = {"X-Transmission-Session-Id": self._session_id}
            status, answered, data = self._rpc.post("/transmission/rpc", body, headers)
            if status != 409:
                break
            self._session_id = answered["x-transmission-session-id"]
        answer = json.loads(data)
        if answer["result"] != "success":
            raise RpcError(method, {"code": -1, "message": answer["result"]})
        result: dict[str, Any] = answer["arguments"]
        return result

    def add(self, torrent: Path, *, save: Path | None = None) -> None:
        self.call(
            "torrent-add",
            metainfo=base64.b64encode(torrent.read_bytes()).decode(),
            **{"download-dir": str(save or self.downloads), "paused": False},
        )

    def add_magnet(self, magnet: str, *, save: Path | None = None) -> None:
        self.call(
            "torrent-add",
            filename=magnet,
            **{"download-dir": str(save or self.downloads), "paused": False},
        )

    def _torrent(self) -> dict[str, Any]:
        fields = ["leftUntilDone", "status", "peers", "errorString", "trackerStats"]
        fields += ["percentDone", "metadataPercentComplete"]
        torrent: dict[str, Any] = self.call("torrent-get", fields=fields)["torrents"][0]
        return torrent

    def is_seed(self) -> bool:
        torrent = self._torrent()
        complete = torrent["leftUntilDone"] == 0 and torrent["metadataPercentComplete"] == 1
        return bool(complete and torrent["status"] == 6)

    def wait_metadata(self, seconds: float = 30) -> None:
        """Until a magnet has its metadata."""

        def complete() -> bool:
            torrent = self._torrent()
            return bool(torrent["metadataPercentComplete"] == 1 and torrent["status"] == 4)

        wait_until(complete, seconds, "metadata of transmission", details=self.state)

    def wait_announced(self, seconds: float = 20) -> None:
        def announced() -> bool:
            return any(t["lastAnnounceSucceeded"] for t in self._torrent()["trackerStats"])

        wait_until(announced, seconds, "announce of transmission", details=self.state)

    def state(self) -> str:
        try:
            torrent = json.dumps(self._torrent())
        except (OSError, LookupError, RuntimeError) as error:
            torrent = repr(error)
        return torrent + self.process.log_tail(10)

    def stop(self) -> None:
        self.process.stop()


def _settings(folder: Path, host: str, peer_port: int, rpc_port: int) -> dict[str, Any]:
    return {
        "rpc-port": rpc_port,
        "rpc-bind-address": "127.0.0.1",
        "rpc-authentication-required": False,
        "rpc-whitelist-enabled": False,
        "rpc-host-whitelist-enabled": False,
        "peer-port": peer_port,
        "peer-port-random-on-start": False,
        "port-forwarding-enabled": False,
        "bind-address-ipv4": host,
        "encryption": 0,
        "utp-enabled": False,
        "dht-enabled": False,
        "lpd-enabled": False,
        "pex-enabled": False,
        "ratio-limit-enabled": False,
        "idle-seeding-limit-enabled": False,
        "download-queue-enabled": False,
        "seed-queue-enabled": False,
        "queue-stalled-enabled": False,
        "rename-partial-files": False,
        "download-dir": str(folder),
        "message-level": 2,
    }
