"""Hole punching in a session (BEP 55): what it relays, and whom it meets through others."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions import ut_holepunch, ut_pex
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.extensions.ut_holepunch import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
)
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer
from p2pd.session.peers.peer_extensions import LOCAL_IDS
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

DATA = {"data": bytes(range(256)) * 640}
TORRENT = make_torrent(DATA, piece_length=16 * 1024)
PRIVATE = make_torrent(DATA, piece_length=16 * 1024, private=True)
HASH = parse_torrent(TORRENT).info_hashes.wire_ids[0]
THEIRS = 8
"""The id under which scripted peers want such messages."""

HIDDEN = PeerAddress("198.51.100.99", 6881)
"""Where nobody answers."""


class Puncher:
    """A transport over UDP, as far as it is told whom to dial."""

    def __init__(self) -> None:
        self.punched: list[PeerAddress] = []

    def punch(self, torrent: Any, address: PeerAddress) -> None:
        """Noted."""
        assert torrent.running
        self.punched.append(address)


@pytest.fixture
def puncher() -> Puncher:
    """What the node has."""
    return Puncher()


@pytest.fixture
def mine(network: MemoryNetwork, puncher: Puncher) -> SimNode:
    """A node that can punch holes, with a torrent."""
    made = SimNode(network, "192.0.2.1", pex_enabled=True, hole_puncher=puncher)
    made.add(TORRENT)
    return made


def joins(node: SimNode, host: str, *, speaks: bool = True, port: int = 6881) -> ScriptedPeer:
    """A peer connects."""
    peer = ScriptedPeer(node.network, host, HASH)
    peer.dial(node.address)
    names = {ut_pex.NAME: 9} | ({ut_holepunch.NAME: THEIRS} if speaks else {})
    peer.send(wire.Extended(0, ExtensionHandshake(names, port=port).encode()))
    node.network.run(1)
    return peer


def say(peer: ScriptedPeer, kind: HolepunchKind, address: PeerAddress, error: int = 0) -> None:
    """Send a message."""
    payload = HolepunchMessage(kind, address, error).encode()
    peer.send(wire.Extended(LOCAL_IDS[ut_holepunch.NAME], payload))
    peer.network.run(1)


def heard(peer: ScriptedPeer) -> list[HolepunchMessage]:
    """What came."""
    told = [each.payload for each in peer.of_kind(wire.Extended) if each.id == THEIRS]
    return [message for message in map(ut_holepunch.parse, told) if message is not None]


def connect(host: str, port: int = 6881) -> HolepunchMessage:
    """The message."""
    return HolepunchMessage(HolepunchKind.CONNECT, PeerAddress(host, port))


def tells_of_hidden(peer: ScriptedPeer, flags: int = ut_pex.HOLEPUNCH) -> None:
    """By peer exchange."""
    message = PexMessage((PexPeer(HIDDEN, flags),))
    peer.send(wire.Extended(LOCAL_IDS[ut_pex.NAME], message.encode()))
    peer.network.run(20)


def test_two_peers_are_told_to_dial_each_other(mine: SimNode) -> None:
    one, two = joins(mine, "203.0.113.1"), joins(mine, "203.0.113.2", port=7002)
    say(one, HolepunchKind.RENDEZVOUS, PeerAddress("203.0.113.2", 7002))
    assert heard(one) == [connect("203.0.113.2", 7002)]
    assert heard(two) == [connect("203.0.113.1")]
    assert mine.session.counts.holepunch.relayed == 1


def test_a_relay_needs_no_transport_that_punches(network: MemoryNetwork) -> None:
    relay = SimNode(network, "192.0.2.1", pex_enabled=True)
    relay.add(TORRENT)
    one, two = joins(relay, "203.0.113.1"), joins(relay, "203.0.113.2")
    say(one, HolepunchKind.RENDEZVOUS, PeerAddress("203.0.113.2", 6881))
    assert heard(two) == [connect("203.0.113.1")]
    say(one, HolepunchKind.CONNECT, HIDDEN)
    tells_of_hidden(one)
    assert relay.session.counts.holepunch.told == relay.session.counts.holepunch.asked == 0


def test_why_not_is_said(mine: SimNode) -> None:
    one = joins(mine, "203.0.113.1")
    joins(mine, "203.0.113.2", speaks=False)
    for address in (HIDDEN, PeerAddress("203.0.113.2", 6881)):
        say(one, HolepunchKind.RENDEZVOUS, address)
    assert [HolepunchError(message.error) for message in heard(one)] == [
        HolepunchError.NOT_CONNECTED,
        HolepunchError.NO_SUPPORT,
    ]
    assert heard(one)[0].address == HIDDEN


def test_who_does_not_speak_it_is_not_answered(mine: SimNode) -> None:
    one, two = joins(mine, "203.0.113.1", speaks=False), joins(mine, "203.0.113.2")
    say(one, HolepunchKind.RENDEZVOUS, PeerAddress("203.0.113.2", 6881))
    assert not heard(one)
    assert not heard(two)
    assert one.closed is None


def test_private_torrents_have_no_part_in_it(network: MemoryNetwork, puncher: Puncher) -> None:
    mine = SimNode(network, "192.0.2.1", pex_enabled=True, hole_puncher=puncher)
    mine.add(PRIVATE)
    hash_ = parse_torrent(PRIVATE).info_hashes.wire_ids[0]
    peers = []
    for host in ("203.0.113.1", "203.0.113.2"):
        peer = ScriptedPeer(network, host, hash_)
        peer.dial(mine.address)
        names = {ut_holepunch.NAME: THEIRS}
        peer.send(wire.Extended(0, ExtensionHandshake(names, port=6881).encode()))
        peers.append(peer)
    network.run(1)
    (offer, *_) = (each.payload for each in peers[0].of_kind(wire.Extended) if not each.id)
    assert ut_holepunch.NAME not in ExtensionHandshake.parse(offer).messages
    say(peers[0], HolepunchKind.RENDEZVOUS, PeerAddress("203.0.113.2", 6881))
    say(peers[0], HolepunchKind.CONNECT, HIDDEN)
    assert not heard(peers[0])
    assert not heard(peers[1])
    assert not puncher.punched


def test_whom_we_cannot_dial_a_relay_is_asked_for(mine: SimNode, puncher: Puncher) -> None:
    relay = joins(mine, "203.0.113.1")
    tells_of_hidden(relay)
    assert heard(relay) == [HolepunchMessage(HolepunchKind.RENDEZVOUS, HIDDEN)]
    say(relay, HolepunchKind.CONNECT, HIDDEN)
    assert puncher.punched == [HIDDEN]
    mine.network.run(60)
    assert len(heard(relay)) == 1, "asked again so soon"


def test_another_relay_is_asked_when_one_says_no(mine: SimNode) -> None:
    first, second = joins(mine, "203.0.113.1"), joins(mine, "203.0.113.2")
    message = PexMessage((PexPeer(HIDDEN, ut_pex.HOLEPUNCH),))
    for relay in (first, second):
        relay.send(wire.Extended(LOCAL_IDS[ut_pex.NAME], message.encode()))
    mine.network.run(20)
    asked, other = (second, first) if heard(second) else (first, second)
    assert len(heard(asked)) == 1
    assert not heard(other)
    say(asked, HolepunchKind.ERROR, HIDDEN, HolepunchError.NOT_CONNECTED)
    assert heard(other) == [HolepunchMessage(HolepunchKind.RENDEZVOUS, HIDDEN)]


@pytest.mark.parametrize("flags", [0, ut_pex.UTP | ut_pex.REACHABLE])
def test_nobody_is_asked_for_whom_does_not_take_part(mine: SimNode, flags: int) -> None:
    relay = joins(mine, "203.0.113.1")
    tells_of_hidden(relay, flags)
    assert not heard(relay)


def test_a_peer_that_answers_but_lets_us_not_in_is_not_met_through_others(
    mine: SimNode,
) -> None:
    network = mine.network
    relay = joins(mine, "203.0.113.1")
    elsewhere = ScriptedPeer(network, HIDDEN.host, bytes(20), peer_id=bytes(20))
    elsewhere.listen()
    tells_of_hidden(relay)
    assert elsewhere.connections >= 1
    assert not heard(relay)


def test_who_asks_for_us_is_dialled(mine: SimNode, puncher: Puncher) -> None:
    relay = joins(mine, "203.0.113.1")
    say(relay, HolepunchKind.CONNECT, HIDDEN)
    assert puncher.punched == [HIDDEN]
    assert not heard(relay)


@pytest.mark.parametrize(
    "address",
    [
        PeerAddress("192.168.1.7", 6881),
        PeerAddress("127.0.0.1", 6881),
        PeerAddress("224.0.0.1", 6881),
        PeerAddress("0.0.0.0", 6881),
        PeerAddress("198.51.100.99", 0),
        PeerAddress("203.0.113.1", 6881),
    ],
)
def test_what_a_relay_may_not_have_us_dial(
    mine: SimNode, puncher: Puncher, address: PeerAddress
) -> None:
    relay = joins(mine, "203.0.113.1")
    say(relay, HolepunchKind.CONNECT, address)
    assert not puncher.punched
    assert not heard(relay), "it is not told why"
    assert relay.closed is None


def test_who_is_banned_is_not_met(mine: SimNode, puncher: Puncher) -> None:
    relay = joins(mine, "203.0.113.1")
    mine.session.bans.ban([PeerAddress(HIDDEN.host, 0)], "unwanted", None)
    say(relay, HolepunchKind.CONNECT, HIDDEN)
    assert not puncher.punched


def test_a_relay_cannot_have_us_dial_many(mine: SimNode, puncher: Puncher) -> None:
    relay = joins(mine, "203.0.113.1")
    for port in range(1, 60):
        payload = connect("198.51.100.99", port).encode()
        relay.send(wire.Extended(LOCAL_IDS[ut_holepunch.NAME], payload))
    mine.network.run(1)
    assert len(puncher.punched) == 10
    assert mine.session.counts.holepunch.ignored == 49


@pytest.mark.parametrize("payload", [b"\0\0abc", b"\0\7" + bytes(10), b""])
def test_garbage_ends_the_connection(mine: SimNode, payload: bytes) -> None:
    relay = joins(mine, "203.0.113.1")
    relay.send(wire.Extended(LOCAL_IDS[ut_holepunch.NAME], payload))
    mine.network.run(1)
    assert relay.closed is not None


def test_peers_are_told_who_takes_part(mine: SimNode) -> None:
    one = joins(mine, "203.0.113.1")
    joins(mine, "203.0.113.2")
    mine.network.run(10)
    (told,) = [ut_pex.parse(each.payload) for each in one.of_kind(wire.Extended) if each.id == 9]
    assert told.added[0].flags & ut_pex.HOLEPUNCH
