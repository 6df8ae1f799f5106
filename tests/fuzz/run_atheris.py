"""Runs the fuzz targets under atheris, coverage-guided, each for some seconds (`make fuzz`).

An input that breaks a target is kept in tests/regressions/fuzz/, where every test run tries it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz_corpus import HERE, REGRESSIONS, load_target, regressions, target_names


def fuzz_one(name: str, seconds: str, corpus: str, found: str) -> None:
    """Fuzz one target in this process; libFuzzer ends the process when it is done."""
    import atheris

    sys.path.insert(0, str(HERE.parents[1]))
    with atheris.instrument_imports(include=["p2pd"]):
        target = load_target(name)
    for number, seed in enumerate(target.SEEDS):
        Path(corpus, f"seed-{number}").write_bytes(seed)
    for path in regressions(name):
        Path(corpus, f"known-{path.name}").write_bytes(path.read_bytes())
    arguments = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
    arguments += ["-print_final_stats=1", f"-artifact_prefix={found}/", corpus]
    atheris.Setup([sys.argv[0], *arguments], target.fuzz)
    atheris.Fuzz()


def passes(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own, and keep what breaks it."""
    print(f"== {name}: {seconds} s", flush=True)
    found = REGRESSIONS / name
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, __file__, "--one", name, str(seconds), corpus, str(found)]
        status = subprocess.run(command, check=False).returncode
    if not regressions(name):
        found.rmdir()
    return status == 0


def main() -> int:
    """Read the command line and run."""
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(*sys.argv[2:6])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets (all)")
    parser.add_argument("--seconds", type=int, default=20, help="time for each target")
    options = parser.parse_args()
    try:
        import atheris  # noqa: F401 - it is there, or there is nothing to do
    except ImportError:
        print("atheris is not installed: it has no build for this Python", file=sys.stderr)
        return 1
    names = options.targets or target_names()
    broken = [name for name in names if not passes(name, options.seconds)]
    print(f"{len(names) - len(broken)} passed, {len(broken)} failed", *broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
