"""A torrent that finds nobody tries peers that worked for others, sparingly."""

from __future__ import annotations

from typing import Any, Sequence

import pytest
from twisted.internet.defer import Deferred, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import CATCHER, SourceReport
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.discovering.catcher_source import (
    DIAL_SECONDS,
    LONELY_SECONDS,
    RESTED_SECONDS,
    TRIES,
)
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.caught_hosts import CaughtHost
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

FIRST = {"first": bytes(range(256)) * 400}
SECOND = {"second": bytes(range(256)) * 300}


class Memory:
    """Keeps them over restarts."""

    def __init__(self) -> None:
        self.kept: tuple[list[CaughtHost], list[tuple[str, float]]] = ([], [])

    def load(self) -> Deferred[Any]:
        return succeed(self.kept)

    def save(self, hosts: Sequence[CaughtHost], kept_out: Sequence[tuple[str, float]]) -> Any:
        self.kept = (list(hosts), list(kept_out))
        return succeed(None)


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """Who looks for peers."""
    return SimNode(network, "10.0.0.1")


def catch(node: SimNode, *hosts: str, port: int = 6881) -> None:
    """Peers at these hosts worked before."""
    for number, host in enumerate(hosts):
        node.session.catcher.hosts.met(
            PeerAddress(host, port),
            received=1 << 250 - number, sent=0, seconds=9, wall=node.session.wall(),
        )  # fmt: skip


def told(torrent: Torrent) -> SourceReport:
    """What the catcher says of a torrent."""
    (report,) = (each for each in torrent.sources() if each.name == CATCHER)
    return report


def in_table(node: SimNode) -> list[PeerAddress]:
    """Those that are known to work."""
    return [one.address for one in node.session.catcher.hosts]


def test_who_worked_for_one_torrent_is_found_for_another(
    network: MemoryNetwork, node: SimNode
) -> None:
    seed = SimNode(network, "10.0.0.2")
    seed.put(make_torrent(FIRST), FIRST)
    seed.put(make_torrent(SECOND, name="other"), SECOND)
    first = node.add(make_torrent(FIRST))
    node.connect(first, seed.address)
    network.run_until(lambda: first.record.completed_at)
    network.result(first.stop())
    assert in_table(node) == [seed.address]
    second = node.add(make_torrent(SECOND, name="other"))
    network.run(LONELY_SECONDS / 2)
    assert told(second).found == 0
    network.run_until(lambda: second.record.completed_at, limit=2 * LONELY_SECONDS)
    assert told(second).why_not == "the torrent is complete"


def test_a_magnet_finds_its_metadata_so(network: MemoryNetwork, node: SimNode) -> None:
    seed = SimNode(network, "10.0.0.2")
    made = make_torrent(FIRST)
    seed.put(made, FIRST)
    catch(node, "10.0.0.2")
    torrent = node.add(f"magnet:?xt=urn:btih:{parse_torrent(made).info_hashes.hash_string}")
    network.run_until(lambda: torrent.record.completed_at, limit=2 * LONELY_SECONDS)


def test_few_are_dialled_however_many_torrents_look(network: MemoryNetwork, node: SimNode) -> None:
    catch(node, *(f"10.1.0.{number}" for number in range(1, 200)))
    for number in range(10):
        node.add(f"magnet:?xt=urn:btih:{number:040x}")
    dialled = network_dials(node)
    network.run(LONELY_SECONDS + 10 * DIAL_SECONDS)
    assert 10 <= len(dialled) <= 12


def network_dials(node: SimNode) -> list[PeerAddress]:
    """The addresses that are dialled from now on."""
    dialled: list[PeerAddress] = []
    transport = node.session.connections.dialer._transport
    dial = transport.dial

    def noted(address: PeerAddress, *others: Any) -> Any:
        dialled.append(address)
        return dial(address, *others)

    transport.dial = noted  # type: ignore[method-assign]
    return dialled


def test_each_is_tried_once_and_then_there_is_a_rest(network: MemoryNetwork, node: SimNode) -> None:
    hosts = [f"10.1.0.{number}" for number in range(1, TRIES + 4)]
    catch(node, *hosts)
    torrent = node.add(f"magnet:?xt=urn:btih:{'ab' * 20}")
    dialled = network_dials(node)
    network.run((TRIES + 2) * (LONELY_SECONDS + DIAL_SECONDS))
    assert [address.host for address in dialled] == hosts[:TRIES]
    assert len(torrent.peers.pool) == 0, "who was not there is not tried again"
    report, wall = told(torrent), node.session.wall()
    assert report.last_at is not None
    assert report.next_at is not None
    assert wall < report.next_at == report.last_at + RESTED_SECONDS
    assert report.error == ""
    network.run(RESTED_SECONDS + 5 * (LONELY_SECONDS + DIAL_SECONDS))
    assert [address.host for address in dialled] == hosts
    assert told(torrent).error == "nobody is known who was not tried"


def test_what_was_complete_and_lacks_something_again_looks_again(
    network: MemoryNetwork, node: SimNode
) -> None:
    contents = {"a": bytes(70_000), "b": bytes(90_000)}
    made = make_torrent(contents)
    seed = SimNode(network, "10.0.0.2")
    seed.put(made, contents)
    torrent = node.add(made)
    view = node.control.find(torrent.info_hashes.hash_string)
    assert view is not None
    network.result(node.control.change(view, TorrentChanges(files_unwanted=(1,))))
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at)
    assert told(torrent).next_at is None
    network.result(node.control.change(view, TorrentChanges(files_wanted=(1,))))
    assert told(torrent).next_at is not None


def test_who_has_peers_tries_nobody(network: MemoryNetwork, node: SimNode) -> None:
    other = SimNode(network, "10.0.0.3")
    link = f"magnet:?xt=urn:btih:{'ab' * 20}"
    other.add(link)
    torrent = node.add(link)
    node.connect(torrent, other.address)
    catch(node, "10.1.0.1")
    network.run(20 * LONELY_SECONDS)
    assert torrent.found_by(CATCHER) == 0


def test_private_torrents_neither_try_nor_tell(network: MemoryNetwork, node: SimNode) -> None:
    seed = SimNode(network, "10.0.0.2")
    made = make_torrent(FIRST, private=True)
    seed.put(made, FIRST)
    catch(node, "10.0.0.2", "10.1.0.1")
    torrent = node.add(made)
    assert told(torrent).why_not == "the torrent is private"
    network.run(3 * LONELY_SECONDS)
    assert not torrent.connected
    torrent.add_peers([seed.address], "tracker")
    network.run_until(lambda: torrent.record.completed_at)
    network.result(torrent.stop())
    assert in_table(node) == [PeerAddress("10.1.0.1", 6881)], "10.0.0.2 is a private torrent's"
    catch(node, "10.0.0.2")
    assert len(in_table(node)) == 1


def test_a_magnet_that_proves_private_takes_its_peers_out(
    network: MemoryNetwork, node: SimNode
) -> None:
    seed = SimNode(network, "10.0.0.2")
    made = make_torrent(FIRST, private=True)
    seed.put(made, FIRST)
    catch(node, "10.0.0.2")
    torrent = node.add(f"magnet:?xt=urn:btih:{parse_torrent(made).info_hashes.hash_string}")
    network.run_until(lambda: torrent.content is not None, limit=2 * LONELY_SECONDS)
    network.run(1)
    assert not torrent.connected, "no tracker told of it"
    assert in_table(node) == []


def test_banned_addresses_are_not_tried(network: MemoryNetwork, node: SimNode) -> None:
    catch(node, "10.1.0.1", "10.1.0.2")
    node.session.bans.ban([PeerAddress("10.1.0.1", 0)], "unwanted", None)
    node.add(f"magnet:?xt=urn:btih:{'ab' * 20}")
    dialled = network_dials(node)
    network.run(5 * LONELY_SECONDS)
    assert [address.host for address in dialled] == ["10.1.0.2"]


def test_where_nobody_is_is_forgotten_but_not_for_what_he_does_not_have(
    network: MemoryNetwork, node: SimNode
) -> None:
    SimNode(network, "10.0.0.2")  # has no torrents, and says so by hanging up
    catch(node, "10.0.0.2", "10.1.0.1")
    for number in range(4):
        node.add(f"magnet:?xt=urn:btih:{number:040x}")
    network.run(10 * LONELY_SECONDS)
    assert [address.host for address in in_table(node)] == ["10.0.0.2"]


def test_what_is_known_is_kept(network: MemoryNetwork) -> None:
    memory = Memory()
    node = SimNode(network, "10.0.0.1", caught_hosts=memory)
    catch(node, "10.1.0.1")
    node.session.catcher.keep_out("10.1.0.9")
    network.result(node.session.stop())
    assert [one.address.host for one in memory.kept[0]] == ["10.1.0.1"]
    again = SimNode(network, "10.0.0.4", caught_hosts=memory)
    network.run(1)
    assert in_table(again) == [PeerAddress("10.1.0.1", 6881)]
    catch(again, "10.1.0.9")
    assert len(in_table(again)) == 1


def test_switched_off_nothing_is_kept_and_nobody_tried(
    network: MemoryNetwork, node: SimNode
) -> None:
    catch(node, "10.1.0.1")
    torrent = node.add(f"magnet:?xt=urn:btih:{'ab' * 20}")
    network.result(node.control.change_settings({"host_catcher_enabled": False}))
    assert in_table(node) == []
    assert told(torrent).why_not == "it is switched off (host_catcher_enabled)"
    catch(node, "10.1.0.1")
    dialled = network_dials(node)
    network.run(3 * LONELY_SECONDS)
    assert dialled == []
    network.result(node.control.change_settings({"host_catcher_enabled": True}))
    network.run(3 * LONELY_SECONDS)
    assert [address.host for address in dialled] == ["10.1.0.1"]
    assert told(torrent).last_at is not None
