"""What tests of p2pd, and of anything built on it, use in place of sockets, threads and a database.

`MemoryNetwork` carries streams between nodes on a virtual clock; `InlineDisk` runs disk jobs
in turn; `MemoryStore` forgets everything at the end. `SimNode` is a whole session on these, and
`ScriptedPeer` a peer that does as it is told: without a real socket and without waiting.

`SimNetwork` is a network of links with rates, delays and faults, and p2pd.testing.sim has what is
simulated on it: whole swarms of sessions, and a lighter model for thousands of nodes.
"""

from __future__ import annotations

from p2pd.testing.inline_disk import InlineDisk, OneDisk
from p2pd.testing.local_segment import LocalSegment
from p2pd.testing.memory_dht import MemoryDht, MemoryDhtNode
from p2pd.testing.memory_network import MemoryNetwork, MemoryStream, MemoryTransport
from p2pd.testing.memory_store import MemoryRemovals, MemoryStore
from p2pd.testing.nodes import DISK_SECONDS, FakeAnnouncer, SimNode
from p2pd.testing.scripted_peer import ScriptedPeer
from p2pd.testing.sim.network import Link, SimNetwork
from p2pd.testing.torrents import make_torrent, piece_bytes

__all__ = [
    "DISK_SECONDS",
    "FakeAnnouncer",
    "InlineDisk",
    "OneDisk",
    "Link",
    "LocalSegment",
    "MemoryDht",
    "MemoryDhtNode",
    "MemoryNetwork",
    "MemoryRemovals",
    "MemoryStore",
    "MemoryStream",
    "MemoryTransport",
    "ScriptedPeer",
    "SimNetwork",
    "SimNode",
    "make_torrent",
    "piece_bytes",
]
