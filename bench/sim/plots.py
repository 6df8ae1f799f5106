"""Plots of a scenario, as SVG: who completed when, who gave how much, and what there was of pieces.

matplotlib is the extra `sim`; without it there are figures, and no plots.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bench.sim.verdict import Verdict
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.outcome import SwarmOutcome

INCHES = (13, 3.6)


def draw(verdict: Verdict, folder: Path) -> Path | None:
    """The three plots of one scenario in one file; None when there is nothing to draw with."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "p2pd"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=INCHES, layout="constrained")
    figure.suptitle(verdict.name)
    for name, outcome in verdict.outcomes.items():
        _completion(panels[0], name, outcome)
        _contribution(panels[1], name, outcome)
        _availability(panels[2], name, outcome)
    for panel in panels:
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize="small")
    path = folder / f"{re.sub('[^a-z0-9]+', '-', verdict.name.lower()).strip('-')}.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _completion(panel: Any, name: str, outcome: SwarmOutcome) -> None:
    """The share of leechers that were done, over time."""
    for conduct in (Conduct.HONEST, Conduct.FREE_RIDER):
        count, times = len(outcome.leechers(conduct)), outcome.times(conduct)
        if count:
            shares = [done / count for done in range(len(times) + 1)]
            label = name if conduct is Conduct.HONEST else f"{name}, {conduct.value}s"
            panel.step([0.0, *times], shares, where="post", label=label)
    panel.set(xlabel="seconds since it joined", ylabel="share complete", ylim=(0, 1.02))


def _contribution(panel: Any, name: str, outcome: SwarmOutcome) -> None:
    """Copies that each node sent, most first; seeds marked."""
    nodes = sorted(outcome.nodes, key=lambda node: -node.uploaded)
    copies = [node.uploaded / outcome.size for node in nodes]
    panel.plot(range(1, len(nodes) + 1), copies, marker=".", linestyle="none", label=name)
    seeds = [place for place, node in enumerate(nodes, 1) if node.seed]
    panel.plot(seeds, [copies[place - 1] for place in seeds], marker="x", linestyle="none")
    panel.set(xlabel="nodes, by what they sent (x: had all from the start)", ylabel="copies sent")


def _availability(panel: Any, name: str, outcome: SwarmOutcome) -> None:
    """Copies of the rarest piece, and of a piece on the average, over time."""
    at = [sample.at for sample in outcome.samples]
    (line,) = panel.plot(at, [sample.average for sample in outcome.samples], label=name)
    rarest = [sample.rarest for sample in outcome.samples]
    panel.plot(at, rarest, linestyle="--", color=line.get_color(), label=f"{name}, rarest")
    panel.set(xlabel="seconds", ylabel="nodes that have a piece")
