"""Nodes that encrypt, in every combination: who speaks with whom, and how."""

from __future__ import annotations

import random

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 32 * 1024
FILES = {"a.bin": random.Random(1).randbytes(5 * PIECE + 777)}
V1 = make_torrent(FILES, "v1", piece_length=PIECE, name="one")
HYBRID = make_torrent(FILES, "hybrid", piece_length=PIECE, name="one")
SEED, LEECHER = "10.0.0.1", "10.0.0.2"

PLAIN, RC4, NOTHING = "plain", "rc4", "nothing"
MEETINGS = {
    ("off", "off"): PLAIN, ("off", "allowed"): PLAIN, ("off", "preferred"): PLAIN,
    ("off", "required"): NOTHING,
    ("allowed", "off"): PLAIN, ("allowed", "allowed"): PLAIN, ("allowed", "preferred"): PLAIN,
    ("allowed", "required"): RC4,
    ("preferred", "off"): PLAIN, ("preferred", "allowed"): PLAIN, ("preferred", "preferred"): RC4,
    ("preferred", "required"): RC4,
    ("required", "off"): NOTHING, ("required", "allowed"): RC4, ("required", "preferred"): RC4,
    ("required", "required"): RC4,
}  # fmt: skip
"""By who dials and who accepts."""


def meet(
    network: MemoryNetwork, dials: str, accepts: str, torrent: bytes = V1, has: bool = True
) -> tuple[Torrent, Torrent]:
    """One dials the other, who `has` everything or nothing; until they are connected."""
    seed = SimNode(network, SEED, encryption=accepts)
    leecher = SimNode(network, LEECHER, encryption=dials)
    had = seed.put(torrent, FILES) if has else seed.add(torrent)
    wanted = leecher.add(torrent)
    leecher.connect(wanted, seed.address)
    for _ in range(200):
        if wanted.connected and had.connected:
            break
        network.run(0.005)
    return had, wanted


@pytest.mark.parametrize(("dials", "accepts"), MEETINGS)
def test_they_speak_as_both_want_it(network: MemoryNetwork, dials: str, accepts: str) -> None:
    had, wanted = meet(network, dials, accepts)
    expected = MEETINGS[dials, accepts]
    if expected == NOTHING:
        network.run(60.0)
        assert not wanted.connected
        assert not had.connected
        assert not wanted.is_complete()
        return
    for peer in (*wanted.connected, *had.connected):
        assert peer.encrypted is (expected == RC4)
    (ours,), (theirs,) = wanted.connected, had.connected
    assert ours.binding == theirs.binding
    assert expected == PLAIN or len(ours.binding or b"") == 32
    assert len(wanted.connected) == len(had.connected) == 1
    network.run_until(wanted.is_complete, limit=20)


@pytest.mark.parametrize("torrent", [V1, HYBRID])
def test_a_torrent_is_found_by_what_its_dialler_calls_it(
    network: MemoryNetwork, torrent: bytes
) -> None:
    _, wanted = meet(network, "required", "required", torrent)
    network.run_until(wanted.is_complete, limit=20)


def test_who_asks_for_another_torrent_is_not_told_more_than_who_says_nonsense(
    network: MemoryNetwork,
) -> None:
    seed = SimNode(network, SEED, encryption="required")
    seed.put(make_torrent({"b.bin": b"x" * PIECE}, piece_length=PIECE, name="other"), {
        "b.bin": b"x" * PIECE
    })  # fmt: skip
    leecher = SimNode(network, LEECHER, encryption="required")
    wanted = leecher.add(V1)
    leecher.connect(wanted, seed.address)
    network.run(60.0)
    assert not wanted.connected
    assert seed.session.connections.total == 0


def test_what_worked_is_tried_first_the_next_time(network: MemoryNetwork) -> None:
    had, wanted = meet(network, "preferred", "off", has=False)
    assert len(wanted.connected) == 1
    failed = wanted.host.connections.failed.total()
    assert failed == 1
    for peer in list(had.connected):
        peer.disconnect("for now")
    network.run_until(lambda: bool(wanted.connected), limit=120)
    assert wanted.host.connections.failed.total() == failed


def test_a_torrent_that_was_removed_is_not_found(network: MemoryNetwork) -> None:
    seed = SimNode(network, SEED, encryption="required")
    had = seed.put(HYBRID, FILES)
    assert len(seed.session.swarm_keys) == 2
    (view,) = seed.control.torrents()
    network.result(seed.control.remove(view, delete_data=False))
    assert len(seed.session.swarm_keys) == 0
    assert not had.running


def test_who_speaks_in_the_clear_is_hung_up_on_where_that_is_not_allowed(
    network: MemoryNetwork,
) -> None:
    seed = SimNode(network, SEED, encryption="required")
    had = seed.put(V1, FILES)
    peer = ScriptedPeer(network, "10.0.0.9", had.info_hashes.wire_ids[0])
    peer.dial(seed.address)
    network.run(1.0)
    assert peer.closed
    assert not had.connected
    assert not peer.received


def test_keys_are_made_for_as_many_as_there_is_room_for(network: MemoryNetwork) -> None:
    seed = SimNode(network, SEED, encryption="preferred")
    had = seed.put(V1, FILES)
    work = seed.session.connections.opener.work
    assert work is not None
    work.limit = 0
    leecher = SimNode(network, LEECHER, encryption="required")
    wanted = leecher.add(V1)
    leecher.connect(wanted, seed.address)
    network.run(1.0)
    assert not had.connected
    assert work.refused == 1
    work.limit = 10
    network.run_until(lambda: bool(wanted.connected), limit=60)
    assert work.in_line == 0


def test_without_a_way_to_encrypt_nobody_is_spoken_with_where_it_is_required(
    network: MemoryNetwork,
) -> None:
    seed = SimNode(network, SEED, encryption="off")
    had = seed.put(V1, FILES)
    leecher = SimNode(network, LEECHER, encryption="required")
    leecher.session.connections.opener.work = None
    wanted = leecher.add(V1)
    leecher.connect(wanted, seed.address)
    seed.connect(had, PeerAddress(LEECHER, 6881))
    network.run(60.0)
    assert not wanted.connected
    assert leecher.session.connections.total == 0


def test_the_setting_holds_for_who_comes_from_then_on(network: MemoryNetwork) -> None:
    had, wanted = meet(network, "preferred", "off", has=False)
    assert [peer.encrypted for peer in wanted.connected] == [False]
    had.host.settings.encryption = "required"
    newcomer = SimNode(network, "10.0.0.3", encryption="preferred")
    third = newcomer.add(V1)
    newcomer.connect(third, PeerAddress(SEED, 6881))
    network.run(1.0)
    assert [peer.encrypted for peer in third.connected] == [True]
    assert [peer.encrypted for peer in wanted.connected] == [False]


def test_what_cannot_be_had_cannot_be_required(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED, encryption="off")
    node.session.connections.opener.work = None
    with pytest.raises(P2pdError, match="OpenSSL has no RC4"):
        network.result(node.control.change_settings({"encryption": "required"}))
    assert node.session.settings.encryption == "off"
    network.result(node.control.change_settings({"encryption": "allowed"}))
    assert node.session.connections.opener.policy is EncryptionPolicy.OFF
