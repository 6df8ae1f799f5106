"""Three of ten send bad blocks: the others complete, the three are banned, and nobody else is."""

from __future__ import annotations

import pytest

from bench.sim.scenarios import Size, malicious
from p2pd.testing.sim.conduct import Conduct


@pytest.mark.parametrize("conduct", [Conduct.SPOILER, Conduct.POISONER])
def test_who_sends_bad_blocks_is_banned_and_costs_little(conduct: Conduct) -> None:
    verdict = malicious(Size(10, pieces=60, seed=1), conduct=conduct)
    assert verdict.passed, verdict.text()
