"""libtorrent, through its Python binding, in a node process of ours that only passes calls on."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.ciphers import Cipher
from bench.content import Torrent
from bench.engines.engine import Engine, Status
from bench.errors import BenchError
from bench.library import Library
from bench.line_child import LineChild
from bench.processes import HOST, wait_until

NODE = Path(__file__).parents[1] / "inside" / "libtorrent_node.py"
START_SECONDS = 30.0


class Libtorrent(Engine):
    """A libtorrent session; `upload` limits it, in bytes a second of the TCP streams."""

    name = "libtorrent"

    def __init__(
        self,
        folder: Path,
        host: str = HOST,
        hashing_threads: int = 2,
        upload: int = 0,
        *,
        cipher: Cipher = Cipher.NONE,
        dht: bool = False,
        dht_nodes: Sequence[tuple[str, int]] = (),
    ) -> None:
        super().__init__(folder)
        self.host = host
        self._hashing_threads = hashing_threads
        self._upload = upload
        self._cipher = cipher
        self._dht = dht
        self._dht_nodes = dht_nodes
        self._node: LineChild | None = None

    @classmethod
    def missing(cls) -> str | None:
        """The binding, which pip installs."""
        return None if importlib.util.find_spec("libtorrent") else "pip install libtorrent"

    def start(self) -> None:
        """Start the node; torrents that an earlier one saved are there again."""
        command = [sys.executable, "-P", str(NODE)]
        command += [self.host, str(self.port), str(self.folder)]
        command += [str(self._hashing_threads), str(self._upload), self._cipher.value]
        command += [str(self.tls_port)]
        self._child = self._node = LineChild(self.name, command, self.folder, pipes=True)
        self._node.listen(START_SECONDS)
        if self._dht:
            self._node.call("start_dht")
            self.add_dht_nodes(self._dht_nodes)

    @property
    def _running(self) -> LineChild:
        if self._node is None:
            raise BenchError(f"{self.name} is not running")
        return self._node

    def add(self, torrent: Torrent, folder: Path) -> None:
        """Add a torrent."""
        identity = torrent.swarm.identity() if torrent.swarm else ()
        told = {"torrent": str(torrent.path), "folder": str(folder), "identity": list(identity)}
        self._running.call("add", **told)

    def add_magnet(self, torrent: Torrent, folder: Path) -> None:
        """Add a link."""
        self._running.call("add_magnet", link=torrent.link, folder=str(folder))

    def has_metadata(self, torrent: Torrent) -> bool:
        """As its status says."""
        return bool(self._running.call("has_metadata", info_hash=torrent.info_hash)["has"])

    def status(self, torrent: Torrent) -> Status:
        """How far it is."""
        return Status(**self._running.call("status", info_hash=torrent.info_hash))

    def connect(self, torrent: Torrent, others: Sequence[Engine]) -> None:
        """Dial."""
        peers = [other.address(torrent) for other in others]
        self._running.call("connect", info_hash=torrent.info_hash, peers=peers)

    def add_dht_nodes(self, nodes: Sequence[tuple[str, int]]) -> None:
        """It pings each of them."""
        self._running.call("add_dht_nodes", nodes=list(nodes))

    def uploaded(self, torrent: Torrent) -> int:
        """Its count for the torrent."""
        return int(self._running.call("uploaded", info_hash=torrent.info_hash)["bytes"])

    def fill(self, torrents: Sequence[Torrent], folder: Path) -> None:
        """Add all, let them be checked, and save their resume data, as a client does."""
        self.start()
        for torrent in torrents:
            self.add(torrent, folder)
        complete = "check of all torrents by libtorrent"
        wait_until(lambda: self.seeding() == len(torrents), 300, complete, self.child, 0.25)
        self._running.call("save")
        self.stop()

    def furnish(self, library: Library) -> None:
        """Resume data as it saves it, with all pieces."""
        import libtorrent as lt

        for number, torrent in enumerate(library.torrents):
            parameters = lt.load_torrent_file(str(torrent.path))
            parameters.save_path = str(library.data)
            parameters.have_pieces = [True] * torrent.pieces
            parameters.flags = lt.torrent_flags.update_subscribe | lt.torrent_flags.disable_pex
            data = lt.write_resume_data_buf(parameters)
            (self.folder / f"{number}.resume").write_bytes(data)

    def seeding(self) -> int:
        """Count the torrents that seed."""
        return int(self._running.call("seeding")["count"])

    def stop(self) -> None:
        """Let it go, or end it."""
        if self._node is not None:
            with contextlib.suppress(BenchError, OSError):
                self._node.tell({"command": "quit"})
                self._node.wait(5.0)
            self._node = None
        super().stop()
