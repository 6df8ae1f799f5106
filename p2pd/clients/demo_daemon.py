"""One daemon of the demo: its process, its folders and its control API."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, ApiError, CannotConnectError, HttpTransport
from p2pd.clients.demo_progress import Report
from p2pd.clients.free_port import free_port

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 12.0
SEEDING = 6
LOCAL_ERROR = 3
LOG_LINES = 15

SETTINGS = {
    "discovery.dht": "false",
    "discovery.lsd": "false",
    "discovery.pex": "false",
    "reachability.port_mapping": "false",
    "peers.interface": HOST,
}


class DemoError(P2pdError):
    """What failed, with the last log lines of the daemons concerned."""

    def __init__(self, sentence: str, daemons: Iterable[DemoDaemon] = ()) -> None:
        super().__init__("".join([sentence, *(daemon.last_words() for daemon in daemons)]))


class DemoDaemon:
    """A p2pd in a process and a folder of its own; only this process is ever ended."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._folder = folder / name
        self._settings = {**SETTINGS, **(settings or {})}
        self._control_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._api: ApiClient | None = None

    @property
    def downloads(self) -> Path:
        """Where its files arrive."""
        return self._folder / "downloads"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def start(self) -> None:
        """Start the process; `wait_ready` waits for it."""
        self._folder.mkdir(parents=True)
        command = [sys.executable, "-m", "p2pd.service.main"]
        command += [f"--state-dir={self._folder / 'state'}", f"--download-dir={self.downloads}"]
        command += [f"--peer-port={free_port()}", f"--control-port={self._control_port}"]
        command += [f"--set={key}={value}" for key, value in self._settings.items()]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Until its control API answers. Raises DemoError."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            self.check_running()
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} did not start within {START_SECONDS:.0f} s", [self])
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            token = (self._folder / "state" / "control-token").read_text().strip()
            self._api = ApiClient(HttpTransport(f"http://{HOST}:{self._control_port}"), token)
            self._api.call("session_get", fields=["version"])
        except (FileNotFoundError, CannotConnectError, ApiError):
            return False
        return True

    def check_running(self) -> None:
        """Raises DemoError with its last words when it has ended by itself."""
        status = self._process.poll() if self._process else None
        if status is not None:
            raise DemoError(f"{self.name} ended by itself, with exit status {status}", [self])

    def last_words(self) -> str:
        """The end of its log, for the message of a failure."""
        if not self._log.exists():
            return ""
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f"\n--- the last log lines of {self.name}:\n" + "\n".join(lines)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of its control API. Raises DemoError with its last words."""
        if self._api is None:
            raise DemoError(f"{self.name} was never ready")
        self.check_running()
        try:
            return self._api.call(method, **params)
        except (ApiError, CannotConnectError) as error:
            raise DemoError(f"{self.name} did not do {method}: {error}", [self]) from None

    def _torrent(self, *fields: str) -> dict[str, Any]:
        torrent: dict[str, Any] = self._call("torrent_get", fields=list(fields))["torrents"][0]
        return torrent

    def add(self, torrent: bytes, folder: Path) -> None:
        """Add a torrent whose data is, or arrives, in `folder`."""
        self._call(
            "torrent_add",
            metainfo=base64.b64encode(torrent).decode(),
            download_dir=str(folder),
            paused=False,
        )

    def progress(self) -> Report:
        """How far its torrent is. Raises DemoError when the torrent has an error."""
        fields = ["size_when_done", "left_until_done", "status", "rate_download"]
        torrent = self._torrent(*fields, "peers_connected", "error", "error_string")
        if torrent["error"] == LOCAL_ERROR:
            raise DemoError(f"{self.name} cannot go on: {torrent['error_string']}", [self])
        return Report(
            name=self.name,
            done=torrent["size_when_done"] - torrent["left_until_done"],
            total=torrent["size_when_done"],
            rate=torrent["rate_download"],
            peers=torrent["peers_connected"],
            finished=torrent["left_until_done"] == 0 and torrent["status"] == SEEDING,
        )

    def has_announced(self) -> bool:
        """Whether a tracker has answered it."""
        trackers = self._torrent("tracker_stats")["tracker_stats"]
        return any(tracker["last_announce_succeeded"] for tracker in trackers)

    def uploaded(self) -> int:
        """Bytes that it has sent to other peers."""
        return int(self._torrent("uploaded_ever")["uploaded_ever"])

    def stop(self) -> None:
        """End it by its own pid: kindly, and by force when that takes too long."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
