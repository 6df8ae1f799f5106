"""How new torrents spread: the targets of `make sim`, held by small swarms on every run."""

from __future__ import annotations

import pytest

from bench.sim.scenarios import KIB, Size, flash_crowd, seed_leaves, stalling, super_seeding
from bench.sim.verdict import Verdict


def figure(verdict: Verdict, name: str) -> float:
    return next(figure.value for figure in verdict.figures if figure.name == name)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_crowd_completes_soon_after_its_seed_could_have_sent_one_copy(seed: int) -> None:
    verdict = flash_crowd(Size(10, pieces=100, piece=32 * KIB, seed=seed))
    assert verdict.passed, verdict.text()
    assert figure(verdict, "copies sent by the seed") < 1.15


def test_the_end_game_wastes_less_than_a_hundredth() -> None:
    verdict = flash_crowd(Size(6, pieces=250, piece=32 * KIB))
    assert figure(verdict, "bytes in vain to bytes wanted") < 0.01


def test_a_swarm_completes_whose_seed_left_after_little_more_than_a_copy() -> None:
    verdict = seed_leaves(Size(8, pieces=60, piece=32 * KIB, limit=200.0))
    assert verdict.passed, verdict.text()


def test_a_seed_sends_little_more_than_a_copy_until_the_swarm_has_one() -> None:
    verdict = super_seeding(Size(10, pieces=60, piece=32 * KIB))
    assert verdict.passed, verdict.text()


def test_peers_that_are_silent_hold_nobody_up() -> None:
    verdict = stalling(Size(10, pieces=140, piece=32 * KIB))
    assert verdict.passed, verdict.text()
