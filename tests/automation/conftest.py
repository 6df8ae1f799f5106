"""The virtual network that sessions meet on."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from p2pd.testing import MemoryNetwork


@pytest.fixture
def network() -> MemoryNetwork:
    """A network of its own for each test."""
    return MemoryNetwork(Clock())
