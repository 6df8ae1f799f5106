"""Plots of a scenario, as SVG: who completed when, who gave how much, and what there was of pieces.

matplotlib is the extra `sim`; without it there are figures, and no plots.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Sequence

from bench.sim.verdict import Panel, Verdict
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.outcome import NodeOutcome, SwarmOutcome

INCHES = (13, 4.2)

SETTINGS = {
    "svg.hashsalt": "p2pd",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "legend.fontsize": "small",
    "legend.framealpha": 0.85,
}

SEED, LEECHERS = "seed", "leechers"

MARKERS = {SEED: ("*", 10), LEECHERS: (".", 6)}
"""Their forms and sizes in points; other conducts are crosses."""


def draw(verdict: Verdict, folder: Path) -> Path | None:
    """The plots of one scenario in one file; None when there is nothing to draw with."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context(SETTINGS):
        count = len(verdict.panels) or 3
        figure, axes = pyplot.subplots(1, count, figsize=INCHES, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.15)
        figure.suptitle(f"{verdict.name}\n{verdict.about}", fontsize="medium")
        if verdict.panels:
            _plain(figure.axes, verdict.panels)
        else:
            _swarms(axes, verdict)
        path = folder / f"{re.sub('[^a-z0-9]+', '-', verdict.name.lower()).strip('-')}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
    return path


def _plain(axes: Sequence[Any], panels: Sequence[Panel]) -> None:
    for at, panel in zip(axes, panels, strict=True):
        for name, points in panel.lines.items():
            at.plot(*zip(*points, strict=True), marker=".", label=name)
        at.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
        if panel.logarithmic:
            at.set_xscale("log")
        at.set_ylim(bottom=0)
        at.grid(alpha=0.3)
        if len(panel.lines) > 1:
            at.legend()


def _swarms(panels: Sequence[Any], verdict: Verdict) -> None:
    several = len(verdict.outcomes) > 1
    for number, (name, outcome) in enumerate(verdict.outcomes.items()):
        prefix, color = f"{name}: " if several else "", f"C{number}"
        _completion(panels[0], prefix, outcome, color)
        _contribution(panels[1], prefix, outcome, color)
        _availability(panels[2], prefix, outcome, color)
    if verdict.bound is not None:
        panels[0].axvline(verdict.bound, color="0.4", linestyle=":", label="fluid bound")
    _finish(panels)


def _finish(panels: Sequence[Any]) -> None:
    """What the axes are, and where they begin."""
    completion, contribution, availability = panels
    completion.set(title="Completion", xlabel="time since joining (s)", ylabel="leechers done (%)")
    contribution.set(
        title="Upload contribution", xlabel="nodes, the most generous first",
        ylabel="sent (copies of the torrent)",
    )  # fmt: skip
    availability.set(
        title="Piece availability", xlabel="time (s)", ylabel="honest nodes that have a piece"
    )
    for panel in panels:
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0, top=1.03 * panel.get_ylim()[1])
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend()
    completion.set_ylim(0, 103)
    for axis in (contribution.xaxis, availability.yaxis):
        axis.get_major_locator().set_params(integer=True)


def _completion(panel: Any, prefix: str, outcome: SwarmOutcome, color: str) -> None:
    """The share of leechers that were done, over time."""
    for conduct, line in ((Conduct.HONEST, "-"), (Conduct.FREE_RIDER, "--")):
        count, times = len(outcome.leechers(conduct)), outcome.times(conduct)
        if count:
            shares = [100 * done / count for done in range(len(times) + 1)]
            label = prefix + (LEECHERS if conduct is Conduct.HONEST else f"{conduct.value}s")
            panel.step([0.0, *times], shares, where="post", label=label, color=color, ls=line)


def _contribution(panel: Any, prefix: str, outcome: SwarmOutcome, color: str) -> None:
    """Copies that each node sent, most first; what is not an honest leecher is marked."""
    nodes = sorted(outcome.nodes, key=lambda node: -node.uploaded)
    places: dict[str, list[tuple[int, float]]] = {}
    for place, node in enumerate(nodes, 1):
        places.setdefault(_kind(node), []).append((place, node.uploaded / outcome.size))
    for kind, points in sorted(places.items()):
        marker, size = MARKERS.get(kind, ("x", 6))
        panel.plot(
            *zip(*points, strict=True), marker=marker, ms=size, ls="none", color=color,
            label=prefix + kind,
        )  # fmt: skip


def _kind(node: NodeOutcome) -> str:
    if node.conduct is not Conduct.HONEST:
        return f"{node.conduct.value}s"
    return SEED if node.seed else LEECHERS


def _availability(panel: Any, prefix: str, outcome: SwarmOutcome, color: str) -> None:
    """Copies of the rarest piece, and of a piece on the average, over time."""
    at = [sample.at for sample in outcome.samples]
    average = [sample.average for sample in outcome.samples]
    rarest = [sample.rarest for sample in outcome.samples]
    panel.plot(at, average, color=color, label=f"{prefix}average piece")
    panel.plot(at, rarest, color=color, ls="--", label=f"{prefix}rarest piece")
