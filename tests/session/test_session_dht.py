"""Torrents in the DHT: who is looked up and announced, when, and what becomes of what is found."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import IS_PRIVATE, SourceReport
from p2pd.formats.creator import CreationError
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.handshake import Handshake
from p2pd.session.discovering.dht_source import (
    IS_OFF,
    MOST_FOUND,
    MOST_NAMED,
    NOT_THERE,
)
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.lookup_schedule import Need
from p2pd.testing import (
    MemoryDht,
    MemoryDhtNode,
    MemoryNetwork,
    ScriptedPeer,
    SimNode,
    make_torrent,
)
from tests.session.small_hybrid import FILES as HYBRID_FILES
from tests.session.small_hybrid import TORRENT as HYBRID
from tests.session.three_files import FILES, TORRENT

HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
MAGNET = f"magnet:?xt=urn:btih:{HASH.hex()}"
PRIVATE = make_torrent({"p.bin": b"p" * 50_000}, private=True)
MINUTE = 60.0


@pytest.fixture
def dht(network: MemoryNetwork) -> MemoryDht:
    """One for all sessions."""
    return MemoryDht(network.clock)


@pytest.fixture
def way(dht: MemoryDht) -> MemoryDhtNode:
    """The node's way to it."""
    return dht.at("10.0.0.2")


@pytest.fixture
def node(network: MemoryNetwork, way: MemoryDhtNode) -> SimNode:
    """Has nothing but the DHT."""
    return SimNode(network, "10.0.0.2", dht=way)


@pytest.fixture
def seed(network: MemoryNetwork, dht: MemoryDht) -> SimNode:
    """Has all of `three_files`, and announced it."""
    node = SimNode(network, "10.0.0.1", dht=dht.at("10.0.0.1"))
    node.put(TORRENT, FILES)
    network.run(1.0)
    return node


def report(torrent: Torrent) -> SourceReport:
    """What the DHT says of itself for a torrent."""
    return next(report for report in torrent.sources() if report.name == "dht")


class TestFinding:
    def test_a_magnet_needs_nothing_else(
        self, network: MemoryNetwork, node: SimNode, seed: SimNode
    ) -> None:
        torrent = node.add(MAGNET)
        network.run_until(torrent.is_complete)
        assert report(torrent).found == 1

    def test_what_is_told_of_it(self, network: MemoryNetwork, node: SimNode, seed: SimNode) -> None:
        before = node.session.wall()
        torrent = node.add(MAGNET)
        assert report(torrent).next_at is None
        network.run_until(torrent.is_complete)
        told = report(torrent)
        assert (told.enabled, told.why_not, told.error, told.found) == (True, "", "", 1)
        assert told.last_at is not None
        assert before < told.last_at <= node.session.wall()
        assert told.next_at is not None
        assert told.next_at > node.session.wall()

    def test_both_ids_of_a_hybrid_are_announced(
        self, network: MemoryNetwork, dht: MemoryDht, node: SimNode
    ) -> None:
        node.put(HYBRID, HYBRID_FILES)
        network.run(1.0)
        assert set(dht.peers) == set(parse_torrent(HYBRID).info_hashes.wire_ids)
        assert all(peers == {node.address: True} for peers in dht.peers.values())

    def test_a_download_says_that_it_is_no_seed(
        self, network: MemoryNetwork, dht: MemoryDht, node: SimNode
    ) -> None:
        node.add(TORRENT)
        network.run(1.0)
        assert dht.peers[HASH] == {node.address: False}

    def test_one_answer_cannot_flood_a_torrent(
        self, network: MemoryNetwork, dht: MemoryDht, node: SimNode
    ) -> None:
        dht.peers[HASH] = {PeerAddress(f"10.1.{n >> 8}.{n & 255}", 1): False for n in range(5000)}
        torrent = node.add(TORRENT)
        network.run(0.5)
        assert report(torrent).found == MOST_FOUND


class TestWhen:
    def test_without_peers_it_is_looked_up_sooner_than_a_seed(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        node.add(TORRENT)
        node.put(make_torrent({"s": b"s" * 1000}), {"s": b"s" * 1000})
        network.run(20 * MINUTE)
        wanted = [asked.at for asked in way.asked if asked.info_hash == HASH]
        assert len(wanted) >= 4
        assert wanted[1] - wanted[0] < 1.2 * Need.PEERS.first
        assert len(way.asked) - len(wanted) == 1

    def test_a_client_can_ask_for_it(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        torrent = node.add(TORRENT)
        network.run(1.0)
        torrent.trackers.reannounce()
        network.run(1.0)
        assert len(way.asked) == 2

    def test_when_no_node_answers_it_says_so_and_tries_again(
        self, network: MemoryNetwork, node: SimNode, dht: MemoryDht, way: MemoryDhtNode
    ) -> None:
        dht.reachable = False
        torrent = node.add(TORRENT)
        network.run(1.0)
        assert report(torrent).error == "no node answered"
        dht.reachable = True
        network.run(MINUTE)
        assert report(torrent).error == ""
        assert len(way.asked) == 2

    def test_after_a_start_many_are_announced_a_few_at_a_time(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        for number in range(60):
            node.add(make_torrent({f"{number}": b"%d" % number}))
        network.run(MINUTE)
        assert len({asked.info_hash for asked in way.asked}) == 60
        assert way.most_at_once < 30


class TestWhoIsNot:
    def test_private_torrents(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        torrent = node.add(PRIVATE)
        network.run(60 * MINUTE)
        assert way.asked == []
        assert (report(torrent).enabled, report(torrent).why_not) == (False, IS_PRIVATE)

    def test_a_magnet_that_turns_out_to_be_private(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        seed = SimNode(network, "10.0.0.1")
        seed.put(PRIVATE, {"p.bin": b"p" * 50_000})
        ids = parse_torrent(PRIVATE).info_hashes
        torrent = node.add(f"magnet:?xt=urn:btih:{ids.hash_string}")
        node.connect(torrent, seed.address)
        network.run_until(torrent.is_complete)
        asked = len(way.asked)
        network.run(60 * MINUTE)
        assert len(way.asked) == asked == 1

    def test_stopped_ones(self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode) -> None:
        torrent = node.add(TORRENT)
        network.run(0.1)
        network.result(torrent.stop())
        network.run(60 * MINUTE)
        assert (len(way.asked), way.cancelled) == (1, 1)
        network.result(torrent.start())
        network.run(1.0)
        assert len(way.asked) == 2

    def test_removed_ones(self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode) -> None:
        torrent = node.add(TORRENT)
        network.run(0.1)
        network.result(node.session.remove(torrent, delete_data=False))
        network.run(60 * MINUTE)
        assert (len(way.asked), way.cancelled) == (1, 1)

    def test_nobody_when_the_session_ends(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        node.add(TORRENT)
        network.run(0.1)
        node.stop()
        network.run(60 * MINUTE)
        assert (len(way.asked), way.cancelled) == (1, 1)

    def test_a_session_without_one(self, network: MemoryNetwork) -> None:
        torrent = SimNode(network, "10.0.0.3").add(TORRENT)
        assert (report(torrent).enabled, report(torrent).why_not) == (False, NOT_THERE)


class TestTheSwitch:
    def test_off_means_that_nobody_is_asked(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        torrent = node.add(TORRENT)
        network.run(0.1)
        network.result(node.control.change_settings({"dht_enabled": False}))
        network.run(60 * MINUTE)
        assert (len(way.asked), way.cancelled) == (1, 1)
        assert not way.enabled
        assert (report(torrent).enabled, report(torrent).why_not) == (False, IS_OFF)

    def test_on_again_all_are_looked_up(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        node.add(TORRENT)
        network.result(node.control.change_settings({"dht_enabled": False}))
        network.run(MINUTE)
        asked = len(way.asked)
        network.result(node.control.change_settings({"dht_enabled": True}))
        network.run(1.0)
        assert len(way.asked) == asked + 1

    def test_other_settings_have_nobody_asked_again(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        node.add(TORRENT)
        network.run(1.0)
        network.result(node.control.change_settings({"upload_slots": 3}))
        network.run(1.0)
        assert len(way.asked) == 1


class TestAtRest:
    def resting(self, network: MemoryNetwork, node: SimNode) -> Torrent:
        torrent = node.put(TORRENT, FILES)
        network.run(2 * REST_SECONDS)
        assert torrent.resting
        return torrent

    def test_it_is_announced_and_goes_on_resting(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode, dht: MemoryDht
    ) -> None:
        torrent = self.resting(network, node)
        dht.peers[HASH][PeerAddress("10.9.9.9", 1)] = False
        node.session.connections.reached_at["ipv4"] = node.session.wall()
        network.run(60 * MINUTE)
        assert len(way.asked) >= 3
        assert not torrent.has_parts

    def test_who_cannot_be_reached_dials_what_is_found(
        self, network: MemoryNetwork, node: SimNode, dht: MemoryDht
    ) -> None:
        torrent = self.resting(network, node)
        dht.peers[HASH][PeerAddress("10.9.9.9", 1)] = False
        network.run_until(lambda: torrent.found_by("dht") == 1, limit=30 * MINUTE)

    def test_it_is_announced_after_a_restart_too(
        self, network: MemoryNetwork, node: SimNode, dht: MemoryDht
    ) -> None:
        self.resting(network, node)
        node.stop()
        way = dht.at("10.0.0.2")
        again = SimNode(network, "10.0.0.2", store=node.store, disk=node.disk, dht=way)
        network.run(5.0)
        (torrent,) = again.session.torrents
        assert torrent.resting
        assert [(asked.info_hash, asked.seed) for asked in way.asked] == [(HASH, True)]


class TestPeersWithNodes:
    def ports(self, peer: ScriptedPeer) -> list[int]:
        return [message.port for message in peer.of_kind(wire.Port)]

    def has_bit(self, peer: ScriptedPeer) -> bool:
        return peer.of_kind(Handshake)[0].supports_dht

    def dialled(self, network: MemoryNetwork, node: SimNode, torrent: bytes) -> ScriptedPeer:
        node.add(torrent)
        wire_id = parse_torrent(torrent).info_hashes.wire_ids[0]
        peer = ScriptedPeer(network, "10.0.0.9", wire_id, dht=True)
        peer.dial(node.address)
        return peer

    def test_they_are_told_of_ours(self, network: MemoryNetwork, node: SimNode) -> None:
        peer = self.dialled(network, node, TORRENT)
        assert self.has_bit(peer)
        assert self.ports(peer) == [node.address.port]

    def test_theirs_is_taken_once(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        peer = self.dialled(network, node, TORRENT)
        peer.send(wire.Port(0), wire.Port(4000), wire.Port(5000))
        network.run(1.0)
        assert way.nodes == [PeerAddress("10.0.0.9", 4000)]

    def test_peers_without_one_are_told_nothing(
        self, network: MemoryNetwork, node: SimNode
    ) -> None:
        node.add(TORRENT)
        peer = ScriptedPeer(network, "10.0.0.9", HASH)
        peer.dial(node.address)
        assert self.ports(peer) == []

    def test_those_of_a_private_torrent_hear_nothing_and_are_not_believed(
        self, network: MemoryNetwork, node: SimNode, way: MemoryDhtNode
    ) -> None:
        peer = self.dialled(network, node, PRIVATE)
        assert not self.has_bit(peer)
        assert self.ports(peer) == []
        peer.send(wire.Port(4000))
        network.run(1.0)
        assert way.nodes == []

    def test_when_it_is_off_there_is_no_bit(self, network: MemoryNetwork, node: SimNode) -> None:
        network.result(node.control.change_settings({"dht_enabled": False}))
        peer = self.dialled(network, node, TORRENT)
        assert not self.has_bit(peer)
        assert self.ports(peer) == []


class TestNodesThatATorrentNames:
    NODES = (("router.test", 6881), ("::1", 7))

    def test_they_are_told_to_the_dht(self, node: SimNode, way: MemoryDhtNode) -> None:
        node.add(make_torrent({"n": b"n" * 1000}, nodes=self.NODES))
        assert way.named == list(self.NODES)

    def test_one_file_cannot_name_any_number(self, node: SimNode, way: MemoryDhtNode) -> None:
        many = [(f"n{number}.test", 1) for number in range(100)]
        node.add(make_torrent({"n": b"n" * 1000}, nodes=tuple(many)))
        assert way.named == many[:MOST_NAMED]

    @pytest.mark.parametrize("nodes", [(("", 1),), (("a b", 1),), (("a", 0),), (("a", 1),) * 101])
    def test_what_is_none_is_not_written(self, nodes: tuple[tuple[str, int], ...]) -> None:
        with pytest.raises(CreationError):
            make_torrent({"n": b"n"}, nodes=nodes)

    def test_private_torrents_name_none(self) -> None:
        with pytest.raises(CreationError, match="private"):
            make_torrent({"n": b"n"}, nodes=self.NODES, private=True)
