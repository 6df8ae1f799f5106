"""A node with a volume, and a seed."""

from __future__ import annotations

import pytest

from p2pd.testing import MemoryNetwork, SimNode
from tests.session.disks.volume_node import (
    DATA,
    TORRENTS,
    Node,
    Volume,
    started,
)


@pytest.fixture
def node(network: MemoryNetwork) -> Node:
    made = started(network, Volume())
    made.mount()
    return made


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    made = SimNode(network, "10.0.0.9")
    for name, torrent in TORRENTS.items():
        made.put(torrent, {"data": DATA[name]})
    return made
