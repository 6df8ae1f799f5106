"""To which torrents a way leads: who comes by another is told nothing, and nobody is greeted."""

from __future__ import annotations

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.session.connecting.admission import IN_THE_CLEAR, Entry, Way
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

TORRENT = make_torrent({"data": bytes(range(256)) * 640}, piece_length=16 * 1024)
HASHES = parse_torrent(TORRENT).info_hashes


class OfAWay:
    """A torrent whose peers are reached by this way."""

    info_hashes = HASHES
    uses_dht = False

    def __init__(self, way: Way) -> None:
        self.way = way


def test_a_way_leads_to_torrents_of_that_way() -> None:
    for way in Way:
        assert IN_THE_CLEAR.leads_to(OfAWay(way)) is (way is Way.OPEN)


@pytest.mark.parametrize("way", [Way.TLS, Way.SECRET])
def test_a_way_that_proves_a_torrent_leads_to_that_one_alone(way: Way) -> None:
    torrent, other = OfAWay(way), OfAWay(way)
    proved = Entry(way, encrypted=True, torrent=torrent)
    assert proved.leads_to(torrent)
    assert not proved.leads_to(other)
    assert not Entry(way, encrypted=True).leads_to(torrent), "nothing is proved"
    assert not proved.leads_to(OfAWay(Way.OPEN))


def test_who_comes_in_the_clear_is_told_nothing_of_a_torrent_that_needs_more(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    monkeypatch.setattr(Torrent, "way", Way.TLS)
    peer = ScriptedPeer(network, "10.0.0.2", HASHES.wire_ids[0])
    peer.dial(node.address)
    assert peer.closed is not None
    assert not peer.received
    assert not torrent.connected
    assert node.session.connections.failed == {HandshakeEnd.OTHER_TORRENT: 1}


@pytest.mark.parametrize("encryption", ["off", "required"])
def test_nobody_is_greeted_in_the_clear_for_a_torrent_that_needs_more(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, encryption: str
) -> None:
    node = SimNode(network, "10.0.0.1", encryption=encryption)
    torrent = node.add(TORRENT)
    monkeypatch.setattr(Torrent, "way", Way.TLS)
    peer = ScriptedPeer(network, "10.0.0.2", HASHES.wire_ids[0])
    node.connect(torrent, peer.listen())
    network.run(1.0)
    assert not peer.received
    assert not torrent.connected
    assert node.session.connections.total == 0
