"""``make torture``: a long run, its figures, and status 1 if anything was not as it must be."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.broken_disk import same_device
from tests.torture.run import RunOptions, TortureRun

OTHER_FILE_SYSTEM = Path("/dev/shm")


def elsewhere_than(folder: Path) -> Path | None:
    """A new folder on another file system, if there is one that anybody may write to."""
    if not OTHER_FILE_SYSTEM.is_dir() or same_device(OTHER_FILE_SYSTEM, folder):
        return None
    return Path(tempfile.mkdtemp(prefix="p2pd-torture-", dir=OTHER_FILE_SYSTEM))


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
        with TortureRun(folder, options, elsewhere=elsewhere_than(folder)) as run:
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
