"""The short soak of every CI: everything that ``make soak`` does, too short for a trend."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import broken_disk
from tests.torture.soak import Soak


@pytest.mark.skipif(not broken_disk.available(), reason="no gcc here")
def test_some_seconds_of_work_leave_nothing_behind(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seed=3, seconds=12, torrents=5)
    try:
        figures = soak.run()
    finally:
        soak.close()
    table = f"{figures.table(soak.scene.disk.injected)}\n{soak.measured.table()}"
    assert not figures.losses(), "\n".join([*figures.violations, table])
    assert figures.counts["acts answered"] > 5, table
    assert figures.counts["strangers"], table
