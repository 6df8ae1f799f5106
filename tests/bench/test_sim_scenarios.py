"""The scenarios of `make sim`, small: they run, say what came out, and can miss their targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.sim.__main__ import main
from bench.sim.crowds import arrivals, leaving_crowd, light_crowd
from bench.sim.plots import draw
from bench.sim.programme import PROGRAMME, SLOW
from bench.sim.scenarios import (
    KIB,
    Size,
    flash_crowd,
    free_riders,
    malicious,
    rough,
    seed_leaves,
    stalling,
    super_seeding,
)
from bench.sim.verdict import Figure, Verdict
from p2pd.session.torrents.torrent import Torrent

SMALL = Size(8, pieces=16, piece=32 * KIB)


def figure(verdict: Verdict, name: str) -> float:
    return next(figure.value for figure in verdict.figures if figure.name == name)


def test_a_flash_crowd_takes_longer_than_the_bound_and_completes() -> None:
    verdict = flash_crowd(SMALL)
    assert 1.0 <= figure(verdict, "mean completion to the bound") < 4.0
    assert figure(verdict, "copies sent by the seed") >= 1.0
    assert "flash crowd of 8" in verdict.text()


def test_free_riders_are_held_against_contributors() -> None:
    verdict = free_riders(Size(20, pieces=16, piece=32 * KIB), arrivals=40.0)
    assert figure(verdict, "free riders' mean time to contributors'") > 0.5
    assert figure(verdict, "contributors' mean time") > 5.0


def test_a_seed_that_stays_longer_than_it_must_leaves_a_whole_swarm() -> None:
    verdict = seed_leaves(Size(4, pieces=16, piece=32 * KIB, limit=200.0), copies=4.0)
    assert figure(verdict, "share that completes") == 1.0
    assert figure(verdict, "copies of the rarest piece at the end") >= 4


def test_a_seed_that_leaves_at_once_leaves_nobody_complete() -> None:
    verdict = seed_leaves(Size(4, pieces=16, piece=32 * KIB, limit=60.0), copies=0.1)
    assert figure(verdict, "share that completes") == 0.0
    assert not verdict.passed


def test_what_a_seed_sends_is_counted_until_there_is_a_copy() -> None:
    prepared: list[Torrent] = []
    verdict = super_seeding(SMALL, prepare=prepared.append)
    assert len(prepared) == 1
    assert 1.0 <= figure(verdict, "copies sent by the seed") < 4.0


def test_honest_nodes_complete_among_malicious_ones() -> None:
    verdict = malicious(SMALL)
    assert figure(verdict, "share of the honest that completes") == 1.0
    assert figure(verdict, "honest nodes banned by anybody") == 0.0


def test_nodes_complete_among_silent_ones() -> None:
    verdict = stalling(SMALL)
    assert figure(verdict, "share that completes") == 1.0
    assert figure(verdict, "mean time to that without them") < 4.0


def test_a_rough_swarm_completes() -> None:
    assert figure(rough(SMALL), "share that completes") == 1.0


def test_the_lighter_model_has_the_same_figures() -> None:
    verdict = light_crowd(Size(30, pieces=16, piece=32 * KIB))
    assert 1.0 <= figure(verdict, "mean completion to the bound") < 3.0


def test_a_crowd_whose_leechers_leave_when_they_are_done_completes() -> None:
    verdict = leaving_crowd(SMALL)
    assert figure(verdict, "share that completes") == 1.0
    assert figure(verdict, "mean completion to the bound") >= 1.0


def test_those_that_stay_are_faster_than_the_bound_of_those_that_leave() -> None:
    verdict = arrivals(Size(20, pieces=16, piece=32 * KIB), spread=60.0)
    left = figure(verdict, "mean, when they leave, to the bound")
    assert figure(verdict, "mean, when they stay, to the same") < left
    assert verdict.bound is not None
    assert 0 < verdict.bound < 8.0


def test_a_scenario_that_takes_too_long_misses_its_target() -> None:
    verdict = Verdict("long", "about", most_cpu=60.0)
    verdict.took(seconds=100.0, cpu=59.0)
    assert verdict.passed
    slower = Verdict("longer", "about", most_cpu=60.0)
    slower.took(seconds=61.0, cpu=61.0)
    assert not slower.passed


@pytest.mark.parametrize(
    ("figure", "passed"),
    [
        (Figure("x", 1.0), True),
        (Figure("x", 1.0, most=1.0), True),
        (Figure("x", 1.1, most=1.0), False),
        (Figure("x", 2.0, least=2.0), True),
        (Figure("x", float("inf"), most=3.0), False),
        (Figure("x", 1.9, least=2.0), False),
    ],
)
def test_a_figure_is_held_against_its_bounds(figure: Figure, passed: bool) -> None:
    assert figure.passed is passed
    assert ("MISSED" in figure.line()) is not passed


def test_an_unknown_scenario_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--only", "nonsense", "--out", str(tmp_path)]) == 2
    assert "nonsense" in capsys.readouterr().out


def test_a_run_leaves_a_report_and_fails_when_a_target_is_missed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sim.__main__.draw", lambda verdict, folder: None)
    sound = Verdict("sound", "about", [Figure("x", 1.0, most=2.0)])
    monkeypatch.setitem(PROGRAMME, "sound", lambda seed: sound)
    sad = Verdict("sad", "about", [Figure("x", 3.0, most=2.0)])
    monkeypatch.setitem(PROGRAMME, "sad", lambda seed: sad)
    assert main(["--only", "sound", "--out", str(tmp_path)]) == 0
    assert main(["--only", "sound,sad", "--out", str(tmp_path)]) == 1
    assert "1 of 2 reach" in capsys.readouterr().out
    report = (tmp_path / "report.txt").read_text()
    assert "ok     sound" in report
    assert "MISSED sad" in report
    assert "sad" in (tmp_path / "index.html").read_text()


def test_slow_scenarios_run_when_all_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(PROGRAMME) > SLOW
    ran: list[int] = []

    def note(seed: int) -> Verdict:
        ran.append(seed)
        return Verdict("noted", "about", [Figure("x", 1.0, most=2.0)])

    monkeypatch.setattr("bench.sim.__main__.PROGRAMME", {"flash-10": note, "flash-200": note})
    monkeypatch.setattr("bench.sim.__main__.draw", lambda verdict, folder: None)
    assert main(["--seed", "1", "--out", str(tmp_path)]) == 0
    assert main(["--seed", "2", "--all", "--out", str(tmp_path)]) == 0
    assert main(["--seed", "3", "--only", "flash-200", "--out", str(tmp_path)]) == 0
    assert ran == [1, 2, 2, 3]


def test_plots_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = draw(light_crowd(Size(10, pieces=8, piece=16 * KIB)), tmp_path)
    assert path is not None
    assert path.read_text().startswith("<?xml")


def test_swarms_in_which_nobody_completed_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    few = Size(2, pieces=8, piece=16 * KIB, limit=3.0)
    assert draw(malicious(few), tmp_path) is not None
    assert draw(Verdict("nothing", "ran"), tmp_path) is not None
