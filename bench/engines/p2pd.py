"""p2pd, as twistd runs it; `watched`, it is started by our launcher, which tells of its reactor."""

from __future__ import annotations

import base64
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.ciphers import Cipher
from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.engines.p2pd_state import furnish
from bench.errors import BenchError
from bench.http_calls import HttpEndpoint
from bench.library import Library
from bench.processes import HOST, Child, wait_until
from p2pd.clients.api_client import HttpTransport
from p2pd.clients.event_stream import EventStream
from p2pd.clients.free_port import free_port
from p2pd.service.config import PeersSection
from p2pd.swarm.bandwidth.wire_cost import wire_cost

LAUNCHER = Path(__file__).parents[1] / "inside" / "p2pd_launcher.py"
START_SECONDS = 60.0
CHECKING = (1, 2)
SEEDING = 6
STATUS_FIELDS = [
    "percent_done",
    "left_until_done",
    "status",
    "peers_connected",
    "recheck_progress",
    "error_string",
]

SETTINGS = {
    "discovery.dht": "false",
    "discovery.lsd": "false",
    "discovery.pex": "false",
    "reachability.port_mapping": "false",
    "peers.encryption": "off",
    "peers.interface": HOST,
    "peers.upload_slots": "1000",
    "peers.max_connections": "2000",
    "peers.max_connections_per_torrent": "1000",
    "logging.level": "warn",
}
"""Peers are those that are dialled; and as the other engines, it serves all of them at once."""

NODE_OF_DHT = {
    "discovery.dht": "true",
    "discovery.dht_bootstrap": "[]",
    "discovery.dht_upload": "0",
    "discovery.dht_queries": "0",
}
"""Settings of a node of the DHT that nobody limits."""


def limited(host: str, upload: int) -> dict[str, str]:
    """Settings of one of many nodes: an address to itself, a limit, and p2pd's own upload slots.

    `upload` is bytes a second of the TCP stream, as other engines count; p2pd counts headers too.
    """
    return {
        "peers.interface": host,
        "peers.upload_slots": str(PeersSection().upload_slots),
        "bandwidth.upload": str(round(upload * wire_cost(host) / 1000)),
    }


CIPHERS: dict[Cipher, dict[str, str]] = {
    Cipher.NONE: {},
    Cipher.RC4: {"peers.encryption": "required"},
    Cipher.TLS: {},
}


def crowded(places: int, of_torrent: int) -> dict[str, str]:
    """Settings of a node with so many connections in all, and so many of one torrent."""
    return {
        "peers.max_connections": str(places),
        "peers.max_connections_per_torrent": str(of_torrent),
    }


class P2pd(Engine):
    """A p2pd process."""

    name = "p2pd"

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        watched: bool = True,
        answers: bool = False,
        cipher: Cipher = Cipher.NONE,
    ) -> None:
        super().__init__(folder)
        self._settings = {**SETTINGS, **CIPHERS[cipher], **(settings or {})}
        if cipher is Cipher.TLS:
            self._settings["peers.tls_port"] = str(self.tls_port)
        self.host = self._settings["peers.interface"]
        self.watched = watched or answers
        self._answers = answers
        self._figures = folder / "figures.json"
        self._asked = 0
        self._http: HttpEndpoint | None = None
        self._control_port = 0
        self._headers: dict[str, str] = {}

    @classmethod
    def missing(cls) -> str | None:
        """Nothing: it is what this is about."""
        return None

    def start(self) -> None:
        """Start it, and wait for the control API."""
        self._control_port = control_port = free_port()
        self._http, self._headers, self._asked = HttpEndpoint(control_port), {}, 0
        self._child = Child(self.name, self._command(control_port), self.folder)
        wait_until(self._answers_calls, START_SECONDS, "control API of p2pd", self._child)

    def _command(self, control_port: int) -> list[str]:
        # -P, and a folder of its own to run in: what is measured is the installed p2pd.
        command = [sys.executable, "-P"]
        if self.watched:
            command += [str(LAUNCHER), str(self._figures)]
            command += ["--answers"] if self._answers else []
            command += ["--"]
        else:
            command += ["-m", "p2pd.service.main"]
        command += [f"--state-dir={self._state}", f"--download-dir={self.folder / 'downloads'}"]
        command += [f"--peer-port={self.port}", f"--control-port={control_port}"]
        return command + [f"--set={name}={value}" for name, value in self._settings.items()]

    @property
    def _state(self) -> Path:
        return self.folder / "state"

    def _answers_calls(self) -> bool:
        token = (self._state / "control-token").read_text().strip()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._call("session_get", fields=["version"])
        return True

    def _call(self, method: str, **params: Any) -> Any:
        assert self._http is not None
        return self._http.json_rpc("/rpc", method, params, self._headers)

    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add a torrent over the API."""
        self._call(
            "torrent_add",
            metainfo=base64.b64encode(torrent.path.read_bytes()).decode(),
            download_dir=str(folder),
            paused=False,
        )
        if torrent.swarm is not None:
            certificate, private_key = torrent.swarm.identity()
            self._call(
                "torrent_set_certificate",
                ids=[torrent.info_hash],
                certificate=certificate,
                private_key=private_key,
            )

    def add_magnet(self, torrent: Torrent, folder: Path) -> None:
        """Add a link over the API."""
        self._call("torrent_add", filename=torrent.link, download_dir=str(folder), paused=False)

    def has_metadata(self, torrent: Torrent) -> bool:
        """One torrent_get."""
        fields = ["metadata_percent_complete"]
        answer = self._call("torrent_get", ids=[torrent.info_hash], fields=fields)
        return bool(answer["torrents"][0][fields[0]] >= 1)

    def status(self, torrent: Torrent) -> Status:
        """One torrent_get."""
        answer = self._call("torrent_get", ids=[torrent.info_hash], fields=STATUS_FIELDS)
        told = answer["torrents"][0]
        if told["error_string"]:
            raise BenchError(f"p2pd: {told['error_string']}")
        checking = told["status"] in CHECKING
        return Status(
            progress=told["recheck_progress"] if checking else told["percent_done"],
            done=told["left_until_done"] == 0 and told["status"] == SEEDING,
            checking=checking,
            peers=told["peers_connected"],
        )

    def connect(self, torrent: Torrent, others: Sequence[Engine]) -> None:
        """One peer_add."""
        addresses = ["{}:{}".format(*other.address(torrent)) for other in others]
        self._call("peer_add", ids=[torrent.info_hash], addresses=addresses)

    def uploaded(self, torrent: Torrent) -> int:
        """Its count for the torrent."""
        answer = self._call("torrent_get", ids=[torrent.info_hash], fields=["uploaded_ever"])
        return int(answer["torrents"][0]["uploaded_ever"])

    def fill(self, torrents: Sequence[Torrent], folder: Path) -> None:
        """Add all, let them be checked, and stop cleanly."""
        self.start()
        for torrent in torrents:
            self.add(torrent, folder)
        complete = "check of all torrents by p2pd"
        wait_until(lambda: self.seeding() == len(torrents), 300, complete, self.child, 0.25)
        self.stop()

    def furnish(self, library: Library) -> None:
        """Rows of its database; then it is started and stopped once, as after an upgrade."""
        furnish(self._state, library)
        self.start()
        there = "all torrents in p2pd, for the first time"
        count = len(library.torrents)
        wait_until(lambda: self.seeding() == count, 300, there, self.child, 0.25)
        self.stop()

    def seeding(self) -> int:
        """Count in the answer to one torrent_get."""
        answer = self._call("torrent_get", fields=["hash_string", "status", "left_until_done"])
        return sum(
            told["status"] == SEEDING and told["left_until_done"] == 0
            for told in answer["torrents"]
        )

    def rows(self, fields: list[str], *, recent: bool = False) -> list[dict[str, Any]]:
        """These fields of all torrents, or of those that were active lately."""
        which = {"ids": "recently_active"} if recent else {}
        rows: list[dict[str, Any]] = self._call("torrent_get", fields=fields, **which)["torrents"]
        return rows

    def set_labels(self, torrent: int, labels: list[str]) -> None:
        """Of the torrent with this id."""
        self._call("torrent_set", ids=[torrent], labels=labels)

    def follow(self) -> EventStream:
        """A client at /rpc/events."""
        token = (self._state / "control-token").read_text().strip()
        return EventStream(HttpTransport(f"http://{HOST}:{self._control_port}"), token)

    def figures(self) -> dict[str, Any]:
        """What the launcher measured since it was last asked, in milliseconds."""
        self._asked += 1
        self.child.send_signal(signal.SIGUSR1)
        what = "answer of the launcher in p2pd to SIGUSR1"
        wait_until(lambda: self._read_figures()["asked"] == self._asked, 10.0, what, self.child)
        return self._read_figures()

    def _read_figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads(self._figures.read_text())
        return figures

    def stop(self) -> None:
        """End it, cleanly: it records what it has."""
        if self._http is not None:
            self._http.close()
        super().stop()
