"""Peer exchange between sessions (BEP 11): who finds whom, and who never does."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.pex import heard as bounds
from p2pd.discovery.source_report import IS_PRIVATE, SourceReport
from p2pd.formats import bencode
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions import ut_pex
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer
from p2pd.session.discovering.pex_source import IS_OFF
from p2pd.session.peers.peer_extensions import LOCAL_IDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

DATA = {"data": bytes(range(256)) * 640}
TORRENT = make_torrent(DATA, piece_length=16 * 1024)
PRIVATE = make_torrent(DATA, piece_length=16 * 1024, private=True)
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
THEIRS = 9
"""The id under which scripted peers want such messages."""


def node(network: MemoryNetwork, number: int, **settings: Any) -> SimNode:
    """A session whose peers tell of each other."""
    return SimNode(network, f"198.51.100.{number}", **{"pex_enabled": True, **settings})


def greet(peer: ScriptedPeer, port: int | None = 6881, **told: Any) -> None:
    """Tell the extensions."""
    told.setdefault("messages", {ut_pex.NAME: THEIRS})
    handshake = ExtensionHandshake(port=port, **told)
    peer.send(wire.Extended(0, handshake.encode()))


def tell(peer: ScriptedPeer, message: PexMessage | bytes) -> None:
    """Send a message of peer exchange."""
    payload = message if isinstance(message, bytes) else message.encode()
    peer.send(wire.Extended(LOCAL_IDS[ut_pex.NAME], payload))
    peer.network.run(1)


def offered(peer: ScriptedPeer) -> dict[str, int]:
    """What the last handshake offered."""
    payloads = [each.payload for each in peer.of_kind(wire.Extended) if not each.id]
    return ExtensionHandshake.parse(payloads[-1]).messages


def heard(peer: ScriptedPeer) -> list[PexMessage]:
    """What it was told."""
    told = peer.of_kind(wire.Extended)
    return [ut_pex.parse(each.payload) for each in told if each.id == THEIRS]


def pass_time(network: MemoryNetwork, seconds: int, *peers: ScriptedPeer) -> None:
    """Let it pass; these are not silent for too long."""
    for _ in range(seconds):
        network.run(1)
        for peer in peers:
            peer.send(wire.KeepAlive())


def of(*hosts: str, flags: int = 0) -> PexMessage:
    """A message that tells of these."""
    return PexMessage(tuple(PexPeer(PeerAddress(host, 6881), flags) for host in hosts))


def report(torrent: Torrent) -> SourceReport:
    """What peer exchange tells of itself."""
    return next(each for each in torrent.sources() if each.name == "pex")


def scripted(network: MemoryNetwork, number: int, at: SimNode, **told: Any) -> ScriptedPeer:
    """A peer that is connected and takes such messages."""
    peer = ScriptedPeer(network, f"203.0.113.{number}", HASH)
    peer.dial(at.address)
    greet(peer, **told)
    network.run(1)
    return peer


def test_three_that_only_one_of_them_knows_all_find_each_other(network: MemoryNetwork) -> None:
    middle, *others = (node(network, number) for number in (1, 2, 3))
    middle.add(TORRENT)
    torrents = [other.add(TORRENT) for other in others]
    for other, torrent in zip(others, torrents, strict=True):
        other.connect(torrent, middle.address)
    network.run(30)
    for torrent, other in zip(torrents, reversed(others), strict=True):
        assert {peer.address.host for peer in torrent.peers} == {
            middle.address.host, other.address.host,
        }  # fmt: skip
    assert {peer.source for torrent in torrents for peer in torrent.peers} >= {"pex"}
    assert any(report(torrent).last_at for torrent in torrents)


def test_private_torrents_never_mix(network: MemoryNetwork) -> None:
    middle, *others = (node(network, number) for number in (1, 2, 3))
    torrents = [each.add(PRIVATE) for each in (middle, *others)]
    for other, torrent in zip(others, torrents[1:], strict=True):
        other.connect(torrent, middle.address)
    network.run(200)
    assert len(torrents[0].peers) == 2
    for torrent in torrents[1:]:
        assert {peer.address.host for peer in torrent.peers} == {middle.address.host}
        assert len(torrent.peers.pool) == 1
        assert report(torrent).why_not == IS_PRIVATE
    assert middle.session.counts.pex.sent == 0


def test_a_private_torrent_neither_offers_nor_hears_it(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.add(PRIVATE)
    peer = ScriptedPeer(network, "203.0.113.1", parse_torrent(PRIVATE).info_hashes.wire_ids[0])
    peer.dial(mine.address)
    greet(peer)
    network.run(1)
    assert ut_pex.NAME not in offered(peer)
    tell(peer, of("198.51.100.77"))
    network.run(120)
    assert peer.closed is None
    assert PeerAddress("198.51.100.77", 6881) not in torrent.peers.pool
    assert not heard(peer)


def test_where_it_is_off_nothing_is_offered_told_or_heard(network: MemoryNetwork) -> None:
    mine = node(network, 1, pex_enabled=False)
    torrent = mine.add(TORRENT)
    one, _two = scripted(network, 1, mine), scripted(network, 2, mine)
    assert ut_pex.NAME not in offered(one)
    tell(one, of("198.51.100.77"))
    network.run(120)
    assert not heard(one)
    assert PeerAddress("198.51.100.77", 6881) not in torrent.peers.pool
    assert report(torrent) == SourceReport("pex", enabled=False, why_not=IS_OFF)


def test_it_can_be_switched_while_peers_are_connected(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    mine.add(TORRENT)
    one, _two = scripted(network, 1, mine), scripted(network, 2, mine)
    assert offered(one)[ut_pex.NAME] == LOCAL_IDS[ut_pex.NAME]
    network.result(mine.control.change_settings({"pex_enabled": False}))
    network.run(2)
    assert offered(one)[ut_pex.NAME] == 0
    scripted(network, 3, mine)
    network.run(20)
    assert not heard(one)
    network.result(mine.control.change_settings({"pex_enabled": True}))
    network.run(20)
    assert offered(one)[ut_pex.NAME] == LOCAL_IDS[ut_pex.NAME]
    assert len(heard(one)[0].added) == 2


def test_what_peers_are_told(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.add(TORRENT)
    listener = scripted(network, 1, mine)
    scripted(network, 2, mine, upload_only=True, prefers_encryption=True, port=7000)
    scripted(network, 3, mine, port=None)
    dialled = ScriptedPeer(network, "203.0.113.4", HASH)
    mine.connect(torrent, dialled.listen())
    network.run(10)
    ((first),) = heard(listener)
    assert {tuple(peer.address): peer.flags for peer in first.added} == {
        ("203.0.113.2", 7000): ut_pex.SEED | ut_pex.PREFERS_ENCRYPTION,
        ("203.0.113.4", 6881): ut_pex.REACHABLE,
    }
    network.listeners.pop(dialled.address)
    dialled.hang_up()
    pass_time(network, 80, listener)
    assert heard(listener)[1].dropped == (dialled.address,)


def test_who_sends_too_much_is_not_read_and_then_dropped(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.add(TORRENT)
    peer = scripted(network, 1, mine)
    for number in range(bounds.MESSAGES_AT_ONCE + bounds.PATIENCE):
        tell(peer, of(f"198.51.100.{100 + number}"))
    assert peer.closed is None
    assert report(torrent).found == bounds.MESSAGES_AT_ONCE
    tell(peer, of("198.51.100.99"))
    assert peer.closed is not None
    assert mine.session.counts.pex.too_often == bounds.PATIENCE + 1


def test_garbage_ends_the_connection(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    mine.add(TORRENT)
    peer = scripted(network, 1, mine)
    tell(peer, b"d5:added5:abcdee")
    assert peer.closed is not None


def test_no_peer_fills_the_pool_alone(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.add(TORRENT)
    peer = scripted(network, 1, mine)
    for part in range(4):
        first = of(*(f"198.18.{part}.{number}" for number in range(1, 251)))
        tell(peer, first)
    assert bounds.NEW_AT_ONCE <= report(torrent).found <= bounds.NEW_AT_ONCE + 5
    other = scripted(network, 2, mine)
    tell(other, of("198.19.0.1"))
    assert PeerAddress("198.19.0.1", 6881) in torrent.peers.pool


def test_our_own_address_and_local_ones_are_refused(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.add(TORRENT)
    for number in (1, 2):
        peer = ScriptedPeer(network, f"203.0.{112 + number}.1", HASH)
        peer.dial(mine.address)
        greet(peer, your_ip="192.0.2.5")
    mine.session.preferences.own.told("8.8.8.8", "203.1.113.1")
    mine.session.preferences.own.told("8.8.8.8", "198.1.113.1")
    network.run(1)
    tell(peer, of("8.8.8.8", "192.168.1.1", "127.0.0.1", "198.51.100.7"))
    assert PeerAddress("198.51.100.7", 6881) in torrent.peers.pool
    assert report(torrent).found == 1
    assert mine.session.counts.pex.refused == 3


def test_a_seed_does_not_dial_seeds_that_it_is_told_of(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    mine.put(TORRENT, DATA)
    peer = scripted(network, 1, mine)
    seed, leecher = (ScriptedPeer(network, f"203.0.113.{number}", HASH) for number in (7, 8))
    for each in (seed, leecher):
        each.listen()
    tell(peer, of("203.0.113.7", flags=ut_pex.SEED))
    tell(peer, of("203.0.113.8"))
    network.run(30)
    assert (seed.connections, leecher.connections) == (0, 1)


def test_two_seeds_that_parted_are_told_of_to_who_comes_then(network: MemoryNetwork) -> None:
    one, two = (node(network, number, super_seeding="off") for number in (1, 2))
    one.put(TORRENT, DATA)
    torrent = one.session.torrents.by_id(1)
    assert torrent is not None
    two.put(TORRENT, DATA)
    one.connect(torrent, two.address)
    network.run(5)
    assert not torrent.peers.connected
    leecher = scripted(network, 9, one)
    network.run(10)
    ((first),) = heard(leecher)
    assert first.added == (PexPeer(two.address, ut_pex.SEED | ut_pex.REACHABLE),)
    pass_time(network, 80, leecher)
    assert heard(leecher)[1:] == [PexMessage((), (two.address,))]


def test_a_magnet_that_turns_out_private_forgets_whom_peers_told_of(
    network: MemoryNetwork,
) -> None:
    seed, other, mine = (node(network, number) for number in (1, 2, 3))
    seed.put(PRIVATE, DATA)
    hashes = parse_torrent(PRIVATE).info_hashes
    stranger = ScriptedPeer(network, "203.0.113.7", hashes.wire_ids[0])
    teller = ScriptedPeer(network, "203.0.113.8", hashes.wire_ids[0])
    assert hashes.v1 is not None
    torrent = mine.add(f"magnet:?xt=urn:btih:{hashes.v1.hex()}")
    stranger.listen()
    teller.dial(mine.address)
    greet(teller)
    network.run(1)
    assert ut_pex.NAME in offered(teller)
    tell(teller, of("203.0.113.7", "203.0.113.99"))
    network.run(5)
    assert stranger.closed is None
    assert stranger.connections == 1
    mine.connect(torrent, seed.address)
    network.run_until(lambda: torrent.private)
    network.run(5)
    assert stranger.closed is not None
    assert PeerAddress("203.0.113.99", 6881) not in torrent.peers.pool
    assert offered(teller)[ut_pex.NAME] == 0
    tell(teller, of("203.0.113.98"))
    assert PeerAddress("203.0.113.98", 6881) not in torrent.peers.pool
    assert report(torrent).why_not == IS_PRIVATE
    assert other.session.counts.pex.received == 0


@pytest.mark.parametrize("payload", [b"de", bencode.encode({b"added": b""})])
def test_a_message_without_anybody_changes_nothing(network: MemoryNetwork, payload: bytes) -> None:
    mine = node(network, 1)
    torrent = mine.add(TORRENT)
    peer = scripted(network, 1, mine)
    tell(peer, payload)
    assert peer.closed is None
    assert report(torrent) == SourceReport("pex")


def test_a_resting_torrent_costs_and_tells_nothing(network: MemoryNetwork) -> None:
    mine = node(network, 1)
    torrent = mine.put(TORRENT, DATA)
    network.run(200)
    assert torrent.resting
    assert report(torrent) == SourceReport("pex")
    assert torrent.resting
    assert not torrent.has_parts
