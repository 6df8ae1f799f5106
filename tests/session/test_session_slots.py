"""Upload slots of a session: whom they are given, and how torrents share them."""

from __future__ import annotations

import random
from typing import Callable

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 16 * 1024
DATA = [{"data": random.Random(number).randbytes(100_000)} for number in range(3)]
TORRENTS = [make_torrent(data, piece_length=PIECE) for data in DATA]


def seeding(node: SimNode, count: int = 1) -> list[Torrent]:
    return [node.put(TORRENTS[number], DATA[number]) for number in range(count)]


def dial(network: MemoryNetwork, node: SimNode, torrent: Torrent, count: int) -> list[ScriptedPeer]:
    """Peers that have nothing and are interested."""
    hash_ = torrent.info_hashes.wire_ids[0]
    net = torrent.record.id
    peers = [ScriptedPeer(network, f"10.{net}.1.{i}", hash_) for i in range(1, count + 1)]
    for peer in peers:
        peer.dial(node.address)
        peer.send(wire.HaveNone(), wire.Interested())
    return peers


def take_slowly(peer: ScriptedPeer, seconds: float) -> Callable[[Event], None]:
    """What has a peer ask for a block so many seconds after it may, and after each that came.

    However long it has nothing to ask for, it says once a minute that it is there.
    """
    clock = peer.network.clock

    def answer(event: Event) -> None:
        if isinstance(event, (wire.Unchoke, wire.Block)):
            clock.callLater(seconds, peer.send, wire.Request(0, 0, PIECE))

    def stay() -> None:
        peer.send(wire.KeepAlive())
        clock.callLater(60.0, stay)

    clock.callLater(60.0, stay)
    return answer


def served(torrent: Torrent) -> int:
    return sum(not peer.am_choking for peer in torrent.peers)


def test_torrents_share_what_there_is_over_all_of_them(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots_global=6)
    one, two, idle = seeding(node, 3)
    dial(network, node, one, 8)
    network.run(12)
    assert (served(one), served(two), served(idle)) == (5, 0, 0), "four, and one on trial"
    dial(network, node, two, 8)
    for _ in range(40):
        network.run(1)
        assert served(one) + served(two) <= 6
    assert (served(one), served(two), served(idle)) == (3, 3, 0)


def test_a_torrent_that_nobody_wants_leaves_its_slots(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots_global=4)
    one, two = seeding(node, 2)
    first = dial(network, node, one, 4)
    dial(network, node, two, 4)
    network.run(40)
    assert (served(one), served(two)) == (2, 2)
    for peer in first:
        peer.send(wire.NotInterested())
    network.run(21)
    assert (served(one), served(two)) == (0, 4)
    for peer in first:
        peer.hang_up()
    network.run(5)
    assert node.session.upload_slots.taken == 4


def test_a_change_of_the_settings_holds_within_a_second(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    one, two = seeding(node, 2)
    for torrent in (one, two):
        dial(network, node, torrent, 9)
    network.run(12)
    assert (served(one), served(two)) == (5, 5)
    network.result(node.control.change_settings({"upload_slots_global": 4}))
    network.run(2)
    assert served(one) + served(two) <= 4
    network.result(node.control.change_settings({"upload_slots_global": 0, "upload_slots": 7}))
    network.run(2)
    assert (served(one), served(two)) == (8, 8)


def test_slots_that_follow_the_rate_are_few_where_nothing_is_sent(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots=0)
    one, two = seeding(node, 2)
    for torrent in (one, two):
        dial(network, node, torrent, 9)
    network.run(60)
    assert served(one) + served(two) == 5


def test_who_only_uploads_or_is_not_interested_has_no_slot(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1")
    (torrent,) = seeding(node)
    for peer in dial(network, node, torrent, 2)[:1]:
        peer.send(wire.NotInterested())
    network.run(12)
    assert served(torrent) == 1
    next(peer for peer in torrent.peers if not peer.am_choking).upload_only = True
    network.run(12)
    assert served(torrent) == 0


@pytest.mark.parametrize("mode", ["round_robin", "fastest_upload", "anti_leech"])
def test_everyone_is_served_in_every_seeding_mode(network: MemoryNetwork, mode: str) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots=2)
    (torrent,) = seeding(node)
    dial(network, node, torrent, 6)
    network.result(node.control.change_settings({"seed_choking": mode}))
    had = set()
    for _ in range(30):
        network.run(10)
        had |= {peer.address for peer in torrent.peers if not peer.am_choking}
    assert len(had) == 6


def holders(network: MemoryNetwork, torrent: Torrent, rounds: int = 60) -> set[PeerAddress]:
    """Who has a regular slot in any of so many rounds, until everybody had one.

    A trial is a turn as well, so that chance may have somebody wait for minutes.
    """
    had: set[PeerAddress] = set()
    while rounds and len(had) < len(torrent.peers):
        network.run(10)
        had |= {p.address for p in torrent.peers if not p.am_choking and not p.optimistic}
        rounds -= 1
    return had


def test_a_torrent_may_have_a_seeding_mode_of_its_own(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots=1)
    own, other = seeding(node, 2)
    for torrent in (own, other):
        for peer in dial(network, node, torrent, 4):
            greedy = peer.address.host.endswith(".1")
            peer.answer = take_slowly(peer, 5.0 if greedy else 50.0)
    assert (len(holders(network, own)), len(holders(network, other))) == (4, 4)
    view = node.control.find(own.record.id)
    assert view is not None
    assert view.seed_choking == "session"
    network.result(node.control.change(view, TorrentChanges(seed_choking="fastest_upload")))
    assert node.store.rows[own.record.id].seed_choking == view.seed_choking == "fastest_upload"
    network.run(60)
    assert (len(holders(network, own, 10)), len(holders(network, other))) == (1, 4)
    network.result(node.control.change_settings({"seed_choking": "fastest_upload"}))
    network.result(node.control.change(view, TorrentChanges(seed_choking="round_robin")))
    network.run(60)
    assert (len(holders(network, own)), len(holders(network, other, 10))) == (4, 1)


def test_peers_on_trial_are_marked(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", upload_slots=2)
    (torrent,) = seeding(node)
    dial(network, node, torrent, 6)
    network.run(45)
    view = node.control.find(torrent.record.id)
    assert view is not None
    flags = sorted(peer.flag_string for peer in view.peers)
    assert sum("U" in each for each in flags) == 3
    assert sum("O" in each for each in flags) == 1
