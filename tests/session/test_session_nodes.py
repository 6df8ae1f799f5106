"""Nodes that prove to each other who they are, over a session's connections; and who does not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent import Torrent
from p2pd.swarm.bans import Bans
from p2pd.swarm.preference import Distance
from p2pd.swarm.trusted_nodes import TrustedNode
from p2pd.testing import MemoryNetwork, SimNode, make_torrent
from p2pd.testing.memory_store import MemoryNodeKey, MemoryTrustedNodes

DATA = random.Random(7).randbytes(200_000)
TORRENT = make_torrent({"data": DATA}, piece_length=65_536)
PRIVATE = make_torrent({"data": DATA}, piece_length=65_536, private=True)


def made(network: MemoryNetwork, last: int, identity: str = "all", **options: Any) -> SimNode:
    options = {"encryption": "required", "node_key": MemoryNodeKey(bytes([last]) * 32), **options}
    return SimNode(network, f"10.0.0.{last}", peer_identity=identity, **options)


def key_of(node: SimNode) -> bytes:
    own = node.session.nodes.own
    assert own is not None
    return own.public


def met(
    network: MemoryNetwork, one: SimNode, other: SimNode, torrent: bytes = TORRENT
) -> tuple[list[PeerSession], list[PeerSession]]:
    """The first dials the second; what each has of the other after some seconds."""
    ours, theirs = [node.session.torrents.by_id(1) or node.add(torrent) for node in (one, other)]
    one.connect(ours, other.address)
    network.run(5)
    return list(ours.peers), list(theirs.peers)


def keys(peers: list[PeerSession]) -> list[bytes]:
    return [peer.node_key for peer in peers]


def test_two_that_say_it_to_all_know_each_other(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    ours, theirs = met(network, one, other)
    assert keys(ours) == [key_of(other)]
    assert keys(theirs) == [key_of(one)]
    assert key_of(one) != key_of(other)
    assert one.session.nodes.outcomes == {"proved": 1}


@pytest.mark.parametrize("encryption", ["off", "allowed"])
def test_in_the_clear_nobody_says_who_he_is(network: MemoryNetwork, encryption: str) -> None:
    one = made(network, 1, encryption=encryption)
    other = made(network, 2, encryption=encryption)
    ours, theirs = met(network, one, other)
    assert keys(ours) == keys(theirs) == [b""]
    assert not any(peer.extensions.speaks("p2pd_node") for peer in (*ours, *theirs))


def test_a_handshake_that_is_encrypted_alone_is_not_enough(network: MemoryNetwork) -> None:
    one = made(network, 1, encryption="preferred")
    other = made(network, 2, encryption="allowed")
    ours, theirs = met(network, one, other)
    for peer in (*ours, *theirs):
        assert bool(peer.node_key) is peer.encrypted


def test_who_says_it_to_nobody_hears_it_of_nobody(network: MemoryNetwork) -> None:
    one, other = made(network, 1, "off"), made(network, 2)
    ours, theirs = met(network, one, other)
    assert keys(ours) == keys(theirs) == [b""]
    assert not theirs[0].extensions.speaks("p2pd_node")


def test_strangers_hear_nothing_of_who_says_it_to_trusted_nodes(network: MemoryNetwork) -> None:
    one, other = made(network, 1, "trusted"), made(network, 2, "trusted")
    ours, theirs = met(network, one, other)
    assert keys(ours) == keys(theirs) == [b""]


def test_two_that_trust_each_other_recognize_each_other(network: MemoryNetwork) -> None:
    one, other = made(network, 1, "trusted"), made(network, 2, "trusted")
    one.session.nodes.trust(key_of(other), "other")
    other.session.nodes.trust(key_of(one), "one")
    ours, theirs = met(network, one, other)
    assert keys(ours) == [key_of(other)]
    assert keys(theirs) == [key_of(one)]


def test_trust_of_one_side_shows_nobody_to_anybody(network: MemoryNetwork) -> None:
    one, other = made(network, 1, "trusted"), made(network, 2, "trusted")
    one.session.nodes.trust(key_of(other), "other")
    other.session.nodes.trust(b"\x07" * 32, "somebody else")
    ours, theirs = met(network, one, other)
    assert keys(ours) == keys(theirs) == [b""]


def test_who_trusts_answers_one_that_says_it_to_all(network: MemoryNetwork) -> None:
    one, other = made(network, 1, "trusted"), made(network, 2, "all")
    one.session.nodes.trust(key_of(other), "other")
    ours, theirs = met(network, one, other)
    assert keys(ours) == [key_of(other)]
    assert keys(theirs) == [key_of(one)]


def test_in_a_private_torrent_only_trusted_ones_hear_it(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    ours, theirs = met(network, one, other, PRIVATE)
    assert keys(ours) == keys(theirs) == [b""]
    third = made(network, 3)
    third.session.nodes.trust(key_of(one), "one")
    one.session.nodes.trust(key_of(third), "third")
    ours, _ = met(network, third, one, PRIVATE)
    assert keys(ours) == [key_of(one)]


def test_nobody_is_known_while_the_key_cannot_be_read(network: MemoryNetwork) -> None:
    one = made(network, 1)
    key = MemoryNodeKey(bytes(32))
    key.problem = P2pdError("it is sealed")
    broken = made(network, 2, node_key=key)
    assert broken.control.nodes.identity().trouble == "it is sealed"
    ours, theirs = met(network, one, broken)
    assert keys(ours) == keys(theirs) == [b""]


def test_a_banned_node_is_dropped_wherever_it_is_when_it_proves_its_key(
    network: MemoryNetwork,
) -> None:
    one, other = made(network, 1), made(network, 2)
    one.control.ban([], "by hand", 0, keys=[key_of(other)])
    ours, theirs = met(network, one, other)
    assert ours == theirs == []
    moved = made(network, 9, node_key=MemoryNodeKey(bytes([2]) * 32))
    assert key_of(moved) == key_of(other)
    ours, theirs = met(network, one, moved)
    assert ours == theirs == []
    again = made(network, 1, bans=one.bans)
    assert [ban.node_key for ban in again.session.bans.list()] == [key_of(other)]
    assert one.control.lift_bans([], [key_of(other)]) == 1
    assert one.bans.rows == {}


def test_a_ban_by_key_ends_the_connection_that_stands(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    ours, _ = met(network, one, other)
    assert ours
    one.control.ban([], "by hand", None, keys=[key_of(other)])
    assert ours[0].closed


def test_who_is_banned_for_what_it_sent_is_banned_by_its_key_too(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    ours, _ = met(network, one, other)
    torrent = one.session.torrents.by_id(1)
    assert torrent is not None
    torrent.trust.lied_of_metadata(ours[0])
    bans = one.session.bans.list()
    assert sorted((ban.host, ban.node_key) for ban in bans) == [
        ("", key_of(other)),
        ("10.0.0.2", b""),
    ]


def test_a_trusted_node_that_lies_does_not_take_its_neighbours_with_it(
    network: MemoryNetwork,
) -> None:
    one, other = made(network, 1), made(network, 2)
    one.session.nodes.trust(key_of(other), "other")
    ours, _ = met(network, one, other)
    torrent = one.session.torrents.by_id(1)
    assert torrent is not None
    torrent.trust.lied_of_metadata(ours[0])
    assert not one.session.bans.in_force.covers("10.0.0.2")
    assert one.session.bans.in_force.covers("10.9.9.9", node_key=key_of(other))


def test_a_rating_follows_the_key(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    ours, _ = met(network, one, other)
    torrent = one.session.torrents.by_id(1)
    assert torrent is not None
    for _ in range(4):
        torrent.trust.timed_out(ours[0])
    assert torrent.trust.is_poor(ours[0])
    before = torrent.trust.rating(ours[0]).score
    ours[0].disconnect("it moves")
    moved = made(network, 9, node_key=MemoryNodeKey(bytes([2]) * 32))
    ours, _ = met(network, moved, one)
    peer = next(peer for peer in torrent.peers if peer.address.host == "10.0.0.9")
    assert peer.node_key == key_of(other)
    assert torrent.trust.rating(peer).score <= before + 5
    assert torrent.trust.is_poor(peer)


def test_the_place_of_a_trusted_node_is_remembered_and_preferred(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    one.session.nodes.trust(key_of(other), "other")
    preference = one.session.preferences.of
    assert preference(other.address).distance is not Distance.TRUSTED
    met(network, one, other)
    assert preference(other.address).distance is Distance.TRUSTED
    assert one.trusted_nodes.rows[key_of(other)].host == "10.0.0.2"
    again = made(network, 1, trusted_nodes=one.trusted_nodes)
    assert again.session.preferences.of(other.address).distance is Distance.TRUSTED


def test_a_new_key_that_the_old_one_vouches_for_inherits(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    old = key_of(other)
    one.session.nodes.trust(old, "other")
    network.result(_rotate(other, succession=True))
    ours, _ = met(network, one, other)
    assert keys(ours) == [key_of(other)] != [old]
    assert one.session.nodes.name_of(key_of(other)) == "other"
    assert not one.session.nodes.is_trusted(old)
    assert list(one.trusted_nodes.rows) == [key_of(other)]


def test_a_new_key_without_a_word_of_the_old_one_is_a_strangers(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    old = key_of(other)
    one.session.nodes.trust(old, "other")
    network.result(_rotate(other, succession=False))
    ours, _ = met(network, one, other)
    assert keys(ours) == [key_of(other)]
    assert one.session.nodes.name_of(key_of(other)) == ""
    assert one.session.nodes.is_trusted(old)


def test_a_new_key_does_not_shake_off_a_ban_of_the_one_that_vouches_for_it(
    network: MemoryNetwork,
) -> None:
    one, other = made(network, 1), made(network, 2)
    one.control.ban([], "by hand", 0, keys=[key_of(other)])
    network.result(_rotate(other, succession=True))
    ours, theirs = met(network, one, other)
    assert ours == theirs == []
    assert one.session.bans.in_force.covers("", node_key=key_of(other))


def test_keys_that_vouch_for_each_other_do_not_push_other_bans_out(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = made(network, 1), made(network, 2)
    monkeypatch.setattr(one.session.bans, "in_force", Bans(limit=6))
    one.control.ban([PeerAddress("198.51.100.7", 0)], "by hand", 0)
    one.control.ban([], "by hand", 0, keys=[key_of(other)])
    for _ in range(6):
        network.result(_rotate(other, succession=True))
        old = other.session.nodes.own.succession.old_key
        one.session.nodes.proved(key_of(other), old, "10.0.0.2")
    assert len(one.session.bans.in_force) == 3
    assert one.session.bans.in_force.covers("198.51.100.7")


async def _rotate(node: SimNode, *, succession: bool) -> None:
    await node.session.nodes.rotate(succession=succession)


def test_who_cannot_be_trusted_is_refused_in_words(network: MemoryNetwork) -> None:
    one = made(network, 1)
    with pytest.raises(P2pdError, match="anybody can sign"):
        one.session.nodes.trust(bytes(32), "nobody")
    with pytest.raises(P2pdError, match="this very node"):
        one.session.nodes.trust(key_of(one), "me")
    for number in range(500):
        one.session.nodes.trusted.add(
            TrustedNode(bytes([9]) * 30 + number.to_bytes(2, "big"), "", 1.0)
        )
    with pytest.raises(P2pdError, match="no room"):
        one.session.nodes.trust(b"\x07" * 32, "one more")


def test_when_too_much_is_to_be_checked_nobody_is_recognized(network: MemoryNetwork) -> None:
    one, other = made(network, 1), made(network, 2)
    one.session.nodes.in_line = 1000
    ours, theirs = met(network, one, other)
    assert keys(ours) == keys(theirs) == [b""]
    assert not ours[0].closed
    assert one.session.nodes.outcomes["too_many"] == 2


def torrent_of(node: SimNode) -> Torrent:
    found = node.session.torrents.by_id(1)
    assert found is not None
    return found


def test_a_trusted_node_keeps_its_place_when_it_is_crowded(network: MemoryNetwork) -> None:
    one, other = made(network, 1, peer_limit_per_torrent=2), made(network, 2)
    third, fourth = made(network, 3), made(network, 4)
    one.session.nodes.trust(key_of(other), "other")
    met(network, one, other)
    met(network, one, third)
    network.run(400)  # nobody gave anything: each would have to give way to whoever is preferred
    torrent = torrent_of(one)
    assert {peer.address.host for peer in torrent.peers} == {"10.0.0.2", "10.0.0.3"}
    one.session.nodes.trusted.seen(key_of(other), "10.0.0.4")  # it is the place of the newcomer
    gives_way = torrent.peers.who_gives_way(fourth.address, network.clock.seconds())
    assert gives_way is not None
    assert gives_way.address.host == "10.0.0.3"
    met(network, fourth, one)
    assert {peer.address.host for peer in torrent.peers} == {"10.0.0.2", "10.0.0.4"}


def test_keys_that_can_be_nobodys_are_not_trusted_however_they_were_kept(
    network: MemoryNetwork,
) -> None:
    kept = MemoryTrustedNodes()
    good = TrustedNode(b"\x07" * 32, "good", 1.0)
    for node in (TrustedNode(bytes(32), "weak", 1.0), TrustedNode(b"short", "short", 1.0), good):
        kept.rows[node.key] = node
    one = made(network, 1, trusted_nodes=kept)
    assert list(one.session.nodes.trusted) == [good]
    one.session.nodes.restore([*kept.rows.values(), good._replace(key=b"\x08" * 32)])
    assert one.session.nodes.trusted.keys == (good.key, b"\x08" * 32)


def test_who_is_trusted_is_served_first_when_slots_are_short(network: MemoryNetwork) -> None:
    seed = made(network, 1, upload_slots=2)
    seed.put(TORRENT, {"data": DATA})
    slow = {"speed_limit_down": 1, "speed_limit_down_enabled": True}
    friend = made(network, 2, **slow)
    seed.session.nodes.trust(key_of(friend), "friend")
    torrent = torrent_of(seed)
    peers = [made(network, last, **slow) for last in (3, 4, 5, 6, 7, 8)]
    for peer in (*peers, friend):
        peer.connect(peer.add(TORRENT), seed.address)
    network.run(30)
    served = {peer.node_key: not peer.am_choking for peer in torrent.peers}
    assert len(served) == 7
    assert served[key_of(friend)]
