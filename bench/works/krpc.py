"""How many queries of the DHT one node answers, on one core.

A process of ours is two hundred nodes, which ask without a pause: see ``inside/krpc_load.py``. The
engine's process has one core to itself, so that its rate is what a core gives; the load has the
others. What an engine limits, the rate of what it sends and what one address may ask, is lifted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.accounting import cpu_seconds, resident
from bench.case import KRPC_GROWN, KRPC_PER_CPU, KRPC_RATE, KRPC_RSS, Case
from bench.engines.engine import Engine
from bench.engines.libtorrent import Libtorrent
from bench.engines.p2pd import P2pd
from bench.errors import BenchError
from bench.figures import Sample
from bench.inside import krpc_load
from bench.line_child import LineChild
from bench.sizes import MIB
from bench.workbench import Workbench

WORK = "krpc"
ROOT = Path(__file__).parents[2]
SLACK_SECONDS = 30.0
SETTLE_SECONDS = 1.0
MOST_POOR = 0.01
"""Of all answers: those that lack nodes or a token. More of them, and it is no comparison."""


def cases(bench: Workbench) -> list[Case]:
    """One case, for p2pd and libtorrent."""
    engines = tuple(name for name in bench.engines if name in (P2pd.name, Libtorrent.name))
    mix = ", ".join(f"{share} % {method}" for method, share in krpc_load.MIX.items())
    figures = (KRPC_RATE, KRPC_PER_CPU, KRPC_RSS, KRPC_GROWN)
    return [Case(WORK, mix, engines, figures, lambda engine: measure_krpc(bench, engine))]


def measure_krpc(bench: Workbench, name: str) -> Sample:
    """One engine, asked twice for `load_seconds`; the first time does not count."""
    with bench.run_folder() as folder:
        engine = bench.with_dht(name, folder / "measured")
        try:
            engine.start()
            load = _load(bench, engine, folder)
            try:
                return _measured(bench, engine, load)
            finally:
                load.end(2.0)
        finally:
            engine.stop()


def _load(bench: Workbench, engine: Engine, folder: Path) -> LineChild:
    """The nodes that ask, in the engine's table."""
    plan = krpc_load.Plan(engine.host, engine.port, bench.options.load_seconds)
    command = [sys.executable, "-m", krpc_load.__name__, json.dumps(asdict(plan))]
    where = {"PYTHONPATH": str(ROOT)}
    load = LineChild("krpc-load", command, folder, pipes=True, environment=where)
    nodes = load.listen(SLACK_SECONDS)["nodes"]
    _share_cores(engine.pid, load.pid)
    engine.add_dht_nodes([(host, port) for host, port in nodes])
    load.listen(krpc_load.READY_SECONDS + SLACK_SECONDS)
    return load


def _measured(bench: Workbench, engine: Engine, load: LineChild) -> Sample:
    _asked(bench, load)
    time.sleep(SETTLE_SECONDS)
    before, spent = resident(engine.pid), cpu_seconds(engine.pid)
    told = _asked(bench, load)
    spent = cpu_seconds(engine.pid) - spent
    answered = sum(told["answered"].values())
    if told["poor"] > MOST_POOR * answered:
        raise BenchError(f"{told['poor']:.0f} of {answered} answers lack nodes or a token")
    after = resident(engine.pid)
    return {
        "krpc_rate": answered / told["seconds"],
        "krpc_per_cpu": answered / spent,
        "krpc_rss": after / MIB,
        "krpc_grown": (after - before) / MIB,
        "answer_bytes": told["answer_bytes"],
        "lost": told["lost"],
        "refused": told["refused"],
        **{method: float(count) for method, count in told["answered"].items()},
    }


def _asked(bench: Workbench, load: LineChild) -> dict[str, Any]:
    load.tell("go")
    return load.listen(bench.options.load_seconds + SLACK_SECONDS)


def _share_cores(measured: int, load: int) -> None:
    """One core for every thread of the engine, the others for the load; if there are others."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        for thread in Path(f"/proc/{measured}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {first})
        os.sched_setaffinity(load, set(others))
