"""What the signatures of torrents in a session are worth (BEP 35): running, at rest, handed out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from p2pd.formats.metainfo import parse_torrent, to_torrent
from p2pd.formats.x509.swarm_ca import new_ca
from p2pd.formats.x509.torrent_signing import sign
from p2pd.session.api import TorrentView
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

DATA = b"x" * 50_000
BEGIN = datetime.fromtimestamp(1_700_000_000, UTC) - timedelta(days=1)
UNSIGNED = make_torrent({"data": DATA})


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, x509.Certificate]:
    certificate, key = new_ca("org.example", 3, BEGIN)
    return sign(UNSIGNED, certificate, key), certificate


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    return SimNode(network, "10.0.0.1")


def told(network: MemoryNetwork, node: SimNode) -> list[tuple[str, bool, bool]]:
    found = node.control.find(1)
    assert found is not None
    detailed: TorrentView = network.result(node.control.detailed(found))
    return [(each.name, each.valid, each.trusted) for each in detailed.signatures]


def test_who_signed_a_torrent_is_told_and_whether_he_is_trusted(
    network: MemoryNetwork, node: SimNode, signed: Any
) -> None:
    torrent, certificate = signed
    node.add(torrent)
    assert told(network, node) == [("org.example", True, False)]
    node.control.detailing.trust_signers([certificate])
    assert told(network, node) == [("org.example", True, True)]
    network.run(4 * 86_400)
    assert told(network, node) == [("org.example", True, False)]


def test_of_a_torrent_at_rest_it_is_told_too(
    network: MemoryNetwork, node: SimNode, signed: Any
) -> None:
    added = node.put(signed[0], {"data": DATA})
    network.run(200)
    assert added.resting
    assert told(network, node) == [("org.example", True, False)]
    assert added.resting


def test_a_torrent_keeps_its_signatures(network: MemoryNetwork, node: SimNode, signed: Any) -> None:
    torrent, _ = signed
    node.put(torrent, {"data": DATA})
    found = node.control.find(1)
    assert found is not None
    exported = network.result(node.control.metainfo(found))
    assert exported is not None
    assert parse_torrent(to_torrent(exported)).signatures == parse_torrent(torrent).signatures
    again = SimNode(network, "10.0.0.1", store=node.store, disk=node.disk)
    network.run(5)
    assert told(network, again) == [("org.example", True, False)]


def test_one_that_is_not_signed_costs_nothing_and_one_that_is_wrong_is_told(
    network: MemoryNetwork, node: SimNode, signed: Any
) -> None:
    node.add(UNSIGNED)
    assert told(network, node) == []
    signature = parse_torrent(signed[0]).signatures[0]
    other = SimNode(network, "10.0.0.2")
    from dataclasses import replace

    wrong = replace(parse_torrent(make_torrent({"data": b"y" * 50_000})), signatures=(signature,))
    other.add(to_torrent(wrong))
    assert told(network, other) == [("org.example", False, False)]
