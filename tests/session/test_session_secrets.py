"""Torrents with a secret: who knows it gets all, who does not sees that nothing is here."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import HAS_SECRET
from p2pd.formats.metainfo import parse_torrent
from p2pd.protocols.swarm_secret import secret as secret_module
from p2pd.session.connecting.admission import Way
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode
from tests.session.secret_nodes import (
    FILES,
    HASH,
    HYBRID,
    LEECHER,
    OTHER,
    PIECE,
    SECRET,
    SEED,
    STRANGER,
    V1,
    V2,
    WORDS,
    WRONG,
    change,
    counts,
    pair,
)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases cost nothing."""
    monkeypatch.setattr(secret_module, "SCRYPT_N", 2)


@pytest.mark.parametrize("dials", ["off", "allowed", "preferred", "required"])
@pytest.mark.parametrize("accepts", ["off", "allowed", "preferred", "required"])
def test_who_both_know_it_share_whatever_is_said_of_encryption(
    network: MemoryNetwork, dials: str, accepts: str
) -> None:
    seed, had, leecher, wants = pair(network, dials=dials, accepts=accepts)
    network.run_until(lambda: bool(wants.connected), limit=5)
    (ours,), (theirs,) = wants.connected, had.connected
    assert ours.encrypted is theirs.encrypted is True
    assert ours.binding == theirs.binding
    assert len(ours.binding or b"") == 32
    network.run_until(wants.is_complete, limit=20)
    assert counts(seed) == counts(leecher) == (1, 0)
    assert wants.way is had.way is Way.SECRET


@pytest.mark.parametrize("torrent", [V1, V2, HYBRID])
def test_a_magnet_has_its_metadata_of_who_knows_the_secret(
    network: MemoryNetwork, torrent: bytes
) -> None:
    hashes = parse_torrent(torrent).info_hashes
    link = (
        f"magnet:?xt=urn:btih:{hashes.v1.hex()}"
        if hashes.v1
        else (f"magnet:?xt=urn:btmh:1220{(hashes.v2 or b'').hex()}")
    )
    _, _, _, wants = pair(network, torrent=torrent, wanted=link)
    network.run_until(wants.is_complete, limit=30)


def test_a_hybrid_is_found_by_both_of_its_hashes(network: MemoryNetwork) -> None:
    hashes = parse_torrent(HYBRID).info_hashes
    link = f"magnet:?xt=urn:btmh:1220{(hashes.v2 or b'').hex()}"
    _, _, _, wants = pair(network, torrent=HYBRID, wanted=link)
    network.run_until(wants.is_complete, limit=30)


@pytest.mark.usefixtures("cheap")
def test_a_passphrase_does_as_well(network: MemoryNetwork) -> None:
    _, _, _, wants = pair(network, seeds=WORDS, leeches=f" {WORDS}\n")
    network.run_until(wants.is_complete, limit=20)


def test_who_dials_without_it_or_with_another_gets_nothing(network: MemoryNetwork) -> None:
    for number, leeches in enumerate((WRONG, "")):
        seed = SimNode(network, f"10.0.{number}.1", encryption="allowed")
        had = seed.put(V1, FILES, secret=SECRET)
        leecher = SimNode(network, f"10.0.{number}.2", encryption="allowed")
        wants = leecher.add(V1, secret=leeches)
        leecher.connect(wants, seed.address)
        network.run(60)
        assert not wants.connected
        assert not had.connected
        assert not wants.is_complete()
        assert seed.session.connections.total == 0
        assert counts(seed)[0] == 0


def test_who_accepts_without_it_gets_nothing(network: MemoryNetwork) -> None:
    """Not even the info-hash, of which the dialler says nothing before the other proved it."""
    for number, seeds in enumerate((WRONG, "")):
        seed = SimNode(network, f"10.0.{number}.1", encryption="allowed")
        had = seed.put(V1, FILES, secret=seeds)
        leecher = SimNode(network, f"10.0.{number}.2", encryption="off")
        wants = leecher.add(V1, secret=SECRET)
        leecher.connect(wants, seed.address)
        network.run(60)
        assert not wants.connected
        assert not had.connected
        assert not wants.is_complete()


class Wire:
    """Somebody who keeps every byte that he is sent, and says what he is told to."""

    def __init__(self, network: MemoryNetwork, host: str = STRANGER) -> None:
        self.network = network
        self.heard = bytearray()
        self.lost_at: float | None = None
        self._host = host
        self.stream: Any = None

    def dial(self, node: SimNode) -> None:
        def connected(stream: Any) -> Wire:
            self.stream = stream
            return self

        self.network.transport(self._host).dial(node.address, connected, str, 15.0)
        self.network.run(0.1)

    def listen(self, node_host: str) -> None:
        def connected(stream: Any) -> Wire:
            self.stream = stream
            return self

        self.network.transport(self._host).listen(6881, connected)

    def stream_received(self, data: memoryview) -> None:
        self.heard += data

    def stream_writable(self) -> None:
        pass

    def stream_lost(self, reason: str) -> None:
        self.lost_at = self.network.clock.seconds()


def approach(network: MemoryNetwork, host: str, secret: str | None, how: str) -> tuple[Any, ...]:
    """What somebody sees who knows the info-hash: of a node that has it with a secret, or not."""
    node = SimNode(network, host, encryption="allowed", seed=7)
    node.put(OTHER, {"b.bin": b"x" * PIECE})
    if secret is not None:
        node.put(V1, FILES, secret=secret)
    began = network.clock.seconds()
    if how == "plain":
        peer = ScriptedPeer(network, STRANGER, HASH)
        peer.dial(node.address)
        network.run(30)
        found: tuple[Any, ...] = (len(peer.received), peer.closed)
    else:
        stranger = SimNode(network, STRANGER, encryption="required", seed=8)
        wants = stranger.add(V1, secret=WRONG if how == "wrong" else "")
        stranger.connect(wants, node.address)
        network.run(5)
        found = (bool(wants.connected), dict(stranger.session.connections.failed))
        stranger.stop()
    ends = dict(node.session.connections.failed)
    node.stop()
    return (*found, ends, counts(node), began >= 0)


@pytest.mark.parametrize("how", ["plain", "info-hash", "wrong"])
def test_a_stranger_sees_what_he_sees_where_it_is_not(how: str) -> None:
    with_it = approach(MemoryNetwork(Clock()), SEED, SECRET, how)
    without = approach(MemoryNetwork(Clock()), SEED, None, how)
    assert with_it == without
    assert not with_it[0]


def test_to_be_dialled_tells_no_more_than_that_somebody_dialled(network: MemoryNetwork) -> None:
    """All bytes that who does not know the secret hears: a public key and padding, each time."""
    leecher = SimNode(network, LEECHER, encryption="allowed")
    wants = leecher.add(V1, secret=SECRET)
    stranger = Wire(network)
    stranger.listen(LEECHER)
    leecher.connect(wants, PeerAddress(STRANGER, 6881))
    network.run(120)
    assert stranger.heard
    assert HASH not in stranger.heard
    assert b"BitTorrent protocol" not in stranger.heard
    assert not wants.connected


def test_a_torrent_at_rest_is_woken_by_who_knows_it(network: MemoryNetwork) -> None:
    seed = SimNode(network, SEED)
    had = seed.put(V1, FILES, secret=SECRET)
    network.run_until(lambda: had.resting, limit=300)
    peer = ScriptedPeer(network, STRANGER, HASH)
    peer.dial(seed.address)
    assert had.resting, "nobody wakes it who does not"
    leecher = SimNode(network, LEECHER)
    wants = leecher.add(V1, secret=SECRET)
    leecher.connect(wants, seed.address)
    network.run_until(wants.is_complete, limit=30)


def test_strangers_are_not_told_of_it(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED, default_trackers="http://everybody.example/announce")
    had = node.add(V1, secret=SECRET)
    (view,) = node.control.torrents()
    said = {source.name: source.why_not for source in view.sources}
    assert {name for name, why in said.items() if why == HAS_SECRET} >= {
        "dht",
        "lsd",
        "catcher",
    } - {name for name, why in said.items() if "there is no" in why}
    assert said["pex"] != HAS_SECRET, "its own peers know it"
    assert had.trackers._with_defaults() == had.record.trackers
    change(node, had, "")
    assert had.trackers._with_defaults() != had.record.trackers


def test_proofs_are_counted(network: MemoryNetwork) -> None:
    seed, _, _, wants = pair(network)
    network.run_until(wants.is_complete, limit=20)
    (found,) = (
        measure
        for measure in seed.session.connections.opener.measures()
        if measure.name == "swarm_secret_proofs_total"
    )
    assert found.values == {("accepted",): 1, ("refused",): 0}
