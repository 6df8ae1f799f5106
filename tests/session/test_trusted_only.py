"""Torrents that are for trusted nodes alone: others hear nothing, whatever they know."""

from __future__ import annotations

from typing import Any, Sequence

import pytest
from twisted.internet.defer import Deferred

from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire.connection import Event
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.messages import Extended
from p2pd.session.connecting import proving
from p2pd.session.connecting.arrivals import HandshakeEnd
from p2pd.session.connecting.proving import PROOF_SECONDS
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode
from p2pd.testing.memory_store import MemoryNodeKey
from tests.session.test_session_nodes import DATA, TORRENT, key_of, made
from tests.session.tls_swarm import FILES as TLS_FILES
from tests.session.tls_swarm import give, of_everybody, tls_torrent
from tests.session.tls_swarm import node as tls_node

FILES = {"data": DATA}
SLOWLY: dict[str, Any] = {"speed_limit_down": 20, "speed_limit_down_enabled": True}
"""So that they do not part at once, since both have everything."""
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]


def closed(at: SimNode, torrent: Torrent, on: bool = True) -> None:
    """Have it be for trusted nodes alone, or not."""
    view = at.control.find(torrent.record.id)
    assert view is not None
    at.network.result(at.control.change(view, TorrentChanges(trusted_only=on)))


def trust(one: SimNode, other: SimNode) -> None:
    """Of one side."""
    one.session.nodes.trust(key_of(other), "other")


def pair(
    network: MemoryNetwork, identity: str = "trusted", **options: Any
) -> tuple[SimNode, Torrent, SimNode, Torrent]:
    """A seed of a torrent for trusted nodes alone, and somebody who wants it."""
    seed, other = made(network, 1, identity), made(network, 2, identity, **options)
    had, wanted = seed.put(TORRENT, FILES), other.add(TORRENT)
    closed(seed, had)
    return seed, had, other, wanted


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Torrent, Event]]:
    """What peers told the torrents of all nodes that let them in."""
    found: list[tuple[Torrent, Event]] = []
    handle = PeerSession.handle

    def handled(self: PeerSession, events: Sequence[Event], now: float) -> None:
        owner = self.torrent._owner  # type: ignore[attr-defined]
        found.extend((owner, event) for event in events)
        handle(self, events, now)

    monkeypatch.setattr(PeerSession, "handle", handled)
    return found


def said_nothing(heard: list[tuple[Torrent, Event]], torrent: Torrent) -> bool:
    """Whether a torrent heard no more than that its peer speaks of nodes."""
    for owner, event in heard:
        if owner is not torrent:
            continue
        assert isinstance(event, Extended), event
        if event.id == 0:
            told = ExtensionHandshake.parse(event.payload)
            assert told == ExtensionHandshake(messages={"p2pd_node": 7})
        else:
            assert event.id == 7
    return True


@pytest.mark.parametrize("seed_dials", [False, True])
@pytest.mark.parametrize("gates", ["seed", "leecher", "both"])
def test_trusted_nodes_have_all_of_it(network: MemoryNetwork, gates: str, seed_dials: bool) -> None:
    seed, had, other, wanted = pair(network, **SLOWLY)
    trust(seed, other)
    trust(other, seed)
    closed(seed, had, gates != "leecher")
    closed(other, wanted, gates != "seed")
    if seed_dials:
        seed.connect(had, other.address)
    else:
        other.connect(wanted, seed.address)
    network.run_until(lambda: wanted.connected and had.connected, limit=5)
    network.run(0.2)
    assert [peer.node_key for peer in had.connected] == [key_of(other)]
    assert [peer.node_key for peer in wanted.connected] == [key_of(seed)]
    network.run_until(wanted.is_complete, limit=60)
    assert seed.session.connections.failed == other.session.connections.failed == {}


def test_metadata_goes_to_trusted_nodes(network: MemoryNetwork) -> None:
    seed, other = made(network, 1, "all"), made(network, 2, "all")
    had = seed.put(TORRENT, FILES)
    closed(seed, had)
    wanted = other.add(f"magnet:?xt=urn:btih:{HASH.hex()}")
    trust(seed, other)
    other.connect(wanted, seed.address)
    network.run_until(wanted.is_complete, limit=60)


@pytest.mark.parametrize("identity", ["all", "trusted", "off"])
def test_who_is_not_trusted_hears_nothing(
    network: MemoryNetwork, heard: list[tuple[Torrent, Event]], identity: str
) -> None:
    seed, had, other, wanted = pair(network)
    third = made(network, 3)
    trust(seed, third)
    trust(other, seed)
    other.session.settings.peer_identity = identity
    other.connect(wanted, seed.address)
    network.run(PROOF_SECONDS + 5)
    assert not had.connected
    assert not wanted.connected
    assert seed.session.connections.failed[HandshakeEnd.NOT_PROVED] >= 1
    assert said_nothing(heard, wanted)
    assert not wanted.is_complete()
    assert len(other.session.connections._handshakes) == 0


def test_while_nobody_is_trusted_nobody_is_let_in(
    network: MemoryNetwork, heard: list[tuple[Torrent, Event]]
) -> None:
    seed, had, other, wanted = pair(network, "all")
    other.connect(wanted, seed.address)
    network.run(2)
    assert not had.connected
    assert seed.session.connections.failed == {HandshakeEnd.NOT_PROVED: 1}
    assert [event for owner, event in heard if owner is wanted] == []


def test_a_node_that_tells_nobody_who_it_is_lets_nobody_in(network: MemoryNetwork) -> None:
    seed, had, other, wanted = pair(network, "all")
    trust(seed, other)
    seed.session.settings.peer_identity = "off"
    other.connect(wanted, seed.address)
    network.run(2)
    assert not had.connected
    assert seed.session.connections.failed == {HandshakeEnd.NOT_PROVED: 1}


@pytest.mark.parametrize("dials", [False, True])
def test_who_does_not_prove_in_time_is_refused(
    network: MemoryNetwork,
    monkeypatch: pytest.MonkeyPatch,
    heard: list[tuple[Torrent, Event]],
    dials: bool,
) -> None:
    seed, had, other, wanted = pair(network, "all")
    trust(seed, other)
    monkeypatch.setattr(other.session.nodes, "prove", lambda channel: Deferred())
    if dials:
        seed.connect(had, other.address)
    else:
        other.connect(wanted, seed.address)
    network.run(PROOF_SECONDS - 1)
    assert wanted.connected, "it is still asked"
    assert not had.connected
    network.run(3)
    assert not wanted.connected
    assert seed.session.connections.failed == {HandshakeEnd.NOT_PROVED: 1}
    assert said_nothing(heard, wanted)


@pytest.mark.parametrize(("name", "most"), [("MOST_EVENTS", 1), ("MOST_BYTES", 10)])
def test_who_says_too_much_before_it_proved_anything_is_refused(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(proving, name, most)
    seed, had, other, wanted = pair(network, "all")
    trust(seed, other)
    other.connect(wanted, seed.address)
    network.run(2)
    assert not had.connected
    assert seed.session.connections.failed == {HandshakeEnd.GARBAGE: 1}


def test_in_the_clear_nothing_can_be_proved(network: MemoryNetwork) -> None:
    seed = made(network, 1, encryption="allowed")
    had = seed.put(TORRENT, FILES)
    closed(seed, had)
    trust(seed, made(network, 2))
    peer = ScriptedPeer(network, "10.0.0.9", HASH)
    peer.dial(seed.address)
    network.run(1)
    assert peer.closed is not None
    assert len(peer.received) == 1, "the handshake of BitTorrent"
    assert seed.session.connections.failed == {HandshakeEnd.NOT_BOUND: 1}


def test_who_dials_in_the_clear_tries_what_can_be_proved(network: MemoryNetwork) -> None:
    seed, had, other, wanted = pair(network)
    for one, torrent, whom in ((seed, had, other), (other, wanted, seed)):
        closed(one, torrent)
        trust(one, whom)
    seed.session.settings.encryption = "preferred"
    other.session.settings.encryption = "allowed"
    other.connect(wanted, seed.address)
    network.run_until(wanted.is_complete, limit=60)
    assert other.session.connections.failed == {HandshakeEnd.NOT_BOUND: 1}


def test_who_is_connected_has_to_be_trusted_when_that_is_asked(network: MemoryNetwork) -> None:
    seed, had, other, wanted = pair(
        network, "all", speed_limit_down=1, speed_limit_down_enabled=True
    )
    third = made(network, 3, "all", speed_limit_down=1, speed_limit_down_enabled=True)
    also = third.add(TORRENT)
    closed(seed, had, False)
    trust(seed, other)
    for one, torrent in ((other, wanted), (third, also)):
        one.connect(torrent, seed.address)
    network.run(3)
    assert len(had.connected) == 2
    closed(seed, had)
    assert [peer.node_key for peer in had.connected] == [key_of(other)]
    seed.control.nodes.untrust([key_of(other)])
    assert not had.connected
    network.run(60)
    assert not had.connected


def test_strangers_do_not_wake_a_torrent_at_rest_and_trusted_nodes_do(
    network: MemoryNetwork,
) -> None:
    seed, had, other, wanted = pair(network, "all")
    third = made(network, 3, "all")
    also = third.add(TORRENT)
    trust(seed, other)
    network.run(REST_SECONDS + 5)
    assert had.resting
    third.connect(also, seed.address)
    network.run(PROOF_SECONDS + 2)
    assert had.resting
    assert seed.session.connections.failed[HandshakeEnd.NOT_PROVED] >= 1
    other.connect(wanted, seed.address)
    network.run_until(wanted.is_complete, limit=60)


def test_who_is_not_trusted_any_more_when_it_was_woken_is_refused(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, had, other, wanted = pair(network, "all")
    trust(seed, other)
    network.run(REST_SECONDS + 5)
    wake = seed.session.resting.wake

    async def woken(torrent: Torrent) -> None:
        await wake(torrent)
        seed.session.nodes.untrust([key_of(other)])

    monkeypatch.setattr(seed.session.resting, "wake", woken)
    other.connect(wanted, seed.address)
    network.run(2)
    assert not had.connected
    assert seed.session.connections.refused == {"not_wanted": 1}


def test_over_tls_too(network: MemoryNetwork, heard: list[tuple[Torrent, Event]]) -> None:
    nodes = [
        tls_node(
            network,
            f"10.0.0.{last}",
            peer_identity="all",
            node_key=MemoryNodeKey(bytes([last]) * 32),
        )
        for last in (1, 2, 3)
    ]
    seed, other, stranger = nodes
    had = seed.put(tls_torrent(), TLS_FILES)
    wanted, also = other.add(tls_torrent()), stranger.add(tls_torrent())
    closed(seed, had)
    for each, torrent in zip(nodes, (had, wanted, also), strict=True):
        give(each, torrent, of_everybody())
    trust(seed, other)
    stranger.connect(also, seed.tls_address)
    other.connect(wanted, seed.tls_address)
    network.run_until(wanted.is_complete, limit=60)
    assert not also.connected
    assert said_nothing(heard, also)


def test_it_is_told_and_what_follows_it_is_closed_as_well(network: MemoryNetwork) -> None:
    seed = made(network, 1)
    torrent = seed.add(TORRENT)
    view = seed.control.find(torrent.record.id)
    assert view is not None
    assert not view.trusted_only
    closed(seed, torrent)
    assert view.trusted_only
