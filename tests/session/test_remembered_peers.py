"""Peers that were good come back first, also after a restart; torrents are never mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import StateError
from p2pd.protocols.peerwire import messages as wire
from p2pd.session.peers.remembered_peers import SAVE_SECONDS
from p2pd.session.session_parts import SessionParts
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.good_peers import GoodPeer
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

MIB = 1024 * 1024
STRANGERS = [PeerAddress(f"10.7.0.{number}", 6881) for number in range(1, 40)]


class Memory:
    """A PeerMemory that is a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, list[GoodPeer]] = {}
        self.saves = 0
        self.fault: StateError | None = None

    def load(self, torrent_id: int) -> Deferred[list[GoodPeer]]:
        """Those that were kept."""
        return fail(self.fault) if self.fault else succeed(list(self.kept.get(torrent_id, [])))

    def save(self, torrent_id: int, peers: Sequence[GoodPeer]) -> Deferred[None]:
        """Keep these."""
        self.saves += 1
        self.kept[torrent_id] = list(peers)
        return succeed(None)


class RememberingNode(SimNode):
    """A node with a memory."""

    memory: Memory

    def __init__(self, network: Any, host: str, memory: Memory, **options: Any) -> None:
        self.memory = memory
        super().__init__(network, host, **options)

    def _parts(self, seed: str) -> SessionParts:
        return replace(super()._parts(seed), peer_memory=self.memory)


@pytest.fixture
def memory() -> Memory:
    """What outlives a node."""
    return Memory()


def kept(memory: Memory, id_: int = 1) -> dict[PeerAddress, GoodPeer]:
    return {peer.address: peer for peer in memory.kept.get(id_, [])}


def download(
    network: MemoryNetwork, node: SimNode, data: bytes, seed: SimNode, source: str = "tracker"
) -> Torrent:
    torrent = node.add(data)
    torrent.add_peers([seed.address], source)
    network.run_until(lambda: torrent.record.completed_at)
    network.run(2)
    return torrent


def test_who_gave_us_the_torrent_is_kept_when_it_stops(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    seed = SimNode(network, "10.0.0.1")
    given = seed.put(data, contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    torrent = download(network, node, data, seed)
    node.stop()
    (peer,) = memory.kept[torrent.record.id]
    assert peer.address == seed.address
    assert peer.received == given.record.uploaded
    assert peer.seen_at == pytest.approx(node.session.wall(), abs=5)
    assert 0 < peer.seconds < 5


def test_they_are_kept_when_the_last_one_leaves_since_nobody_looks_after_that(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    seed = SimNode(network, "10.0.0.1")
    seed.put(data, contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    torrent = download(network, node, data, seed)
    network.run(15)
    assert not torrent.is_busy
    assert seed.address in kept(memory)
    assert memory.saves == 1
    torrent.peers._remembered.forget(seed.address)
    torrent.peers._remembered.nobody_left(torrent.seconds())
    assert memory.saves == 1, "not at every visit"


def test_good_peers_are_dialled_first_after_a_restart(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    SimNode(network, "10.0.0.1").put(data, contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    torrent = node.add(data, paused=True)
    good = GoodPeer(PeerAddress("10.0.0.1", 6881), node.session.wall(), 9 * MIB, 0, 10.0)
    better = GoodPeer(PeerAddress("10.0.0.9", 6881), node.session.wall(), 99 * MIB, 0, 10.0)
    node.stop()
    memory.kept[torrent.record.id] = [good, better]
    dialled: list[PeerAddress] = []
    again = RememberingNode(network, "10.0.0.2", memory, store=node.store, disk=node.disk)
    network.run(1)
    (restored,) = again.session.torrents
    started = restored.dialling.dial_started
    restored.dialling.dial_started = lambda address: (  # type: ignore[method-assign]
        dialled.append(address),
        started(address),
    )
    assert len(restored.peers.pool) == 0, "what is not run remembers nobody"
    restored.add_peers(STRANGERS, "tracker")
    network.result(restored.start())
    network.run_until(lambda: restored.record.completed_at)
    assert set(dialled[:2]) == {better.address, good.address}
    assert again.control.find(restored.record.id) is not None
    assert restored.peers.pool.source_of(good.address) == "resume"


def test_a_seed_dials_those_that_took(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    wall = node.session.wall()
    giver = GoodPeer(PeerAddress("10.0.0.5", 6881), wall, 9 * MIB, 0, 10.0)
    taker = GoodPeer(PeerAddress("10.0.0.6", 6881), wall, 0, 9 * MIB, 10.0)
    memory.kept[1] = [giver, taker]
    torrent = node.put(data, contents)
    network.run(1)
    assert taker.address in torrent.peers.pool
    assert giver.address not in torrent.peers.pool


def test_torrents_are_not_mixed(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    first, second = make_torrent(contents), make_torrent(contents, name="other")
    seed, other = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.3")
    seed.put(first, contents)
    other.put(second, contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    one, two = download(network, node, first, seed), download(network, node, second, other)
    node.stop()
    assert set(kept(memory, one.record.id)) == {seed.address}
    assert set(kept(memory, two.record.id)) == {other.address}


@pytest.mark.parametrize(("source", "keeps"), [("tracker", True), ("manual", False)])
def test_of_private_torrents_only_the_trackers_peers_are_kept(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory, source: str, keeps: bool
) -> None:
    data = make_torrent(contents, private=True)
    seed = SimNode(network, "10.0.0.1")
    seed.put(data, contents)
    node = RememberingNode(network, "10.0.0.2", memory)
    torrent = download(network, node, data, seed, source)
    node.stop()
    assert (seed.address in kept(memory, torrent.record.id)) == keeps


def test_who_is_connected_is_kept_now_and_then(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    node = RememberingNode(network, "10.0.0.1", memory)
    torrent = node.put(data, contents)
    taker = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0])
    taker.dial(node.address)
    taker.send(wire.HaveNone(), wire.Interested(), wire.Extended(0, b"d1:mde1:pi6881ee"))
    network.run(11)
    taker.send(*[wire.Request(0, begin, 16384) for begin in (0, 16384)])
    for _ in range(int(SAVE_SECONDS) // 100):
        assert memory.saves == 0
        network.run(100)
        taker.send(wire.KeepAlive())
    assert (memory.saves, len(torrent.peers)) == (1, 1)
    peer = kept(memory)[taker.address]
    assert (peer.received, peer.sent) == (0, 32768)
    node.stop()
    (last,) = memory.kept[1]
    assert (last.sent, memory.saves) == (32768, 2), "counted once"


def test_what_is_kept_is_not_lost_when_it_could_not_be_read(
    network: MemoryNetwork, contents: dict[str, bytes], memory: Memory
) -> None:
    data = make_torrent(contents)
    seed = SimNode(network, "10.0.0.1")
    seed.put(data, contents)
    old = GoodPeer(PeerAddress("10.0.0.5", 6881), 1.7e9, 9 * MIB, 0, 10.0)
    memory.kept[1] = [old]
    memory.fault = StateError("the state database refused: disk I/O error")
    node = RememberingNode(network, "10.0.0.2", memory)
    torrent = download(network, node, data, seed)
    assert torrent.error == ""
    node.stop()
    assert memory.kept[1] == [old]


def test_without_a_memory_all_goes_as_ever(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    data = make_torrent(contents)
    seed, node = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    seed.put(data, contents)
    download(network, node, data, seed)
    node.stop()
    seed.stop()


def test_who_wakes_a_seed_at_rest_does_not_wake_whom_it_served(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    data, memories = make_torrent(contents), [Memory() for _ in range(6)]
    seeds = [RememberingNode(network, f"10.0.0.{at}", each) for at, each in enumerate(memories, 1)]
    torrents = []
    for at, seed in enumerate(seeds):
        served = seeds[at + 1 : at + 3]
        wall = seed.session.wall()
        memories[at].kept[1] = [GoodPeer(each.address, wall, 0, MIB, 9.0) for each in served]
        torrents.append(seed.put(data, contents))
    network.run(400.0)
    assert all(torrent.resting for torrent in torrents)
    leecher = RememberingNode(network, "10.0.1.1", Memory())
    wanted = leecher.add(data)
    leecher.connect(wanted, seeds[0].address)
    network.run_until(wanted.is_complete, limit=30)
    assert [torrent.resting for torrent in torrents] == [False] + 5 * [True]
