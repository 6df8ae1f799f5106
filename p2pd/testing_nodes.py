"""Nodes for tests, by their former name; see p2pd.testing."""

from __future__ import annotations

from p2pd.testing import FakeAnnouncer, ScriptedPeer, SimNode, make_torrent, piece_bytes

__all__ = ["FakeAnnouncer", "ScriptedPeer", "SimNode", "make_torrent", "piece_bytes"]
