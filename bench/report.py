"""Tables and verdicts as text, and all samples as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from bench.case import Figure, Outcome
from bench.engines.choice import REFERENCE
from bench.figures import Sample, column, ratio, spread
from bench.targets import Verdict

DISTURBED = 0.1
"""The share of the machine for other programs from which on figures are not to be trusted."""


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns: the first aligned to the left, the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def outcome_lines(outcome: Outcome) -> list[str]:
    """A case: its title, its table, and what went wrong."""
    figures = outcome.case.figures
    head = [""]
    for figure in figures:
        head += [f"{figure.title} min/med/max", "x"] if figure.compared else [figure.title]
    reference = outcome.samples.get(REFERENCE, [])
    rows = [head]
    for engine in outcome.case.engines:
        samples = outcome.samples.get(engine, [])
        if samples:
            rows.append([engine, *_cells(samples, reference, figures)])
    lines = [outcome.case.title, *table(rows)] if len(rows) > 1 else [outcome.case.title]
    lines += _noise(outcome)
    lines += [f"not measured: {words}" for words in outcome.unable]
    return [*lines, *(f"ERROR {problem}" for problem in outcome.problems)]


def _noise(outcome: Outcome) -> list[str]:
    shares = column(chain.from_iterable(outcome.samples.values()), "elsewhere")
    worst = max(shares, default=0.0)
    if worst < DISTURBED:
        return []
    return [f"NOISE other programs took up to {worst:.0%} of the machine while this was measured"]


def _cells(
    samples: Sequence[Sample], reference: Sequence[Sample], figures: Sequence[Figure]
) -> list[str]:
    cells = []
    for figure in figures:
        values, others = column(samples, figure.name), column(reference, figure.name)
        cells.append(_spread_text(values, figure.digits))
        if figure.compared:
            both = values and others
            cells.append(_ratio_text(values, others) if both else "-")
    return cells


def _spread_text(values: Sequence[float], digits: int) -> str:
    return "/".join(f"{value:.{digits}f}" for value in spread(values)) if values else "-"


def _ratio_text(values: Sequence[float], others: Sequence[float]) -> str:
    multiple = ratio(spread(values).middle, spread(others).middle)
    return f"{multiple:.2f}" if math.isfinite(multiple) else "-"


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The targets, each with what was reached."""
    return ["targets", *(verdict.line for verdict in verdicts)] if verdicts else []


def as_json(
    outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], told: dict[str, Any]
) -> dict[str, Any]:
    """Everything, with every sample."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "options": told,
        "cases": [
            {
                "work": outcome.case.work,
                "detail": outcome.case.detail,
                "samples": outcome.samples,
                "problems": outcome.problems,
            }
            for outcome in outcomes
        ],
        "targets": [
            {"where": v.where, "demanded": v.demanded, "reached": v.reached, "met": v.met}
            for v in verdicts
        ],
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file that a person can read too."""
    path.write_text(json.dumps(document, indent=1) + "\n")
