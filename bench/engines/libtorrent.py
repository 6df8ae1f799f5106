"""libtorrent, through its Python binding, in a node process of ours that only passes calls on."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.errors import BenchError
from bench.processes import Child, wait_until

NODE = Path(__file__).parents[1] / "inside" / "libtorrent_node.py"
CALL_SECONDS = 60.0


class Libtorrent(Engine):
    """A libtorrent session."""

    name = "libtorrent"

    @classmethod
    def missing(cls) -> str | None:
        """The binding, which pip installs."""
        return None if importlib.util.find_spec("libtorrent") else "pip install libtorrent"

    def start(self) -> None:
        """Start the node; torrents that an earlier one saved are there again."""
        command = [sys.executable, "-P", str(NODE), str(self.port), str(self.folder)]
        self._child = Child(self.name, command, self.folder, pipes=True)
        self._read()

    def _call(self, command: str, **arguments: Any) -> Any:
        self.child.check_running()
        line = json.dumps({"command": command, **arguments}) + "\n"
        self.child.stdin.write(line.encode())
        return self._read()

    def _read(self) -> Any:
        child = self.child
        if not select.select([child.stdout], [], [], CALL_SECONDS)[0]:
            raise BenchError(f"{self.name} was silent for {CALL_SECONDS:.0f} s")
        line = child.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} closed its output{child.last_words()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise BenchError(f"{self.name}: {answer['error']}")
        return answer

    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add a torrent."""
        self._call("add", torrent=str(torrent.path), folder=str(folder))

    def status(self, torrent: Torrent) -> Status:
        """How far it is."""
        return Status(**self._call("status", info_hash=torrent.info_hash))

    def connect(self, torrent: Torrent, port: int) -> None:
        """Dial."""
        self._call("connect", info_hash=torrent.info_hash, port=port)

    def fill(self, torrents: Sequence[Torrent], folder: Path) -> None:
        """Add all, let them be checked, and save their resume data, as a client does."""
        self.start()
        for torrent in torrents:
            self.add(torrent, folder)
        complete = "check of all torrents by libtorrent"
        wait_until(lambda: self.seeding() == len(torrents), 300, complete, self.child, 0.25)
        self._call("save")
        self.stop()

    def seeding(self) -> int:
        """Count the torrents that seed."""
        return int(self._call("seeding")["count"])

    def stop(self) -> None:
        """Let it go, or end it."""
        if self._child is not None:
            with contextlib.suppress(BenchError, OSError):
                self._child.stdin.write(b'{"command": "quit"}\n')
                self._child.wait(5.0)
        super().stop()
