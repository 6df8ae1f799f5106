"""The short run of every CI: a few lives and deaths by a fixed seed (``make torture`` has many)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import broken_disk
from tests.torture.run import RunOptions, TortureRun


@pytest.mark.skipif(not broken_disk.available(), reason="no gcc here")
def test_ten_kills_cost_nothing(tmp_path: Path) -> None:
    with TortureRun(tmp_path, RunOptions(seed=5, kills=10, torrents=6, seconds=60)) as run:
        figures = run.run()
    table = figures.table(run.disk.injected)
    assert not figures.losses(), "\n".join([*figures.violations, table])
    assert figures.kills.total() >= 3, table
    assert figures.counts["pieces checked"] > 100, table
