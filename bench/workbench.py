"""What every work is given: the options, a folder, the sources, and new engines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.ciphers import Cipher
from bench.content import Sources, Torrent
from bench.engines.choice import ENGINES
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import NODE_OF_DHT, P2pd, crowded, limited
from bench.flame_graph import recording
from bench.options import Options
from bench.processes import HOST
from bench.scratch import new_folder


class Workbench:
    """One run of the suite. `engines` are the names of those that are measured."""

    def __init__(self, options: Options, folder: Path, engines: tuple[str, ...]) -> None:
        self.options = options
        self.engines = engines
        self.folder = folder
        (folder / "sources").mkdir()
        self.sources = Sources(folder / "sources")

    def new(
        self,
        name: str,
        folder: Path,
        *,
        watched: bool = True,
        answers: bool = False,
        places: tuple[int, int] | None = None,
        cipher: Cipher = Cipher.NONE,
        settings: Mapping[str, str] | None = None,
    ) -> Engine:
        """An engine that is not started; what is named is for p2pd, see there.

        `places` are its connections in all and those of one torrent, if not as many as usual;
        `cipher`: how it speaks with everybody. `settings` are configuration keys.
        """
        if name == Libtorrent.name:
            return self._libtorrent(folder, cipher=cipher)
        if name != P2pd.name:
            return ENGINES[name](folder)
        watched = watched and self.options.profile is None
        chosen = crowded(*places) if places else {}
        chosen |= dict(settings or {}) | (self.options.settings or {})
        return P2pd(folder, chosen, watched=watched, answers=answers, cipher=cipher)

    def with_dht(
        self, name: str, folder: Path, host: str = HOST, *, knows: Sequence[Engine] = ()
    ) -> Engine:
        """A node of the DHT without limits: p2pd's or libtorrent's, which begins with some."""
        nodes = [(each.host, each.port) for each in knows]
        if name == Libtorrent.name:
            threads = self.options.hashing_threads
            return Libtorrent(folder, host, threads, dht=True, dht_nodes=nodes)
        known = json.dumps([f"{each}:{port}" for each, port in nodes])
        settings = NODE_OF_DHT | {"peers.interface": host, "discovery.dht_bootstrap": known}
        settings |= self.options.settings or {}
        return P2pd(folder, settings, watched=False)

    def others(self, count: int, folder: Path, *, cipher: Cipher = Cipher.NONE) -> list[Engine]:
        """Engines for the other side, each with an address of loopback to itself.

        Some engines have one connection with an address at most.
        """
        return [
            self._libtorrent(folder / f"other-{number}", f"127.0.0.{number + 2}", cipher=cipher)
            for number in range(count)
        ]

    def limited(self, name: str, count: int, folder: Path, upload: int) -> list[Engine]:
        """Nodes of p2pd or libtorrent, each with an address, that send `upload` bytes a second."""
        nodes: list[Engine] = []
        for number in range(count):
            own, host = folder / f"node-{number}", f"127.0.0.{number + 2}"
            if name == Libtorrent.name:
                nodes.append(self._libtorrent(own, host, upload))
            else:
                settings = limited(host, upload) | (self.options.settings or {})
                nodes.append(P2pd(own, settings, watched=False))
        return nodes

    def _libtorrent(
        self, folder: Path, host: str = HOST, upload: int = 0, *, cipher: Cipher = Cipher.NONE
    ) -> Libtorrent:
        threads = self.options.hashing_threads
        return Libtorrent(folder, host, threads, upload, cipher=cipher)

    def torrent_for(
        self, engine: str, size: int, piece: int, cipher: Cipher = Cipher.NONE
    ) -> Torrent:
        """A torrent of the size, or of the share of it that the engine is given."""
        own = max(piece, size // ENGINES[engine].share)
        return self.sources.torrent(own, piece, tls=cipher is Cipher.TLS)

    @contextlib.contextmanager
    def run_folder(self) -> Iterator[Path]:
        """A folder for one run of one engine, gone afterwards."""
        with new_folder(self.folder / "run") as folder:
            yield folder

    @contextlib.contextmanager
    def observed(self, engine: Engine) -> Iterator[None]:
        """The measured part of a run: recorded by the profiler if one was asked for."""
        if self.options.profile is None or not isinstance(engine, P2pd):
            yield
        else:
            with recording(engine.pid, self.options, self.folder):
                yield
