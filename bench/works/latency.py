"""How long a message waits for its answer while many peers are active.

The measured engine seeds, and a process of ours is all the peers: each asks for blocks at an even
pace. p2pd lacks one piece, so that some requests are answered out of memory, by a reject.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.case import (
    ANSWER_P99,
    BLOCK_P50,
    BLOCK_P99,
    REJECT_P99,
    SINCE_POLL_P99,
    SINCE_READ_P99,
    Case,
)
from bench.content import Torrent
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample, percentile
from bench.following import wait_complete
from bench.inside import peer_load
from bench.line_child import LineChild
from bench.processes import wait_until
from bench.sizes import MIB
from bench.workbench import Workbench

LOAD = Path(peer_load.__file__)
LARGEST = 256 * MIB
READY_SECONDS = peer_load.UNCHOKE_SECONDS + 10
SLACK_SECONDS = peer_load.PATIENCE + 30


def cases(bench: Workbench) -> list[Case]:
    """One case, for p2pd and libtorrent."""
    options = bench.options
    piece = options.pieces[0]
    size = max(min(options.size, LARGEST), 2 * piece)

    def measure(engine: str) -> Sample:
        return measure_latency(bench, engine, bench.sources.torrent(size, piece))

    engines = tuple(name for name in bench.engines if name in (P2pd.name, Libtorrent.name))
    detail = f"{options.peers} peers with {options.pace:g} requests/s each"
    figures = (ANSWER_P99, SINCE_POLL_P99, SINCE_READ_P99, REJECT_P99, BLOCK_P50, BLOCK_P99)
    return [Case("latency", detail, engines, figures, measure)]


def measure_latency(bench: Workbench, name: str, torrent: Torrent) -> Sample:
    """One engine under the load."""
    with bench.run_folder() as folder:
        engine = bench.new(name, folder / "measured", answers=True)
        try:
            engine.start()
            if isinstance(engine, P2pd):
                return _of_p2pd(bench, engine, torrent, folder)
            engine.add(torrent, torrent.content.parent)
            wait_complete(engine, torrent, bench.options.timeout)
            return _block_times(_loaded(bench, engine, torrent, folder, missing=-1))
        finally:
            engine.stop()


def _of_p2pd(bench: Workbench, engine: P2pd, torrent: Torrent, folder: Path) -> Sample:
    """With the figures from inside it, for which it lacks the last whole piece."""
    missing = torrent.size // torrent.piece - 1
    engine.add(torrent, _without_piece(torrent, missing, folder / "data"))
    partial = "check of a torrent that lacks a piece, by p2pd"
    wait_until(lambda: _is_partial(engine, torrent), bench.options.timeout, partial, engine.child)
    told = _loaded(bench, engine, torrent, folder, missing)
    inside = engine.figures()
    if len(inside["since_arrival"]) < 0.5 * (len(told["blocks"]) + len(told["rejects"])):
        raise BenchError("the launcher in p2pd saw fewer answers than the peers got")
    return {
        "answer_p99": percentile(inside["since_arrival"], 0.99),
        "answer_p50": percentile(inside["since_arrival"], 0.5),
        "since_poll_p99": percentile(inside["since_poll"], 0.99),
        "since_read_p99": percentile(inside["since_read"], 0.99),
        "answers": float(len(inside["since_arrival"])),
        "reject_p99": percentile(told["rejects"], 0.99),
        **_block_times(told),
        "stall": inside["worst_stall"],
    }


def _without_piece(torrent: Torrent, piece: int, folder: Path) -> Path:
    folder.mkdir()
    copy = folder / torrent.name
    shutil.copyfile(torrent.content, copy)
    with copy.open("r+b") as file:
        file.seek(piece * torrent.piece)
        file.write(bytes(torrent.piece))
    return folder


def _is_partial(engine: Engine, torrent: Torrent) -> bool:
    status = engine.status(torrent)
    return not status.checking and status.progress > 0


def _loaded(
    bench: Workbench, engine: Engine, torrent: Torrent, folder: Path, missing: int
) -> dict[str, Any]:
    """What the peers measured. Raises BenchError, for wrong bytes too."""
    options = bench.options
    plan = peer_load.Plan(
        port=engine.port,
        info_hash=torrent.info_hash,
        source=str(torrent.content),
        piece=torrent.piece,
        missing=missing,
        peers=options.peers,
        pace=options.pace,
        seconds=options.load_seconds,
    )
    command = [sys.executable, "-P", str(LOAD), json.dumps(asdict(plan))]
    load = LineChild("peers", command, folder, pipes=True)
    try:
        load.listen(READY_SECONDS)
        if isinstance(engine, P2pd):
            engine.figures()
        load.tell("go")
        told = load.listen(options.load_seconds + SLACK_SECONDS)
    finally:
        load.end(2.0)
    if told["unanswered"]:
        raise BenchError(f"{told['unanswered']} requests were not answered")
    return told


def _block_times(told: dict[str, Any]) -> Sample:
    return {
        "block_p50": percentile(told["blocks"], 0.5),
        "block_p99": percentile(told["blocks"], 0.99),
        "blocks": float(len(told["blocks"])),
    }
