"""A torrent on one of two disks, and who has it moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.moving.mover import Mover
from tests.session.three_files import PIECE
from tests.session.two_disks import disk_node, seeding


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece is a step, so that there is a middle."""
    monkeypatch.setattr("p2pd.session.moving.move_copying.STEP_BYTES", PIECE)


@pytest.fixture
def node(network: MemoryNetwork, tmp_path: Path) -> SimNode:
    """On two disks."""
    return disk_node(network, tmp_path)


@pytest.fixture
def torrent(network: MemoryNetwork, node: SimNode, tmp_path: Path) -> Torrent:
    """Complete, and seeding from the first disk."""
    return seeding(network, node, tmp_path / "one")


@pytest.fixture
def mover(network: MemoryNetwork, node: SimNode, torrent: Torrent) -> Mover:
    return Mover(network, node, torrent)
