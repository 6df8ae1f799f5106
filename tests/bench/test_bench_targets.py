"""Targets are judged by the medians, and an absent engine is no verdict."""

from __future__ import annotations

from bench.case import CEILING, PEAK, RATE, Case, Outcome
from bench.figures import Sample
from bench.targets import FASTEST_OTHER, Target, judge, judge_all


def outcome(work: str, **figures: list[Sample]) -> Outcome:
    """A case with these samples; ``_`` in a name stands for a blank or a hyphen."""
    names = {"ceiling": CEILING}
    samples = {names.get(name, name): values for name, values in figures.items()}
    case = Case(work, "some size", tuple(samples), (RATE, PEAK), lambda engine: {})
    return Outcome(case, samples)


def rates(*values: float) -> list[Sample]:
    return [{"rate": value} for value in values]


def test_the_medians_decide_not_the_best_runs() -> None:
    target = Target("leech", "rate", "rate", True, 1.25)
    measured = outcome("leech", p2pd=rates(100, 120, 900), libtorrent=rates(100, 100, 10))
    verdict = judge(target, measured)
    assert verdict.met is False
    assert verdict.line == (
        "MISSED  leech, some size: rate at least 1.25 x libtorrent's; it is 1.20 x"
    )


def test_a_target_of_at_most_is_met_from_below() -> None:
    target = Target("seed", "cpu", "CPU", False, 0.7)
    measured = outcome("seed", p2pd=[{"cpu": 0.7}], libtorrent=[{"cpu": 1.0}])
    assert judge(target, measured).met is True
    measured = outcome("seed", p2pd=[{"cpu": 0.71}], libtorrent=[{"cpu": 1.0}])
    assert judge(target, measured).met is False


def test_the_fastest_other_engine_is_neither_p2pd_nor_the_ceiling() -> None:
    target = Target("leech", "rate", "rate", True, 1.0, FASTEST_OTHER)
    measured = outcome(
        "leech", p2pd=rates(100), libtorrent=rates(80), aria2=rates(95), ceiling=rates(900)
    )
    verdict = judge(target, measured)
    assert verdict.met is True
    assert verdict.reached == "it is 1.05 x"


def test_what_was_not_measured_is_unknown_and_not_missed() -> None:
    target = Target("leech", "rate", "rate", True, 1.0)
    assert judge(target, outcome("leech", libtorrent=rates(1))).met is None
    verdict = judge(target, outcome("leech", p2pd=rates(1)))
    assert verdict.met is None
    assert verdict.reached == "libtorrent was not measured"


def test_a_bound_without_a_reference_is_absolute() -> None:
    target = Target("latency", "answer_p99", "p99", False, 1.0, None, " ms")
    verdict = judge(target, outcome("latency", p2pd=[{"answer_p99": 0.5}]))
    assert verdict.met is True
    assert (verdict.demanded, verdict.reached) == ("p99 at most 1 ms", "it is 0.5 ms")


def test_memory_may_not_grow_with_the_size_of_the_torrent() -> None:
    small = outcome("memory", p2pd=[{"peak": 60.0}], libtorrent=[{"peak": 60.0}])
    large = outcome("memory", p2pd=[{"peak": 90.0}], libtorrent=[{"peak": 90.0}])
    verdicts = judge_all([small, large])
    assert [verdict.met for verdict in verdicts] == [True, True, False]
    assert verdicts[-1].reached == "it is 1.50 x"


def test_the_worst_stall_of_all_runs_counts() -> None:
    quiet = outcome("leech", p2pd=[{"stall": 3.0}])
    loud = outcome("seed", p2pd=[{"stall": 5.0}, {"stall": 100.0}])
    verdict = judge_all([quiet, loud])[-1]
    assert verdict.met is False
    assert verdict.reached == "it is 100.0 ms, in seed, some size"


def test_only_the_works_that_ran_are_judged() -> None:
    recheck = outcome("recheck", p2pd=rates(90), libtorrent=rates(60), ceiling=rates(100))
    verdicts = judge_all([recheck])
    assert [verdict.met for verdict in verdicts] == [True, True]
    assert verdicts[1].demanded == "rate at least 0.85 x SHA-1 ceiling's"
