"""Pieces that a client waits for: they come first, and of a second peer when they are late."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.base.requests import Request
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import Event
from p2pd.session.api import TorrentView
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import PieceIndexError, TorrentChanges
from p2pd.swarm.deadlines import HURRY_SECONDS, DeadlineWindow
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 32 * 1024
COUNT = 40
DATA = random.Random(1).randbytes(COUNT * PIECE)
TORRENT = make_torrent({"data": DATA}, piece_length=PIECE)
INFO_HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A node that wants the torrent."""
    return SimNode(network, "10.0.0.1")


@pytest.fixture
def torrent(node: SimNode) -> Torrent:
    """The torrent it wants."""
    return node.add(TORRENT)


def view_of(node: SimNode, torrent: Torrent) -> TorrentView:
    """What is shown of it."""
    view = node.control.find(torrent.record.id)
    assert view is not None
    return view


def set_deadlines(node: SimNode, torrent: Torrent, *windows: DeadlineWindow) -> None:
    """As a client does."""
    changes = TorrentChanges(deadlines=windows)
    node.network.result(node.control.change(view_of(node, torrent), changes))


def seed(network: MemoryNetwork, node: SimNode, host: str, every: float | None) -> ScriptedPeer:
    """A seed that answers one request `every` so many seconds; None: it never does."""
    peer = ScriptedPeer(network, host, INFO_HASH)
    waiting: list[Request] = []

    def serve() -> None:
        if waiting:
            piece, begin, length = waiting.pop(0)
            start = piece * PIECE + begin
            peer.send(wire.Block(piece, begin, DATA[start : start + length]))
        network.clock.callLater(every or 0.0, serve)

    def take(event: Event) -> None:
        if isinstance(event, wire.Request):
            waiting.append(Request(*event))

    peer.answer = take
    peer.dial(node.address)
    peer.send(wire.HaveAll(), wire.Unchoke())
    if every is not None:
        serve()
    network.run(0.1)
    return peer


def pieces_asked(peer: ScriptedPeer) -> list[int]:
    """Each piece once, in the order in which they were asked for."""
    return list(dict.fromkeys(request.piece for request in peer.of_kind(wire.Request)))


def test_what_is_due_is_asked_for_first_in_its_order(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    set_deadlines(node, torrent, DeadlineWindow(30, 3, 60.0, 0.5), DeadlineWindow(5, seconds=61.0))
    pieces, seconds = zip(*view_of(node, torrent).deadlines(), strict=True)
    assert pieces == (30, 5, 31, 32)
    assert seconds == pytest.approx((60.0, 61.0, 62.0, 64.0))
    peer = seed(network, node, "10.0.0.2", 0.01)
    network.run_until(lambda: torrent.record.completed_at, limit=60)
    assert pieces_asked(peer)[:4] == [30, 5, 31, 32]
    assert view_of(node, torrent).deadlines() == []


def test_deadlines_change_what_a_connected_peer_is_asked_for(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    peer = seed(network, node, "10.0.0.2", 0.5)
    network.run(5)
    before = len(pieces_asked(peer))
    due = [piece for piece in range(COUNT) if piece not in pieces_asked(peer)][-3:]
    set_deadlines(node, torrent, *(DeadlineWindow(piece, seconds=9.0) for piece in due))
    network.run(15)
    assert pieces_asked(peer)[before : before + 3] == due
    set_deadlines(node, torrent)
    assert view_of(node, torrent).deadlines() == []


def test_what_is_about_to_be_late_is_asked_of_a_second_peer(
    network: MemoryNetwork, node: SimNode, torrent: Torrent
) -> None:
    """The first never answers; nothing but the torrent's own clock tells that time is short."""
    set_deadlines(node, torrent, DeadlineWindow(7, seconds=20.0))
    silent = seed(network, node, "10.0.0.2", None)
    assert pieces_asked(silent)[0] == 7
    other = seed(network, node, "10.0.0.3", 0.5)
    network.run(20.0 - HURRY_SECONDS - 1)
    assert 7 not in pieces_asked(other)
    network.run(4)
    assert 7 in pieces_asked(other)
    assert len(pieces_asked(other)) < COUNT, "it was not the end game"


def test_an_idle_torrent_with_deadlines_is_not_ticked(
    network: MemoryNetwork, node: SimNode, torrent: Torrent, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.run(5)
    set_deadlines(node, torrent, DeadlineWindow(7, seconds=20.0))
    network.run(3)
    ticks: list[float] = []
    monkeypatch.setattr(type(torrent), "tick", lambda self, now: ticks.append(now))
    network.run(30)
    assert ticks == []
    assert view_of(node, torrent).deadlines() == [(7, pytest.approx(-13.0))]


def test_deadlines_of_unwanted_pieces_are_not_shown(node: SimNode) -> None:
    files: dict[str, bytes] = {"a": DATA[:PIECE], "b": DATA[:PIECE]}
    torrent = node.add(make_torrent(files, piece_length=PIECE), files_unwanted=(0,))
    set_deadlines(node, torrent, DeadlineWindow(0, 2))
    assert [piece for piece, _ in view_of(node, torrent).deadlines()] == [1]


@pytest.mark.parametrize("window", [DeadlineWindow(COUNT), DeadlineWindow(0, COUNT + 1)])
def test_deadlines_outside_the_torrent_change_nothing(
    node: SimNode, torrent: Torrent, window: Any
) -> None:
    changes = TorrentChanges(deadlines=(window,), labels=("x",))
    with pytest.raises(PieceIndexError, match="has 40 pieces"):
        node.network.result(node.control.change(view_of(node, torrent), changes))
    assert view_of(node, torrent).labels == ()


def test_a_magnet_has_no_pieces_yet(node: SimNode) -> None:
    torrent = node.add(f"magnet:?xt=urn:btih:{INFO_HASH.hex()}")
    assert view_of(node, torrent).deadlines() == []
    set_deadlines(node, torrent)
    with pytest.raises(P2pdError, match="its pieces are not known"):
        set_deadlines(node, torrent, DeadlineWindow(0))
