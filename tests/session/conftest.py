"""The virtual network that sessions meet on, and data to share."""

from __future__ import annotations

import random

import pytest
from twisted.internet.task import Clock

from p2pd.testing import MemoryNetwork, SimNode
from tests.session.three_files import FILES, TORRENT


@pytest.fixture
def network() -> MemoryNetwork:
    """A network of its own for each test."""
    return MemoryNetwork(Clock())


@pytest.fixture
def contents() -> dict[str, bytes]:
    """Files that share pieces, fill pieces, and are empty."""
    rng = random.Random(7)
    return {
        "a.bin": rng.randbytes(150_000),
        "deep/b.bin": rng.randbytes(70_001),
        "deep/c.txt": b"short",
        "empty": b"",
        "z.bin": rng.randbytes(65_536),
    }


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    """Has all of `three_files`."""
    node = SimNode(network, "10.0.0.1")
    node.put(TORRENT, FILES)
    return node


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """Has nothing."""
    return SimNode(network, "10.0.0.2")
