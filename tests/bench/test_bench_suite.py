"""Engines take turns, failures are words, and the tables say what was measured."""

from __future__ import annotations

import json
from pathlib import Path

from bench.case import CPU, RATE, STALL, Case, Outcome
from bench.errors import BenchError, CannotMeasureError, WrongBytesError
from bench.figures import Sample
from bench.report import as_json, outcome_lines, table, verdict_lines, write_json
from bench.suite import room_needed, run_case
from bench.targets import Verdict

GIB = 1 << 30


def test_engines_take_turns() -> None:
    turns: list[str] = []

    def measure(engine: str) -> Sample:
        turns.append(engine)
        return {"rate": float(len(turns))}

    outcome = run_case(Case("leech", "x", ("a", "b", "c"), (RATE,), measure), runs=2)
    assert turns == ["a", "b", "c", "a", "b", "c"]
    assert outcome.samples["b"] == [{"rate": 2.0}, {"rate": 5.0}]


def test_a_case_that_warms_up_has_one_run_that_does_not_count() -> None:
    turns: list[str] = []

    def measure(engine: str) -> Sample:
        turns.append(engine)
        if len(turns) == 1:
            raise BenchError("not yet")
        return {"rate": 1.0}

    case = Case("leech", "x", ("p2pd", "libtorrent"), (RATE,), measure, warm_up=True)
    outcome = run_case(case, runs=2)
    assert turns == ["libtorrent", "p2pd", "libtorrent", "p2pd", "libtorrent"]
    assert outcome.problems == []
    assert [len(samples) for samples in outcome.samples.values()] == [2, 2]
    turns.clear()
    run_case(case, runs=1)
    assert turns == ["p2pd", "libtorrent"]


def test_wrong_bytes_are_an_error_and_never_a_figure() -> None:
    def measure(engine: str) -> Sample:
        if engine == "bad":
            raise WrongBytesError("the copy differs")
        return {"rate": 1.0}

    outcome = run_case(Case("leech", "x", ("bad", "good"), (RATE,), measure), runs=2)
    assert "bad" not in outcome.samples
    assert outcome.problems == ["bad, run 1: the copy differs", "bad, run 2: the copy differs"]
    assert len(outcome.samples["good"]) == 2


def test_who_cannot_is_asked_once_and_is_no_failure() -> None:
    asked: list[str] = []

    def measure(engine: str) -> Sample:
        asked.append(engine)
        raise CannotMeasureError("it has no such thing")

    outcome = run_case(Case("idle", "x", ("a",), (RATE,), measure), runs=3)
    assert asked == ["a"]
    assert outcome.problems == []
    assert "not measured: a: it has no such thing" in outcome_lines(outcome)


def test_an_engine_that_failed_once_keeps_its_other_runs() -> None:
    turns: list[str] = []

    def measure(engine: str) -> Sample:
        turns.append(engine)
        if len(turns) == 1:
            raise BenchError("it was too slow")
        return {"rate": 7.0}

    outcome = run_case(Case("leech", "x", ("a",), (RATE,), measure), runs=3)
    assert outcome.samples["a"] == [{"rate": 7.0}] * 2
    assert outcome.problems == ["a, run 1: it was too slow"]


def test_a_table_is_aligned() -> None:
    assert table([["", "MB/s"], ["p2pd", "1"], ["aria2", "1000"]]) == [
        "       MB/s",
        "p2pd      1",
        "aria2  1000",
    ]


def some_outcome() -> Outcome:
    case = Case("leech", "1 GiB", ("p2pd", "libtorrent", "aria2"), (RATE, CPU, STALL), dict)
    samples: dict[str, list[Sample]] = {
        "p2pd": [{"rate": r, "cpu": 1.0, "stall": 4.0} for r in (90.0, 110.0, 100.0)],
        "libtorrent": [{"rate": 50.0, "cpu": 2.0}],
    }
    return Outcome(case, samples, ["aria2, run 1: it ended"])


def test_a_case_shows_spreads_and_ratios_of_medians() -> None:
    lines = outcome_lines(some_outcome())
    assert lines[0] == "leech, 1 GiB"
    assert lines[2].split() == ["p2pd", "90/100/110", "2.00", "1.00/1.00/1.00", "0.50",
                                "4.0/4.0/4.0"]  # fmt: skip
    assert lines[3].split() == ["libtorrent", "50/50/50", "1.00", "2.00/2.00/2.00", "1.00", "-"]
    assert lines[4:] == ["ERROR aria2, run 1: it ended"]


def test_a_busy_machine_is_told_of() -> None:
    outcome = some_outcome()
    outcome.samples["libtorrent"][0]["elsewhere"] = 0.05
    assert not any(line.startswith("NOISE") for line in outcome_lines(outcome))
    outcome.samples["p2pd"][1]["elsewhere"] = 0.25
    assert "NOISE other programs took up to 25% of the machine" in outcome_lines(outcome)[4]


def test_a_case_without_the_reference_has_no_ratios() -> None:
    outcome = some_outcome()
    del outcome.samples["libtorrent"]
    assert outcome_lines(outcome)[2].split()[2] == "-"


def test_verdicts_are_lines_under_a_heading() -> None:
    verdict = Verdict("leech, 1 GiB", "rate at least 1.25 x libtorrent's", "it is 2.00 x", True)
    assert verdict_lines([]) == []
    assert verdict_lines([verdict]) == [
        "targets",
        "met     leech, 1 GiB: rate at least 1.25 x libtorrent's; it is 2.00 x",
    ]


def test_the_json_has_every_sample(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_json(target, as_json([some_outcome()], [], {"size": GIB}))
    told = json.loads(target.read_text())
    assert told["options"] == {"size": GIB}
    assert [s["rate"] for s in told["cases"][0]["samples"]["p2pd"]] == [90.0, 110.0, 100.0]
    assert told["cases"][0]["problems"] == ["aria2, run 1: it ended"]


def test_room_is_asked_for_sources_and_copies() -> None:
    assert room_needed(GIB, ("leech",)) > 2 * GIB
    assert room_needed(GIB, ("leech", "memory")) > room_needed(GIB, ("leech",)) + 2 * GIB
