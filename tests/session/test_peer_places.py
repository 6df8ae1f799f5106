"""Who gives way when all places are taken: the rule, and whole sessions that follow it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.session.peers.peer_places import FIRST_CHANCE, PROVEN_SECONDS, PeerPlaces
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.preference import Preferences
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 16 * 1024
DATA = {"data": random.Random(3).randbytes(12 * PIECE)}
TORRENT = make_torrent(DATA, piece_length=PIECE)
OTHER = make_torrent({"other": bytes(3 * PIECE)}, piece_length=PIECE)
HASH, OTHER_HASH = (parse_torrent(data).info_hashes.wire_ids[0] for data in (TORRENT, OTHER))
OLD = -1000.0


def fake(number: int, *, at: float = OLD, received: int = 0, sent: int = 0, **other: Any) -> Any:
    return SimpleNamespace(
        address=PeerAddress(f"8.{number}.0.1", 6881),
        listen_address=None,
        connected_at=at,
        download=SimpleNamespace(total=received),
        upload=SimpleNamespace(total=sent),
        upload_only=other.get("upload_only", False),
        told=SimpleNamespace(is_full=other.get("is_full", False)),
        peer_interested=other.get("interested", False),
        __hash__=lambda: number,
    )


class FakePeer:
    """Hashable by identity, as peer sessions are."""

    def __init__(self, number: int, **facts: Any) -> None:
        self.__dict__.update(vars(fake(number, **facts)))


def places() -> tuple[PeerPlaces, Preferences]:
    preferences = Preferences(random.Random(1))
    return PeerPlaces(preferences), preferences


def give_way(
    found: PeerPlaces, peers: list[Any], newcomer: PeerAddress, now: float = 0.0,
    *, seeding: bool = False,
) -> Any:  # fmt: skip
    return found.who_gives_way(peers, newcomer, now, seeding=seeding)


def by_preference(preferences: Preferences, count: int) -> list[int]:
    """Numbers of hosts, the preferred first."""
    return sorted(range(count), key=lambda n: preferences.of(PeerAddress(f"8.{n}.0.1", 6881)))


def test_the_least_preferred_goes_and_only_for_a_preferred_one() -> None:
    found, preferences = places()
    best, *middle, worst = by_preference(preferences, 8)
    peers: list[Any] = [FakePeer(number) for number in (middle[0], worst, middle[1])]
    assert give_way(found, peers, PeerAddress(f"8.{best}.0.1", 1)) is peers[1]
    newcomer = PeerAddress(f"8.{worst}.0.1", 6881)
    assert give_way(found, [FakePeer(number) for number in middle], newcomer) is None


def test_a_peer_with_a_poor_rating_goes_first_and_for_anyone() -> None:
    preferences = Preferences(random.Random(1))
    order = by_preference(preferences, 5)
    peers: list[Any] = [FakePeer(number) for number in order]
    poor = PeerPlaces(preferences, lambda peer: peer is peers[0])
    newcomer = peers.pop().address
    assert give_way(poor, peers, newcomer) is peers[0]
    peers[0].connected_at = 0.0
    assert give_way(poor, peers, newcomer) is None


def test_near_peers_stay_before_far_ones() -> None:
    found, _ = places()
    near: Any = FakePeer(1)
    near.address = PeerAddress("192.168.1.5", 6881)
    assert give_way(found, [near], PeerAddress("8.1.1.1", 1)) is None
    far: Any = FakePeer(1)
    assert give_way(found, [near, far], PeerAddress("192.168.1.6", 1)) is far


@pytest.mark.parametrize("seeding", [False, True])
def test_who_is_of_use_stays_for_some_minutes(seeding: bool) -> None:
    found, preferences = places()
    best, worst = (lambda order: (order[0], order[-1]))(by_preference(preferences, 8))
    peer: Any = FakePeer(worst)
    newcomer = PeerAddress(f"8.{best}.0.1", 1)
    found.look([peer], 0.0, seeding=seeding)
    (peer.upload if seeding else peer.download).total += PIECE
    found.look([peer], 10.0, seeding=seeding)
    assert give_way(found, [peer], newcomer, 10.0 + PROVEN_SECONDS, seeding=seeding) is None
    assert give_way(found, [peer], newcomer, 11.0 + PROVEN_SECONDS, seeding=seeding) is peer


def test_who_only_takes_is_of_no_use_while_we_lack_something() -> None:
    found, preferences = places()
    best, worst = (lambda order: (order[0], order[-1]))(by_preference(preferences, 8))
    peer: Any = FakePeer(worst, sent=PIECE)
    assert give_way(found, [peer], PeerAddress(f"8.{best}.0.1", 1)) is peer


def test_everyone_has_a_first_chance() -> None:
    found, preferences = places()
    best, worst = (lambda order: (order[0], order[-1]))(by_preference(preferences, 8))
    peer: Any = FakePeer(worst, at=0.0)
    newcomer = PeerAddress(f"8.{best}.0.1", 1)
    assert give_way(found, [peer], newcomer, FIRST_CHANCE) is None
    assert give_way(found, [peer], newcomer, FIRST_CHANCE + 1) is peer


def test_seeds_among_seeds_go_first_and_for_anyone() -> None:
    found, preferences = places()
    order = by_preference(preferences, 8)
    peers: list[Any] = [FakePeer(order[-1]), FakePeer(order[0], upload_only=True)]
    anyone = PeerAddress(f"8.{order[-1]}.9.9", 1)
    assert give_way(found, peers, anyone, seeding=True) is peers[1]
    peers[1].peer_interested = True
    assert give_way(found, peers, anyone, seeding=True) is not peers[1]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 400), st.sampled_from([0, 0, PIECE])),
        max_size=12,
    ),
    st.integers(0, 60),
)
def test_nobody_who_gives_us_data_goes(peers: list[tuple[int, int, int]], newcomer: int) -> None:
    found, preferences = places()
    made: list[Any] = [FakePeer(n, at=-age, received=got) for n, age, got in peers]
    address = PeerAddress(f"8.{newcomer}.0.1", 1)
    gone = give_way(found, made, address)
    idle = [p for p in made if not p.download.total and p.connected_at < -FIRST_CHANCE]
    worse = [p for p in idle if preferences.of(p.address) > preferences.of(address)]
    assert (gone is not None) == bool(worse)
    if gone is not None:
        assert preferences.of(gone.address) == max(preferences.of(p.address) for p in idle)


# -- whole sessions ------------------------------------------------------------------------------


def order_of(node: SimNode, hosts: list[str]) -> list[str]:
    """Hosts, the preferred first."""
    return sorted(hosts, key=lambda host: node.session.preferences.of(PeerAddress(host, 6881)))


def arrived(network: MemoryNetwork, node: SimNode, host: str, info_hash: bytes) -> ScriptedPeer:
    peer = ScriptedPeer(network, host, info_hash)
    peer.dial(node.address)
    return peer


def hosts_of(torrent: Torrent) -> set[str]:
    return {peer.address.host for peer in torrent.peers}


HOSTS = [f"8.{number}.0.1" for number in range(1, 9)]


def test_a_preferred_peer_takes_the_place_of_the_least_preferred(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_per_torrent=3)
    torrent = node.add(TORRENT)
    best, *rest = order_of(node, HOSTS)
    peers = {host: arrived(network, node, host, HASH) for host in rest[-3:]}
    refused = arrived(network, node, best, HASH)
    network.run(1)
    assert refused.closed is not None, "the others have not had their chance"
    network.run(FIRST_CHANCE + 1)
    assert arrived(network, node, best, HASH).closed is None
    network.run(1)
    assert hosts_of(torrent) == {best, *rest[-3:-1]}
    assert peers[rest[-1]].closed is not None
    assert node.session.connections.established == 3
    worse = arrived(network, node, rest[-1], HASH)
    network.run(1)
    assert worse.closed is not None
    assert node.session.connections.refused == {"torrent_full": 2}
    assert node.session.connections.gave_way == 1


def test_a_full_session_gives_a_place_within_the_torrent_only(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_global=4)
    torrent, other = node.add(TORRENT), node.add(OTHER)
    order = order_of(node, HOSTS)
    for host in order[-2:]:
        arrived(network, node, host, HASH)
    for host in order[2:4]:
        arrived(network, node, host, OTHER_HASH)
    network.run(FIRST_CHANCE + 1)
    assert node.session.connections.total == 4
    assert arrived(network, node, order[5], OTHER_HASH).closed is not None
    assert arrived(network, node, order[0], HASH).closed is None
    network.run(1)
    assert hosts_of(torrent) == {order[0], order[-2]}
    assert hosts_of(other) == set(order[2:4])
    assert node.session.connections.total == 4


def serve(peer: ScriptedPeer) -> None:
    """Give every block that is asked for."""

    def answer(event: Any) -> None:
        if isinstance(event, wire.Request):
            at = event.piece * PIECE + event.begin
            block = DATA["data"][at : at + event.length]
            peer.send(wire.Block(event.piece, event.begin, memoryview(block)))

    peer.answer = answer


def test_a_peer_that_gives_us_data_keeps_its_place(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_per_torrent=1)
    torrent = node.add(TORRENT)
    order = order_of(node, HOSTS)
    giver = arrived(network, node, order[-1], HASH)
    serve(giver)
    giver.send(wire.Bitfield(bytes([0xF0, 0])), wire.Unchoke())
    network.run(FIRST_CHANCE + 30)
    assert torrent.record.downloaded == 4 * PIECE
    assert arrived(network, node, order[0], HASH).closed is not None
    assert hosts_of(torrent) == {order[-1]}
    network.run(PROVEN_SECONDS)
    giver.send(wire.KeepAlive())
    assert arrived(network, node, order[0], HASH).closed is None
    network.run(1)
    assert hosts_of(torrent) == {order[0]}


def test_a_flood_of_preferred_newcomers_leaves_the_givers(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", peer_limit_per_torrent=4)
    torrent = node.add(TORRENT)
    hosts = [f"8.{number}.0.1" for number in range(40)]
    order = order_of(node, hosts)
    givers = [arrived(network, node, host, HASH) for host in order[-2:]]
    for index, giver in enumerate(givers):
        serve(giver)
        giver.send(wire.Bitfield(bytes([0x30 << 2 * index, 0])), wire.Unchoke())
    for host in order[:-2]:
        arrived(network, node, host, HASH)
        network.run(5)
        for giver in givers:
            giver.send(wire.KeepAlive())
        assert set(order[-2:]) <= hosts_of(torrent)
        assert len(torrent.peers) <= 4


def test_partial_seeds_part(network: MemoryNetwork) -> None:
    """Neither wants anything: a partial seed and a full one, or two partial ones (BEP 21)."""
    node = SimNode(network, "10.0.0.1")
    torrent = node.put(TORRENT, DATA)
    partial, leech = (arrived(network, node, host, HASH) for host in HOSTS[:2])
    partial.send(wire.Bitfield(bytes([0xF0, 0])), wire.Extended(0, b"d1:md11:upload_onlyi4eee"))
    leech.send(wire.Bitfield(bytes([0xF0, 0])), wire.Interested())
    network.run(5)
    partial.send(wire.Extended(4, b"\1"))
    network.run(5)
    assert partial.closed is None, "it has half a minute to change its mind"
    network.run(FIRST_CHANCE + 11)
    assert partial.closed is not None
    assert leech.closed is None
    assert hosts_of(torrent) == {HOSTS[1]}


def test_seeds_are_not_dialled_again_by_a_seed(network: MemoryNetwork) -> None:
    one, two = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    first, second = one.put(TORRENT, DATA), two.put(TORRENT, DATA)
    one.connect(first, two.address)
    network.run(2)
    assert len(first.peers) == len(second.peers) == 0
    assert first.peers.next_due(network.clock.seconds()) is None
    assert first.peers.pool.sources_of(two.address) == {"manual"}


def test_where_an_incoming_peer_listens_is_not_dialled(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    peer = arrived(network, node, "10.0.0.2", HASH)
    peer.send(wire.HaveNone(), wire.Extended(0, b"d1:md0:1:pi6881ee".replace(b"d0:", b"de")))
    network.run(1)
    torrent.add_peers([PeerAddress("10.0.0.2", 6881)], "tracker")
    network.run(30)
    assert peer.connections == 1
    assert torrent.peers.pool.sources_of(PeerAddress("10.0.0.2", 6881)) == {"incoming", "tracker"}


def test_sessions_tell_each_other_their_addresses(network: MemoryNetwork) -> None:
    nodes = [SimNode(network, f"10.0.{i}.1") for i in range(3)]
    torrents = [node.add(TORRENT) for node in nodes]
    for index in (1, 2):
        nodes[0].connect(torrents[0], nodes[index].address)
    network.run(2)
    (believed,) = nodes[0].session.preferences.own.all()
    assert str(believed) == "10.0.0.1"
    assert nodes[1].session.preferences.own.all() == ()


def test_who_came_while_we_dialled_it_is_not_dialled_again(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(TORRENT)
    peer = ScriptedPeer(network, "10.0.0.2", HASH, peer_id=b"-AA0001-00000000000.")
    address = peer.listen()
    caller = ScriptedPeer(network, "10.0.0.2", HASH, peer_id=peer.peer_id)
    caller.dial(node.address)
    caller.send(wire.HaveNone())
    assert len(torrent.peers) == 1
    torrent.add_peers([address], "tracker")
    network.run(150)
    assert peer.connections == 1, "once, for nobody told where it listens"
    assert torrent.peers.is_connected(address)


def test_coming_in_vain_costs_little() -> None:
    found, preferences = places()
    asked = 0
    order = by_preference(preferences, 8)

    def counted(address: PeerAddress) -> Any:
        nonlocal asked
        asked += 1
        return Preferences.of(preferences, address)

    found._preferences = SimpleNamespace(of=counted, version=0)  # type: ignore[assignment]
    peers: list[Any] = [FakePeer(number) for number in order[:-1]]
    for _ in range(100):
        assert give_way(found, peers, PeerAddress(f"8.{order[-1]}.0.1", 1)) is None
    assert asked == len(peers) + 100
