"""Sessions in one local network (BEP 14): who is announced, and who finds whom."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.lsd.rounds import GATHER, INTERVAL
from p2pd.discovery.source_report import IS_PRIVATE, SourceReport
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.discovering import lsd_source
from p2pd.session.discovering.lsd_source import IS_OFF, NO_NETWORK, NO_PORT, NOT_THERE
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import LocalSegment, MemoryNetwork, SimNode, make_torrent

DATA = {"data": bytes(range(256)) * 640}
TORRENT = make_torrent(DATA, piece_length=16 * 1024)
HYBRID = make_torrent(DATA, "hybrid", piece_length=16 * 1024)
PRIVATE = make_torrent(DATA, piece_length=16 * 1024, private=True)
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


@pytest.fixture
def segment(network: MemoryNetwork) -> LocalSegment:
    """A local network."""
    return LocalSegment(network)


def node(segment: LocalSegment, number: int, **settings: Any) -> SimNode:
    """A session in it."""
    host = f"192.168.1.{number}"
    chosen = {"lpd_enabled": True, **settings}
    return SimNode(segment.network, host, lsd=segment.place(host), **chosen)


def report(torrent: Torrent) -> SourceReport:
    """What local discovery tells of itself."""
    return next(each for each in torrent.sources() if each.name == "lsd")


def announced(segment: LocalSegment) -> list[bytes]:
    """Every info-hash that was."""
    return [each for _, _, hashes in segment.announces for each in hashes]


def test_two_neighbours_find_each_other(network: MemoryNetwork, segment: LocalSegment) -> None:
    seed, leecher = node(segment, 1), node(segment, 2)
    seed.put(TORRENT, DATA)
    torrent = leecher.add(TORRENT)
    network.run_until(torrent.is_complete, limit=30)
    told = report(torrent)
    assert (told.found, told.enabled, told.error) == (1, True, "")
    assert {peer.source for peer in torrent.peers} <= {"lsd", "incoming"}


def test_a_torrent_at_rest_is_announced_and_woken(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    seed = node(segment, 1)
    resting = seed.put(TORRENT, DATA)
    network.run(2 * INTERVAL)
    assert resting.resting
    assert len(segment.announces) >= 2
    leecher = node(segment, 2)
    torrent = leecher.add(TORRENT)
    network.run_until(torrent.is_complete, limit=30)


def test_two_that_have_everything_wake_each_other_once_an_hour(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    one, two = node(segment, 1), node(segment, 2)
    torrents = [each.put(TORRENT, DATA) for each in (one, two)]
    network.run(1200)
    assert all(torrent.resting for torrent in torrents)
    assert one.session.lsd._network is not None
    before = one.session.lsd._network.counts.peers
    network.run(1200)
    assert one.session.lsd._network.counts.peers == before


def test_torrents_at_rest_are_not_woken_all_at_once(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    mine = node(segment, 1)
    contents = [{"data": bytes([number]) * 20_000} for number in range(30)]
    torrents = [mine.put(make_torrent(each), each) for each in contents]
    network.run(200)
    assert all(torrent.resting for torrent in torrents)
    stranger = segment.place("192.168.1.66")
    hashes = [torrent.info_hashes.wire_ids[0] for torrent in torrents]
    stranger.announce(hashes[:24], 6881)
    stranger.announce(hashes[24:], 6881)
    network.run(1)
    assert sum(bool(torrent.has_parts) for torrent in torrents) == lsd_source.WAKES_AT_ONCE


def test_private_torrents_are_neither_announced_nor_found(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    one, two = node(segment, 1), node(segment, 2)
    torrent = one.put(PRIVATE, DATA)
    other = two.add(PRIVATE)
    network.run(2 * INTERVAL)
    assert not segment.announces
    stranger = segment.place("192.168.1.66")
    stranger.announce(other.info_hashes.wire_ids, 6881)
    network.run(5)
    assert PeerAddress("192.168.1.66", 6881) not in other.peers.pool
    for each in (torrent, other):
        assert report(each).why_not == IS_PRIVATE
        assert not each.connected


def test_a_magnet_that_turns_out_private_is_announced_no_more(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    mine, seed = node(segment, 1), node(segment, 2)
    seed.put(PRIVATE, DATA)
    v1 = parse_torrent(PRIVATE).info_hashes.v1
    assert v1 is not None
    torrent = mine.add(f"magnet:?xt=urn:btih:{v1.hex()}")
    network.run(10)
    assert announced(segment) == [v1]
    mine.connect(torrent, seed.address)
    network.run_until(lambda: torrent.private)
    network.run(3 * INTERVAL)
    assert announced(segment) == [v1]


def test_a_hybrid_is_announced_by_both_of_its_ids(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    torrent = node(segment, 1).add(HYBRID)
    network.run(GATHER + 1)
    assert announced(segment) == list(torrent.info_hashes.wire_ids)
    assert len(announced(segment)) == 2


def test_what_does_not_run_is_not_announced(network: MemoryNetwork, segment: LocalSegment) -> None:
    mine = node(segment, 1)
    torrent = mine.add(TORRENT)
    network.run(GATHER + 1)
    network.result(torrent.stop())
    network.run(2 * INTERVAL)
    assert len(segment.announces) == 1
    network.result(torrent.start())
    network.run(GATHER + 1)
    assert len(segment.announces) == 2
    assert report(torrent).next_at == pytest.approx(mine.session.wall() + INTERVAL, abs=2)
    assert report(torrent).last_at == pytest.approx(mine.session.wall(), abs=2)


def test_it_can_be_switched(network: MemoryNetwork, segment: LocalSegment) -> None:
    mine, other = node(segment, 1, lpd_enabled=False), node(segment, 2)
    torrent = mine.add(TORRENT)
    other.add(TORRENT)
    network.run(30)
    assert [host for _, host, _ in segment.announces] == ["192.168.1.2"]
    assert report(torrent) == SourceReport("lsd", enabled=False, why_not=IS_OFF)
    assert not torrent.connected
    network.result(mine.control.change_settings({"lpd_enabled": True}))
    network.run(30)
    assert torrent.connected
    network.result(mine.control.change_settings({"lpd_enabled": False}))
    before = len(segment.announces)
    network.run(290)
    assert {host for _, host, _ in segment.announces[before:]} <= {"192.168.1.2"}


def test_where_there_is_no_network_it_says_so(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    torrent = node(segment, 1).add(TORRENT)
    network.run(5)
    (place,) = segment.neighbours
    place.networks = 0
    assert report(torrent).why_not == NO_NETWORK
    place.trouble = "cannot listen by eth0: No such device"
    assert report(torrent).why_not == "cannot listen by eth0: No such device"
    alone = SimNode(network, "192.168.1.77", lpd_enabled=True).add(TORRENT)
    assert report(alone).why_not == NOT_THERE


def test_who_wants_peers_now_is_announced_now(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    torrent = node(segment, 1).add(TORRENT)
    network.run(60)
    assert len(segment.announces) == 1
    torrent.trackers.reannounce()
    network.run(GATHER + 1)
    assert len(segment.announces) == 2


def test_a_session_that_ends_leaves_the_network(
    network: MemoryNetwork, segment: LocalSegment
) -> None:
    mine = node(segment, 1)
    mine.add(TORRENT)
    network.run(5)
    mine.stop()
    (place,) = segment.neighbours
    assert place.networks == 0
    place.heard(PeerAddress("192.168.1.66", 6881), [HASH])
    network.run(2 * INTERVAL)
    assert len(segment.announces) == 1


def test_without_a_port_nobody_is_told_anything_and_it_says_so(
    network: MemoryNetwork, segment: LocalSegment, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = node(segment, 1)
    monkeypatch.setattr(type(seed.session.connections), "port", 0)
    torrent = seed.put(TORRENT, DATA)
    network.run(2 * GATHER + 1)
    assert segment.announces == []
    told = report(torrent)
    assert (told.enabled, told.why_not) == (False, NO_PORT)
    assert (told.last_at, told.next_at) == (None, None)
    monkeypatch.undo()
    network.run(INTERVAL + 60)
    assert announced(segment)[0] == HASH
    assert report(torrent).last_at is not None


def test_what_no_network_took_does_not_count_as_announced(
    network: MemoryNetwork, segment: LocalSegment, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = node(segment, 1)
    torrent = seed.put(TORRENT, DATA)
    monkeypatch.setattr(seed.session.lsd._network, "announce", lambda *_: 0)
    network.run(2 * GATHER + 1)
    assert report(torrent).last_at is None
    assert report(torrent).next_at is not None
    monkeypatch.undo()
    network.run(INTERVAL + 60)
    assert report(torrent).last_at is not None
