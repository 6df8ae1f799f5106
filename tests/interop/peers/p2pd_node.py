"""The daemon itself as a peer: run by `twistd`, driven over POST /rpc as any client would."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port
from peers.http_calls import HttpEndpoint
from peers.peer import Peer
from peers.processes import ChildProcess, wait_until
from peers.warm_daemons import WarmDaemon

REPOSITORY = Path(__file__).resolve().parents[3]
START_SECONDS = 60
STOP_SECONDS = 10

STATUS_CHECKING = (1, 2)
STATUS_SEEDING = 6


def daemon_command(arguments: list[str]) -> list[str]:
    """The command line of a daemon in the foreground, as the README gives it."""
    run = "from twisted.scripts.twistd import run; run()"
    return [sys.executable, "-c", run, "-n", "--pidfile=", "p2pd", *arguments]


def daemon_environment() -> dict[str, str]:
    """Lets a child find the plugin whether or not the project is installed."""
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": str(REPOSITORY) + (os.pathsep + path if path else "")}


class P2pdNode(Peer):
    """One p2pd daemon; `start`, `kill` and `start` again keep its state folder and ports.

    What speaks of "the torrent" means the one added last.
    """

    name = "p2pd"

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        settings: Mapping[str, str] | None = None,
        start: bool = True,
    ) -> None:
        self.folder = folder
        self.host, self.port = host, free_port(host)
        self.downloads = folder / "downloads"
        self.state_folder = folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        self._rpc = HttpEndpoint("127.0.0.1", free_port())
        self._settings = {
            "discovery.dht": "false",
            "discovery.lsd": "false",
            "discovery.pex": "false",
            "reachability.port_mapping": "false",
            "peers.encryption": "off",
            "peers.interface": host,
            **(settings or {}),
        }
        self.hash_string = ""
        self.process: ChildProcess | None = None
        if start:
            self.start()

    @property
    def control_port(self) -> int:
        return self._rpc.port

    def arguments(self) -> list[str]:
        """The documented options of this daemon."""
        options = [
            f"--state-dir={self.state_folder}",
            f"--download-dir={self.downloads}",
            f"--peer-port={self.port}",
            f"--control-port={self._rpc.port}",
        ]
        return options + [f"--set={key}={value}" for key, value in self._settings.items()]

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until its control endpoint answers over plain HTTP."""
        self.process = WarmDaemon(self.arguments(), self.folder)
        if wait:
            wait_until(self._answers, START_SECONDS, "RPC of p2pd", details=self.process.log_tail)

    def _answers(self) -> bool:
        if self.process is not None:
            self.process.check_running()
        return bool(self.call("session_get", fields=["version"]))

    def call(self, method: str, **params: Any) -> Any:
        """One call of the control API; RpcError when it refuses."""
        token = (self.state_folder / "control-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        return self._rpc.json_rpc("/rpc", method, params, headers)

    def add(self, torrent: Path, *, save: Path | None = None, **more: Any) -> dict[str, Any]:
        encoded = base64.b64encode(torrent.read_bytes()).decode()
        return self._add(save, metainfo=encoded, **more)

    def add_magnet(self, magnet: str, *, save: Path | None = None, **more: Any) -> dict[str, Any]:
        return self._add(save, filename=magnet, **more)

    def _add(self, save: Path | None, **params: Any) -> dict[str, Any]:
        if save is not None:
            params["download_dir"] = str(save)
        added = self.call("torrent_add", paused=False, **params)
        torrent: dict[str, Any] = added.get("torrent_added") or added["torrent_duplicate"]
        self.hash_string = torrent["hash_string"]
        return torrent

    def dial(self, other: Any) -> None:
        """Have the torrent dial a peer now."""
        addresses = [f"{other.host}:{other.port}"]
        self.call("peer_add", ids=[self.hash_string], addresses=addresses)

    def torrent(self, *fields: str) -> dict[str, Any]:
        """Fields of the torrent."""
        asked = {"ids": [self.hash_string], "fields": list(fields)}
        torrents = self.call("torrent_get", **asked)["torrents"]
        if not torrents:
            raise RuntimeError("p2pd has no such torrent" + self.log_tail())
        first: dict[str, Any] = torrents[0]
        return first

    def bytes_verified(self) -> int:
        return int(self.torrent("have_valid")["have_valid"])

    def pieces_verified(self) -> set[int]:
        """The pieces it says it has, from the bit field of the control API."""
        torrent = self.torrent("pieces", "piece_count")
        bits = base64.b64decode(torrent["pieces"])
        return {
            piece
            for piece in range(torrent["piece_count"])
            if bits[piece // 8] & (0x80 >> piece % 8)
        }

    def is_checking(self) -> bool:
        return self.torrent("status")["status"] in STATUS_CHECKING

    def wait_checked(self, seconds: float = 30) -> None:
        wait_until(lambda: not self.is_checking(), seconds, "end of check", details=self.state)

    def is_seed(self) -> bool:
        torrent = self.torrent("left_until_done", "status", "metadata_percent_complete")
        complete = torrent["left_until_done"] == 0 and torrent["metadata_percent_complete"] == 1
        return bool(complete and torrent["status"] == STATUS_SEEDING)

    def wait_announced(self, seconds: float = 20) -> None:
        def announced() -> bool:
            stats = self.torrent("tracker_stats")["tracker_stats"]
            return any(tracker["last_announce_succeeded"] for tracker in stats)

        wait_until(announced, seconds, "announce of p2pd", details=self.state)

    def wait_peers(self, count: int, seconds: float = 15) -> None:
        wait_until(
            lambda: self.torrent("peers_connected")["peers_connected"] >= count,
            seconds,
            f"{count} peers of p2pd",
            details=self.state,
        )

    def state(self) -> str:
        fields = ["status", "percent_done", "left_until_done", "have_valid", "corrupt_ever"]
        fields += ["error_string", "peers", "tracker_stats", "metadata_percent_complete"]
        try:
            text = json.dumps(self.torrent(*fields), indent=1)
        except Exception as error:
            text = repr(error)
        return text + self.log_tail()

    def log_tail(self) -> str:
        return self.process.log_tail() if self.process is not None else ""

    def log_text(self) -> str:
        return (self.folder / "p2pd.log").read_text(errors="replace")

    def check_healthy(self) -> None:
        """It runs, answers, and has logged no unhandled error."""
        assert self.process is not None
        self.process.check_running()
        self.call("session_get", fields=["version"])
        log = self.log_text()
        assert "Traceback" not in log, log
        assert "Unhandled" not in log, log

    def terminate(self) -> int:
        """A clean stop, within the documented time; returns the exit status."""
        assert self.process is not None
        return self.process.terminate(STOP_SECONDS)

    def kill(self) -> None:
        """As a power cut to the process: SIGKILL."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop(STOP_SECONDS)
