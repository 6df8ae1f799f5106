"""Seeds of a swarm have nothing to give each other, and hear of revocation lists all the same."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import StateError
from p2pd.session.revoking import swarm_revoking
from p2pd.session.revoking.torrent_revocations import FIRST_LOOKS, VISIT_SECONDS
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.good_peers import GoodPeer
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.revocation_lists import number_at, revoking, take
from tests.session.test_remembered_peers import MIB, Memory, RememberingNode
from tests.session.tls_swarm import FILES, TLS_PORT, authority, give, of_everybody, tls_torrent

SLOWLY: dict[str, Any] = {"speed_limit_up": 8, "speed_limit_up_enabled": True}


def seeds_that_parted(
    network: MemoryNetwork, *others: GivenCertificate
) -> tuple[list[SimNode], list[Torrent]]:
    """Two that have everything and met once, and others, who met nobody yet."""
    given = [of_everybody(), of_everybody(), *others]
    nodes: list[SimNode] = [
        RememberingNode(network, f"10.0.0.{at}", Memory(), tls_port=TLS_PORT)
        for at in range(1, len(given) + 1)
    ]
    torrents = [nodes[0].put(tls_torrent(), FILES)]
    torrents += [each.add(tls_torrent()) for each in nodes[1:]]
    for each, torrent, one in zip(nodes, torrents, given, strict=True):
        give(each, torrent, one)
    nodes[1].connect(torrents[1], nodes[0].tls_address)
    network.run_until(torrents[1].is_complete, limit=30)
    network.run(45.0)
    assert not torrents[0].connected
    return nodes, torrents


def served(network: MemoryNetwork, by: SimNode, at: SimNode, lost: Torrent) -> None:
    """Somebody downloads from the second seed, for long."""
    network.result(by.control.change_settings(SLOWLY))
    at.connect(lost, by.tls_address)
    network.run_until(lambda: bool(lost.connected), limit=30)


def test_seeds_hear_of_a_list_at_once_and_part_from_whoever_it_names(
    network: MemoryNetwork,
) -> None:
    bad = authority().issue("*")
    (keeper, other, gone), (mine, seed, lost) = seeds_that_parted(network, bad)
    served(network, other, gone, lost)
    take(keeper, revoking(bad, number=7))
    network.run(3.0)
    assert number_at(other) == 7
    assert not lost.connected
    # They have nothing else to say to each other.
    network.run(45.0)
    assert not seed.connected
    assert not mine.connected


@pytest.mark.parametrize("at", [0, 1], ids=["who gave", "who got"])
def test_seeds_that_rest_are_woken_to_tell_of_a_list(network: MemoryNetwork, at: int) -> None:
    nodes, torrents = seeds_that_parted(network)
    network.run(200.0)
    assert all(torrent.resting for torrent in torrents)
    take(nodes[at], revoking(authority().issue("*"), number=2))
    network.run(5.0)
    assert [number_at(each) for each in nodes] == [2, 2]


def test_a_seed_at_work_looks_whether_there_is_a_list(network: MemoryNetwork) -> None:
    bad = authority().issue("*")
    (keeper, other, gone), (mine, _, lost) = seeds_that_parted(network, bad)
    served(network, other, gone, lost)
    network.result(mine.stop())
    take(keeper, revoking(bad, number=3))
    network.result(mine.start())
    network.run(VISIT_SECONDS)
    assert number_at(other) == 3
    assert not lost.connected


def test_who_is_dialled_by_a_seed_at_rest_is_heard_from_the_first_word(
    network: MemoryNetwork,
) -> None:
    (keeper, other), (mine, _) = seeds_that_parted(network)
    network.run(200.0)
    assert mine.resting
    keeper.connect(mine, other.tls_address)
    network.run(2.0)
    (peer,) = mine.connected
    assert peer.told.is_full
    assert peer.extensions.speaks("p2pd_crl")


def test_of_many_torrents_at_rest_some_call_on_others(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarm_revoking, "MOST_CALLERS", 2)
    at = RememberingNode(network, "10.0.0.1", Memory(), tls_port=TLS_PORT)
    torrents = [at.put(tls_torrent(name=f"film {number}"), FILES) for number in range(4)]
    for torrent in torrents:
        give(at, torrent, of_everybody())
    network.run(200.0)
    assert all(torrent.resting for torrent in torrents)
    take(at, revoking(authority().issue("*")))
    assert [torrent.has_parts for torrent in torrents].count(True) == 2


def test_torrents_that_do_not_run_take_no_place_of_those_that_call(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarm_revoking, "MOST_CALLERS", 2)
    at = RememberingNode(network, "10.0.0.1", Memory(), tls_port=TLS_PORT)
    torrents = [at.put(tls_torrent(name=f"film {number}"), FILES) for number in range(4)]
    for torrent in torrents:
        give(at, torrent, of_everybody())
    network.run(200.0)
    for torrent in torrents[:2]:
        network.result(torrent.stop())
    assert all(torrent.resting for torrent in torrents)
    take(at, revoking(authority().issue("*")))
    assert [torrent.has_parts for torrent in torrents] == [False, False, True, True]


def test_who_wakes_one_seed_does_not_wake_them_all(network: MemoryNetwork) -> None:
    memories = [Memory() for _ in range(12)]
    seeds = [
        RememberingNode(network, f"10.0.0.{at}", memory, tls_port=TLS_PORT)
        for at, memory in enumerate(memories, 1)
    ]
    torrents = [each.put(tls_torrent(), FILES) for each in seeds]
    for at, (seed, torrent) in enumerate(zip(seeds, torrents, strict=True)):
        # Each has it of those before.
        gave = [one.tls_address for one in seeds[max(0, at - 5) : at]]
        wall = seed.session.wall()
        memories[at].kept[torrent.record.id] = [GoodPeer(each, wall, MIB, 0, 9.0) for each in gave]
        give(seed, torrent, of_everybody())
    network.run(400.0)
    assert all(torrent.resting for torrent in torrents)
    leecher = RememberingNode(network, "10.0.1.1", Memory(), tls_port=TLS_PORT)
    wanted = leecher.add(tls_torrent())
    give(leecher, wanted, of_everybody())
    leecher.connect(wanted, seeds[-1].tls_address)
    network.run_until(wanted.is_complete, limit=30)
    network.run(20.0)
    assert [torrent.resting for torrent in torrents].count(False) <= 1 + FIRST_LOOKS
    # A list comes to all who gave it to each other.
    take(seeds[5], revoking(authority().issue("*"), number=4))
    network.run(10.0)
    assert {number_at(each) for each in seeds[:6]} == {4}


def test_a_seed_that_is_woken_to_serve_looks_at_once(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = authority().issue("*")
    (keeper, other, gone), (_, seed, lost) = seeds_that_parted(network, bad)
    network.run(200.0)
    monkeypatch.setattr(swarm_revoking, "MOST_CALLERS", 0)
    take(keeper, revoking(bad, number=3))
    network.run(10.0)
    assert seed.resting
    assert number_at(other) == 0, "nobody told it"
    served(network, other, gone, lost)
    network.run(10.0)
    assert number_at(other) == 3
    assert not lost.connected


def test_who_cannot_recall_whom_it_met_before_tells_those_it_met_since(
    network: MemoryNetwork,
) -> None:
    memories = [Memory(), Memory()]
    keeper, other = (
        RememberingNode(network, f"10.0.0.{at}", memory, tls_port=TLS_PORT)
        for at, memory in enumerate(memories, 1)
    )
    memories[0].fault = StateError("the database cannot be read")
    mine, seed = keeper.put(tls_torrent(), FILES), other.add(tls_torrent())
    for at, torrent in ((keeper, mine), (other, seed)):
        give(at, torrent, of_everybody())
    other.connect(seed, keeper.tls_address)
    network.run_until(seed.is_complete, limit=30)
    network.run(45.0)
    assert not seed.connected
    take(keeper, revoking(authority().issue("*"), number=5))
    network.run(5.0)
    assert number_at(other) == 5
