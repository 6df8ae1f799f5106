"""How long it takes from a magnet link to its metadata and to all data, by nothing but the DHT.

There is one other node of the DHT, which has no torrent, and a seed that announced itself there.
Both are libtorrent's. The engine knows that node before it is given the link; nobody tells it of
the seed, there is no tracker, and nobody dials it. Polled every few milliseconds.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any

from bench.case import MAGNET_DATA, MAGNET_METADATA, Case
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.following import wait_complete
from bench.processes import wait_until
from bench.sizes import MIB, size_text
from bench.workbench import Workbench
from p2pd.formats import bencode

WORK = "magnet"
LARGEST = 64 * MIB
ROUTER, SEED = "127.0.0.3", "127.0.0.2"
SETTLE_SECONDS = 3.0
"""For which the engine has its node of the DHT before it is given the link."""
PAUSE = 0.005
ANNOUNCE_SECONDS = 60.0


def cases(bench: Workbench) -> list[Case]:
    """One case, for p2pd and libtorrent."""
    options = bench.options
    size, piece = min(options.size, LARGEST), options.pieces[0]
    engines = tuple(name for name in bench.engines if name in (P2pd.name, Libtorrent.name))

    def measure(engine: str) -> Sample:
        return measure_magnet(bench, engine, bench.sources.torrent(size, piece))

    detail = f"{size_text(size)}, one node of the DHT"
    return [Case(WORK, detail, engines, (MAGNET_METADATA, MAGNET_DATA), measure)]


def measure_magnet(bench: Workbench, name: str, torrent: Torrent) -> Sample:
    """One link, its bytes compared afterwards."""
    with bench.run_folder() as folder, ExitStack() as stack:
        router = bench.with_dht(Libtorrent.name, folder / "router", ROUTER)
        seed = bench.with_dht(Libtorrent.name, folder / "seed", SEED, knows=[router])
        engine = bench.with_dht(name, folder / "measured", knows=[router])
        for each in (router, seed, engine):
            stack.callback(each.stop)
            each.start()
        seed.add(torrent, torrent.content.parent)
        wait_complete(seed, torrent, bench.options.timeout)
        announced = "announcement of the seed in the DHT"
        wait_until(lambda: _is_announced(router, torrent), ANNOUNCE_SECONDS, announced, seed.child)
        time.sleep(SETTLE_SECONDS)
        sample = _timed(engine, torrent, folder / "data", bench.options.timeout)
        engine.stop()
        torrent.verify(folder / "data")
    return sample


def _timed(engine: Engine, torrent: Torrent, target: Any, limit: float) -> Sample:
    target.mkdir()
    began = time.monotonic()
    engine.add_magnet(torrent, target)
    metadata = 0.0
    while time.monotonic() - began < limit:
        if not metadata and engine.has_metadata(torrent):
            metadata = time.monotonic() - began
        if metadata and engine.status(torrent).done:
            return {"magnet_metadata": metadata, "magnet_data": time.monotonic() - began}
        time.sleep(PAUSE)
    got = "the metadata" if metadata else "nothing"
    raise BenchError(f"{engine.name} had {got} of the link within {limit:.0f} s")


def _is_announced(router: Engine, torrent: Torrent) -> bool:
    """Whether the node tells of a peer (BEP 5)."""
    query = {
        b"t": b"aa",
        b"y": b"q",
        b"q": b"get_peers",
        b"a": {b"id": b"-" * 20, b"info_hash": bytes.fromhex(torrent.info_hash)},
    }
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        asking.sendto(bencode.encode(query), (router.host, router.port))
        answer: Any = bencode.decode(asking.recv(2048), strict_order=False)
    return bool(answer.get(b"r", {}).get(b"values"))
