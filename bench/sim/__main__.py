"""``make sim``: run scenarios, print what came out, and put it and its plots into a folder."""

from __future__ import annotations

import argparse
import gc
import html
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Iterator, Sequence

from bench.sim.plots import draw
from bench.sim.programme import PROGRAMME, SLOW
from bench.sim.verdict import Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a target is missed."""
    options = _options(arguments)
    unknown = [name for name in options.only if name not in PROGRAMME]
    if unknown:
        print(f"no scenario {', '.join(unknown)}; there are: {', '.join(PROGRAMME)}")
        return 2
    folder: Path = options.out
    folder.mkdir(parents=True, exist_ok=True)
    verdicts, plots = [], []
    for verdict in _run_all(_chosen(options), options.seed, options.jobs):
        print(verdict.text(), flush=True)
        verdicts.append(verdict)
        plots.append(draw(verdict, folder))
    _write_report(folder, verdicts, plots)
    missed = sum(not verdict.passed for verdict in verdicts)
    reached = len(verdicts) - missed
    print(f"{reached} of {len(verdicts)} reach their targets; see {folder}/index.html")
    if None in plots:
        print("no plots: matplotlib is not installed (pip install 'p2pd[sim]')")
    return 1 if missed else 0


def _chosen(options: argparse.Namespace) -> list[str]:
    if options.only:
        return list(options.only)
    return [name for name in PROGRAMME if options.all or name not in SLOW]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sim", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[],
        metavar="NAME,...",
        help=f"which of: {', '.join(PROGRAMME)}",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"the slow ones too: {', '.join(sorted(SLOW))}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything left to chance")
    parser.add_argument("--jobs", type=int, default=1, help="how many to run at one time")
    parser.add_argument("--out", type=Path, default=Path("build/sim"), help="folder of the report")
    return parser.parse_args(arguments)


def _run_all(names: Sequence[str], seed: int, jobs: int) -> Iterator[Verdict]:
    """In the order of their names, however many run at one time."""
    if jobs == 1:
        yield from (_run(name, seed) for name in names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_run, names, repeat(seed))


def _run(name: str, seed: int) -> Verdict:
    # Nothing of a swarm is garbage before it is over; looking for it all the time costs a quarter.
    gc.collect()
    gc.disable()
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        verdict = PROGRAMME[name](seed)
    finally:
        gc.enable()
    verdict.took(time.perf_counter() - began, time.process_time() - cpu_began)
    return verdict


def _write_report(folder: Path, verdicts: list[Verdict], plots: list[Path | None]) -> None:
    (folder / "report.txt").write_text("\n".join(verdict.text() for verdict in verdicts) + "\n")
    parts = ["<!doctype html><meta charset=utf-8><title>p2pd: simulated swarms</title>"]
    for verdict, plot in zip(verdicts, plots, strict=True):
        parts.append(f"<pre>{html.escape(verdict.text())}</pre>")
        if plot is not None:
            parts.append(f'<img src="{plot.name}" alt="{html.escape(verdict.name)}">')
    (folder / "index.html").write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    sys.exit(main())
