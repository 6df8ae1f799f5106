"""transmission-daemon, driven over its RPC (its own dialect, which all versions have)."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.http_calls import HttpEndpoint
from bench.library import Library, LibraryTorrent
from bench.processes import HOST, Child, is_listening, wait_until
from p2pd.clients.free_port import free_port
from p2pd.formats import bencode

BINARY = "transmission-daemon"
START_SECONDS = 30.0
CHECKING = (1, 2)
SEEDING = 6
SESSION_HEADER = "x-transmission-session-id"
STATUS_FIELDS = [
    "percentDone",
    "leftUntilDone",
    "status",
    "peersConnected",
    "recheckProgress",
    "errorString",
]


class Transmission(Engine):
    """A transmission-daemon."""

    name = "transmission"
    share = 4

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._http: HttpEndpoint | None = None
        self._session_id = ""

    @classmethod
    def missing(cls) -> str | None:
        """The daemon."""
        return None if shutil.which(BINARY) else f"apt-get install {BINARY}"

    def start(self) -> None:
        """Start it, and wait for its RPC and for its port."""
        rpc_port = free_port()
        self._http = HttpEndpoint(rpc_port)
        settings = _settings(self.folder, self.port, rpc_port)
        (self.folder / "settings.json").write_text(json.dumps(settings))
        command = [BINARY, "--foreground", "--config-dir", str(self.folder)]
        self._child = Child(self.name, command, self.folder)
        wait_until(self._answers_calls, START_SECONDS, "RPC of transmission", self._child)
        listening = "port of transmission"
        wait_until(lambda: is_listening(self.port), START_SECONDS, listening, self._child)

    def _answers_calls(self) -> bool:
        self._call("session-get")
        return True

    def _call(self, method: str, **arguments: Any) -> Any:
        assert self._http is not None
        body = {"method": method, "arguments": arguments}
        for _ in range(2):
            headers = {SESSION_HEADER: self._session_id}
            answer = self._http.post("/transmission/rpc", body, headers)
            if answer.status != 409:
                break
            self._session_id = answer.headers[SESSION_HEADER]
        told = json.loads(answer.body)
        if told["result"] != "success":
            raise ValueError(f"transmission: {method}: {told['result']}")
        return told["arguments"]

    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add a torrent over the RPC."""
        data = base64.b64encode(torrent.path.read_bytes()).decode()
        place = {"download-dir": str(folder), "paused": False}
        self._call("torrent-add", metainfo=data, **place)

    def status(self, torrent: Torrent) -> Status:
        """One torrent-get."""
        told = self._call("torrent-get", ids=[torrent.info_hash], fields=STATUS_FIELDS)
        told = told["torrents"][0]
        checking = told["status"] in CHECKING
        return Status(
            progress=told["recheckProgress"] if checking else told["percentDone"],
            done=told["leftUntilDone"] == 0 and not checking,
            checking=checking,
            peers=told["peersConnected"],
        )

    def fill(self, torrents: Sequence[Torrent], folder: Path) -> None:
        """Write its files for it: added one by one it checks ten torrents a second."""
        self._write_state(torrents, folder)

    def furnish(self, library: Library) -> None:
        """The same files."""
        self._write_state(library.torrents, library.data)

    def _write_state(self, torrents: Sequence[Torrent | LibraryTorrent], folder: Path) -> None:
        for name in ("torrents", "resume"):
            (self.folder / name).mkdir(exist_ok=True)
        for torrent in torrents:
            copy = self.folder / "torrents" / f"{torrent.info_hash}.torrent"
            shutil.copy(torrent.path, copy)
            state = _complete(torrent, folder)
            (self.folder / "resume" / f"{torrent.info_hash}.resume").write_bytes(state)

    def rows(self, fields: list[str], *, recent: bool = False) -> list[dict[str, Any]]:
        """These fields, by p2pd's names for them, of all torrents or those active lately."""
        which = {"ids": "recently-active"} if recent else {}
        named = [_camel_case(field) for field in fields]
        rows: list[dict[str, Any]] = self._call("torrent-get", fields=named, **which)["torrents"]
        return rows

    def seeding(self) -> int:
        """Count in the answer to one torrent-get."""
        answer = self._call("torrent-get", fields=["hashString", "status", "leftUntilDone"])
        return sum(
            told["status"] == SEEDING and told["leftUntilDone"] == 0 for told in answer["torrents"]
        )

    def stop(self) -> None:
        """End it: it saves its state first, which may take it long."""
        if self._http is not None:
            self._http.close()
        if self._child is not None:
            self._child.end(60.0)
            self._child = None


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _complete(torrent: Torrent | LibraryTorrent, folder: Path) -> bytes:
    """Its record of a torrent that is complete and was checked."""
    progress = {b"blocks": b"all", b"have": b"all", b"time-checked": [int(time.time()) + 5]}
    return bencode.encode(
        {
            b"destination": str(folder).encode(),
            b"name": torrent.name.encode(),
            b"paused": 0,
            b"progress": progress,
        }
    )


def _settings(folder: Path, peer_port: int, rpc_port: int) -> dict[str, Any]:
    return {
        "rpc-port": rpc_port,
        "rpc-bind-address": HOST,
        "rpc-authentication-required": False,
        "rpc-whitelist-enabled": False,
        "rpc-host-whitelist-enabled": False,
        "peer-port": peer_port,
        "peer-port-random-on-start": False,
        "port-forwarding-enabled": False,
        "bind-address-ipv4": HOST,
        "encryption": 0,
        "utp-enabled": False,
        "dht-enabled": False,
        "lpd-enabled": False,
        "pex-enabled": False,
        "speed-limit-up-enabled": False,
        "speed-limit-down-enabled": False,
        "ratio-limit-enabled": False,
        "idle-seeding-limit-enabled": False,
        "download-queue-enabled": False,
        "seed-queue-enabled": False,
        "queue-stalled-enabled": False,
        "upload-slots-per-torrent": 100,
        "peer-limit-global": 2000,
        "peer-limit-per-torrent": 1000,
        "rename-partial-files": False,
        "download-dir": str(folder),
        "message-level": 1,
    }
