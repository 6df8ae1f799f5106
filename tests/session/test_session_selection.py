"""What is downloaded and in which order: memory, chosen files, sequence."""

from __future__ import annotations

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions.registry import HANDSHAKE_ID, ExtensionHandshake
from p2pd.session.api import TorrentStatus
from p2pd.session.session_parts import SessionLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import PieceIndexError, TorrentChanges
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent
from tests.session.three_files import FILES, PIECE, TORRENT, have


def test_a_torrent_without_memory_goes_on_when_another_gives_some_back(
    network: MemoryNetwork,
) -> None:
    """The budget holds one piece, and two torrents want it."""
    other = make_torrent({"o.bin": FILES["a.bin"]}, name="other", piece_length=PIECE)
    seed = SimNode(network, "10.0.0.1")
    seed.put(TORRENT, FILES)
    seed.put(other, {"o.bin": FILES["a.bin"]})
    node = SimNode(
        network, "10.0.0.2", limits=SessionLimits(memory_in_flight=PIECE, check_workers=1)
    )
    torrents = [node.add(TORRENT), node.add(other)]
    for torrent in torrents:
        node.connect(torrent, seed.address)
    for _ in range(100):
        network.run(0.01)
        assert node.session.budget.used <= PIECE
    network.run_until(lambda: all(t.record.completed_at for t in torrents), limit=120)
    assert node.session.budget.used == 0


def test_a_piece_larger_than_the_whole_budget_is_fetched(network: MemoryNetwork) -> None:
    seed = SimNode(network, "10.0.0.1")
    seed.put(TORRENT, FILES)
    limits = SessionLimits(memory_in_flight=16384, check_workers=1)
    node = SimNode(network, "10.0.0.2", limits=limits)
    torrent = node.add(TORRENT)
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at, limit=120)


def test_unwanted_files_are_left_out_and_fetched_when_they_are_wanted_later(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    torrent = node.add(TORRENT, files_unwanted=(1,))
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at)
    assert set(have(torrent)) == {*range(10), *range(20, 30)}
    assert view.percent_done == 1
    assert view.left_until_done == 0
    assert view.status == TorrentStatus.SEEDING
    assert node.announcers[0].events == ["started"], "a partial seed has not completed (BEP 21)"
    told = torrent.trackers.totals()
    assert (told.left, told.partial) == (10 * PIECE, True)
    network.result(node.control.change(view, TorrentChanges(files_wanted=(1,))))
    assert view.left_until_done == 10 * PIECE
    assert not torrent.trackers.totals().partial
    network.run_until(lambda: have(torrent).is_full, limit=100)
    network.run(1)
    assert node.announcers[0].events == ["started", "completed"]


@pytest.mark.parametrize("speaks", [True, False])
def test_peers_hear_that_a_partial_seed_wants_more(
    network: MemoryNetwork, node: SimNode, seed: SimNode, speaks: bool
) -> None:
    """Else they would go on keeping their upload slots for others (BEP 21)."""
    torrent = node.add(TORRENT, files_unwanted=(1,))
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at)
    peer = ScriptedPeer(network, "10.0.0.9", torrent.info_hashes.wire_ids[0])
    peer.dial(node.address)
    handshake = ExtensionHandshake(messages={"upload_only": 7} if speaks else {})
    peer.send(wire.HaveNone(), wire.Extended(HANDSHAKE_ID, handshake.encode()))
    network.run(30)
    view = node.control.find(torrent.record.id)
    assert view is not None
    before = len(peer.of_kind(wire.Extended))
    network.result(node.control.change(view, TorrentChanges(files_wanted=(1,))))
    network.run(0.1)
    (told,) = peer.of_kind(wire.Extended)[before:]
    if speaks:
        assert told == wire.Extended(7, b"\0")
    else:
        assert ExtensionHandshake.parse(told.payload).upload_only is False
    network.run_until(lambda: have(torrent).is_full, limit=100)


def test_a_file_that_is_no_longer_wanted_is_left_in_the_middle(
    network: MemoryNetwork, node: SimNode
) -> None:
    torrent = node.add(TORRENT)
    peer = ScriptedPeer(network, "10.0.0.9", torrent.info_hashes.wire_ids[0])
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    network.run(0.1)
    assert node.session.budget.used > 0
    view = node.control.find(torrent.record.id)
    assert view is not None
    network.result(node.control.change(view, TorrentChanges(files_unwanted=(0, 1, 2))))
    network.run(0.1)
    assert node.session.budget.used == 0
    assert peer.of_kind(wire.NotInterested)
    asked = {tuple(request) for request in peer.of_kind(wire.Request)}
    assert {tuple(cancel) for cancel in peer.of_kind(wire.Cancel)} == asked, "none is its fault"


def test_sequential_asks_in_order(network: MemoryNetwork, node: SimNode) -> None:
    torrent = node.add(TORRENT, sequential=True)
    peer = ScriptedPeer(network, "10.0.0.9", torrent.info_hashes.wire_ids[0])
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    network.run(0.1)
    asked = [(r.piece, r.begin) for r in peer.of_kind(wire.Request)]
    assert asked == [(i // 2, i % 2 * 16384) for i in range(len(asked))]
    assert len(asked) >= 4


def order_asked(network: MemoryNetwork, node: SimNode, torrent: Torrent, host: str) -> list[int]:
    """The pieces in the order in which a seed that gives nothing is asked for them."""
    peer = ScriptedPeer(network, host, torrent.info_hashes.wire_ids[0])
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    network.run(0.1)
    asked = list(dict.fromkeys(request.piece for request in peer.of_kind(wire.Request)))
    peer.hang_up()
    network.run(0.1)
    return asked


def test_a_sequence_begins_where_the_caller_says(network: MemoryNetwork, node: SimNode) -> None:
    torrent = node.add(TORRENT, sequential=True, sequential_from=25)
    assert order_asked(network, node, torrent, "10.0.0.3")[:3] == [25, 26, 27]
    view = node.control.find(torrent.record.id)
    assert view is not None
    assert view.sequential_from == 25
    network.result(node.control.change(view, TorrentChanges(sequential_from=29)))
    assert node.store.rows[torrent.record.id].sequential_from == 29
    assert order_asked(network, node, torrent, "10.0.0.4")[:3] == [29, 0, 1]
    network.result(node.control.change(view, TorrentChanges(labels=("x",))))
    network.result(node.control.verify(view))
    network.run(5)
    assert order_asked(network, node, torrent, "10.0.0.5")[:3] == [29, 0, 1]


def test_a_sequence_cannot_begin_outside_the_torrent(network: MemoryNetwork, node: SimNode) -> None:
    with pytest.raises(PieceIndexError, match="has 30 pieces"):
        node.add(TORRENT, sequential_from=30)
    assert len(node.session.torrents) == 0
    view = node.control.find(node.add(TORRENT, sequential_from=29).record.id)
    assert view is not None
    with pytest.raises(PieceIndexError, match="has 30 pieces"):
        network.result(node.control.change(view, TorrentChanges(sequential_from=30)))
    assert view.sequential_from == 29


def test_a_magnet_whose_sequence_begins_outside_begins_at_the_first_piece(
    network: MemoryNetwork, node: SimNode, seed: SimNode
) -> None:
    hash_ = parse_torrent(TORRENT).info_hashes.wire_ids[0].hex()
    torrent = node.add(f"magnet:?xt=urn:btih:{hash_}", sequential=True, sequential_from=9999)
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.record.completed_at, limit=60)
