"""``python -m bench``: measure, print, and say which targets are met."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.engines.choice import installed
from bench.engines.libtorrent import Libtorrent
from bench.errors import BenchError
from bench.options import TRANSFERS, Options, parse
from bench.processes import all_ended
from bench.report import as_json, verdict_lines, write_json
from bench.scratch import scratch_folder
from bench.suite import all_cases, room_needed, run_all
from bench.targets import judge_all
from bench.workbench import Workbench


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0, or 1 when something could not be measured."""
    options = parse(arguments)
    try:
        return _run(options)
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1


def _run(options: Options) -> int:
    _check_reference(options)
    engines, missing = installed(options.engines)
    print("\n".join([f"measured: {', '.join(engines)}", *missing]) + "\n", flush=True)
    with (
        scratch_folder(room_needed(options.size, options.works)) as folder,
        all_ended(),
    ):
        bench = Workbench(options, folder, tuple(engines))
        outcomes = run_all(all_cases(bench), options.runs)
    verdicts = [] if options.profile else judge_all(outcomes)
    if verdicts:
        print("\n".join(verdict_lines(verdicts)), flush=True)
    if options.json is not None:
        write_json(options.json, as_json(outcomes, verdicts, _told(options)))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _check_reference(options: Options) -> None:
    missing = Libtorrent.missing()
    need_it = {*TRANSFERS, "memory", "stall", "flood", "half-open"}
    if missing is not None and set(options.works) & need_it:
        raise BenchError(f"libtorrent is the other side of every transfer: {missing}")


def _told(options: Options) -> dict[str, object]:
    return {
        "size": options.size,
        "pieces": options.pieces,
        "runs": options.runs,
        "hashing_threads": options.hashing_threads,
        "settings": options.settings,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
