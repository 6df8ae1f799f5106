"""Whole sessions under speed limits: held, shared, changed live, scheduled, and spared."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.session.torrent import Torrent
from p2pd.swarm.bandwidth.links import wire_cost
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

COST = wire_cost("10.0.0.1")
SIZE = 24_000_000


@pytest.fixture(scope="module")
def big() -> dict[str, bytes]:
    return {"big": random.Random(5).randbytes(SIZE)}


@pytest.fixture(scope="module")
def data(big: dict[str, bytes]) -> bytes:
    return make_torrent(big, piece_length=256 * 1024)


def settle(node: SimNode, **changes: Any) -> None:
    node.network.result(node.control.change_settings(changes))


def rate(network: MemoryNetwork, torrent: Torrent, seconds: float, what: str) -> float:
    """Bytes per second on the wire, over some seconds from now."""
    before = getattr(torrent.record, what)
    network.run(seconds)
    return (getattr(torrent.record, what) - before) / seconds * COST


def test_a_download_limit_is_held(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(
        network, "10.0.0.2", speed_limit_down=1000, speed_limit_down_enabled=True
    )
    seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    assert rate(network, taken, 10, "downloaded") == pytest.approx(1_000_000, rel=0.05)
    assert rate(network, taken, 10, "downloaded") == pytest.approx(1_000_000, rel=0.05)
    assert [peer.download.window.snubbed for peer in taken.peers] == [False]


def test_an_upload_limit_is_held(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1", speed_limit_up=1000, speed_limit_up_enabled=True)
    leech = SimNode(network, "10.0.0.2")
    given = seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    assert rate(network, given, 10, "uploaded") == pytest.approx(1_000_000, rel=0.05)
    assert rate(network, given, 10, "uploaded") == pytest.approx(1_000_000, rel=0.05)
