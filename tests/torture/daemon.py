"""The daemon under test: the real one, with a disk that fails on demand below it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from peers.http_calls import RpcError
from peers.p2pd_node import P2pdNode, daemon_environment
from peers.processes import ChildProcess, wait_until

from tests.torture.broken_disk import BrokenDisk
from tests.torture.contents import Content

__all__ = ["NotStartedError", "RpcError", "TorturedDaemon"]

START_SECONDS = 30
RECORD_SECONDS = 1.0
"""In life it records every ten seconds, but most lives here are short."""

_LAUNCH = (
    "import p2pd.session.session as session; session.CHECKPOINT_SECONDS = {}; "
    "from twisted.scripts.twistd import run; run()"
)


class NotStartedError(Exception):
    """It ended, or said nothing, instead of starting."""


class TorturedDaemon(P2pdNode):
    """One p2pd with a state folder and several download folders, which are the disk's places."""

    process: ChildProcess | None

    def __init__(
        self, folder: Path, disk: BrokenDisk, *, record_seconds: float = RECORD_SECONDS
    ) -> None:
        super().__init__(folder, start=False)
        self._launch = _LAUNCH.format(record_seconds)
        self.disk = disk
        self.state_folder, self.volumes = disk.places[0], disk.places[1:]
        self.downloads = self.volumes[0]

    def launch(self) -> None:
        """Start the process, and wait for nothing."""
        self.process = ChildProcess(
            [sys.executable, "-c", self._launch, "-n", "--pidfile=", "p2pd", *self.arguments()],
            self.folder,
            name="p2pd",
            environment={**daemon_environment(), **self.disk.environment},
        )

    def wait_ready(self) -> None:
        """Until its control API answers. Raises NotStartedError."""
        try:
            wait_until(self._answers, START_SECONDS, "RPC of p2pd", details=self.log_tail)
        except (RuntimeError, TimeoutError) as problem:
            raise NotStartedError(str(problem)) from None

    def start(self) -> None:
        """Start it and wait until it answers. Raises NotStartedError."""
        self.launch()
        self.wait_ready()

    def rows(self, *fields: str) -> dict[str, dict[str, Any]]:
        """These fields of every torrent, by hash."""
        asked = ["hash_string", *fields]
        answer = self.call("torrent_get", fields=asked)
        return {row["hash_string"]: row for row in answer["torrents"]}

    def feed(self, content: Content, seed: Any) -> None:
        """Have it dial the seed for this torrent."""
        self.call("peer_add", ids=[content.hash_string], addresses=[f"{seed.host}:{seed.port}"])

    def note(self, *words: object) -> None:
        """For whoever has to find out what went wrong: beside its log, with the same times."""
        now = time.strftime("%H:%M:%S", time.gmtime())
        with (self.folder / "acts.log").open("a") as file:
            print(now, *words, file=file)
