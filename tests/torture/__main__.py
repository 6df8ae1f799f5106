"""``make torture``: a long run, its figures, and status 1 if anything was not as it must be."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.run import RunOptions, TortureRun


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to repeat it")
    parser.add_argument("--seconds", type=float, default=3600, help="at most (default: an hour)")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run")
    parser.add_argument("--first", action="store_true", help="end at the first violation, keep all")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    folder = Path(tempfile.mkdtemp(prefix="p2pd-torture-"))
    print(f"seed {seed}, in {folder}", flush=True)
    began = time.monotonic()
    options = RunOptions(seed, asked.kills, seconds=asked.seconds, first=asked.first)
    try:
        with TortureRun(folder, options) as run:
            figures = run.run()
            print(figures.table(run.disk.injected))
    finally:
        if not (asked.keep or asked.first):
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s, seed {seed}")
    for sentence in figures.violations:
        print(f"VIOLATION {sentence}")
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
