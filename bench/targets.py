"""The targets of p2pd's data path, and whether the medians of a run meet them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.case import CEILING, Outcome
from bench.engines.choice import REFERENCE
from bench.engines.p2pd import P2pd
from bench.figures import column, ratio, spread

OURS = P2pd.name
FASTEST_OTHER = "the fastest other engine"
GROWTH = 1.1
"""What peak memory may be for a torrent of twice the size, in multiples."""


@dataclass(frozen=True, slots=True)
class Target:
    """p2pd's figure is at least, or at most, `bound` times the reference's; or `bound` itself."""

    work: str
    figure: str
    called: str
    at_least: bool
    bound: float
    reference: str | None = REFERENCE
    unit: str = ""

    @property
    def sentence(self) -> str:
        """What is demanded."""
        bound = f"{self.bound:g}{self.unit}"
        than = f" x {self.reference}'s" if self.reference else ""
        return f"{self.called} {'at least' if self.at_least else 'at most'} {bound}{than}"


TARGETS = (
    Target("leech", "rate", "rate", True, 1.25),
    Target("leech", "rate", "rate", True, 1.0, FASTEST_OTHER),
    Target("leech", "cpu", "CPU seconds per GiB", False, 1.0),
    Target("seed", "rate", "rate", True, 1.0, FASTEST_OTHER),
    Target("seed", "rate", "rate", True, 1.4),
    Target("seed", "cpu", "CPU seconds per GiB", False, 0.7),
    Target("many-seeds", "rate", "rate", True, 1.0),
    Target("many-leechers", "rate", "rate", True, 1.0),
    Target("leech-rc4", "rate", "rate", True, 1.0),
    Target("seed-rc4", "rate", "rate", True, 1.0),
    Target("leech-tls", "rate", "rate", True, 1.0),
    Target("seed-tls", "rate", "rate", True, 1.0),
    Target("recheck", "rate", "rate", True, 1.1),
    Target("recheck", "rate", "rate", True, 0.85, CEILING),
    Target("memory", "peak", "peak RSS", False, 1.0),
    Target("limited-swarm", "mean", "mean completion", False, 1.0),
    Target("flood", "kept", "rate kept", True, 70.0, None, " %"),
    Target("half-open", "kept", "rate kept", True, 80.0, None, " %"),
    Target("half-open", "grown", "memory that it grew by", False, 64.0, None, " MiB"),
    Target(
        "scale", "ready", "seconds from the start to the first answer", False, 1.0, "transmission"
    ),
    Target("scale", "rss_later", "RSS", False, 1.0),
    Target("scale", "idle_cpu", "idle CPU", False, 2.0, None, " %"),
    Target("listing", "all", "20 fields of all torrents", False, 1.0, "transmission"),
    Target("listing", "recent", "those active lately", False, 20.0, None, " ms"),
    Target("krpc", "krpc_per_cpu", "queries answered a second of a core", True, 1.0),
    Target("krpc", "krpc_grown", "memory that it grew by", False, 1.0, None, " MiB"),
    Target("latency", "answer_p99", "p99 from arrival to answer", False, 1.0, None, " ms"),
)
STALL_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a target is met in a case; `met` is None when it could not be judged."""

    where: str
    demanded: str
    reached: str
    met: bool | None

    @property
    def line(self) -> str:
        """One line for the report."""
        mark = {True: "met", False: "MISSED", None: "unknown"}[self.met]
        return f"{mark:8}{self.where}: {self.demanded}; {self.reached}"


def judge(target: Target, outcome: Outcome) -> Verdict:
    """Judge one target by the medians of one case."""
    medians = _medians(outcome, target.figure)
    ours = medians.pop(OURS, None)
    if ours is None:
        return Verdict(outcome.case.title, target.sentence, "p2pd was not measured", None)
    if target.reference is None:
        met = ours >= target.bound if target.at_least else ours <= target.bound
        reached = f"it is {ours:.3g}{target.unit}"
        return Verdict(outcome.case.title, target.sentence, reached, met)
    reference = _reference(target, medians)
    if reference is None:
        reached = f"{target.reference} was not measured"
        return Verdict(outcome.case.title, target.sentence, reached, None)
    multiple = ratio(ours, reference)
    met = multiple >= target.bound if target.at_least else multiple <= target.bound
    return Verdict(outcome.case.title, target.sentence, f"it is {multiple:.2f} x", met)


def _medians(outcome: Outcome, figure: str) -> dict[str, float]:
    found = {name: column(samples, figure) for name, samples in outcome.samples.items()}
    return {name: spread(values).middle for name, values in found.items() if values}


def _reference(target: Target, medians: dict[str, float]) -> float | None:
    if target.reference == FASTEST_OTHER:
        return max((v for name, v in medians.items() if name != CEILING), default=None)
    return medians.get(target.reference or "")


def judge_all(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Every target that these cases have something to do with."""
    verdicts = [
        judge(target, outcome)
        for outcome in outcomes
        for target in TARGETS
        if target.work == outcome.case.work and _is_measured(target, outcome)
    ]
    return verdicts + _judge_growth(outcomes) + _judge_stalls(outcomes)


def _is_measured(target: Target, outcome: Outcome) -> bool:
    """Whether the case has to do with it: some works have cases of several kinds."""
    return any(figure.name == target.figure for figure in outcome.case.figures)


def _judge_growth(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Peak memory of the larger torrent by that of the smaller one: cases in that order."""
    memory = [outcome for outcome in outcomes if outcome.case.work == "memory"]
    peaks = [_medians(outcome, "peak").get(OURS) for outcome in memory]
    demanded = f"peak RSS at most {GROWTH:g} x that of a torrent of half the size"
    if len(peaks) != 2:
        return []
    small, large = peaks
    if small is None or large is None:
        return [Verdict("memory", demanded, "p2pd was not measured", None)]
    growth = ratio(large, small)
    return [Verdict("memory", demanded, f"it is {growth:.2f} x", growth <= GROWTH)]


def _judge_stalls(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """The one longest stall of all runs of p2pd in all works."""
    stalls = [
        (sample["stall"], outcome.case.title)
        for outcome in outcomes
        for sample in outcome.samples.get(OURS, ())
        if "stall" in sample
    ]
    if not stalls:
        return []
    worst, where = max(stalls)
    demanded = f"worst stall of the reactor below {STALL_LIMIT:g} ms"
    reached = f"it is {worst:.1f} ms, in {where}"
    return [Verdict("all works", demanded, reached, worst < STALL_LIMIT)]
