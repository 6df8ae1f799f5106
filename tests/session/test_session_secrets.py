"""Torrents with a secret: who knows it gets all, who does not sees that nothing is here."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.discovery.source_report import HAS_SECRET
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.protocols.swarm_secret import secret as secret_module
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.session.api import TorrentTrouble
from p2pd.session.connecting.admission import Way
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.secrets.secret_torrents import CANNOT_ENCRYPT
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.state.kept_secrets import KeptSecrets
from p2pd.state.key_files import KeyFiles
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent

PIECE = 32 * 1024
FILES = {"a.bin": random.Random(1).randbytes(5 * PIECE + 777), "c.txt": b"small"}
V1 = make_torrent(FILES, "v1", piece_length=PIECE, name="one")
V2 = make_torrent(FILES, "v2", piece_length=PIECE, name="one")
HYBRID = make_torrent(FILES, "hybrid", piece_length=PIECE, name="one")
OTHER = make_torrent({"b.bin": b"x" * PIECE}, piece_length=PIECE, name="other")
HASH = parse_torrent(V1).info_hashes.wire_ids[0]
SEED, LEECHER, STRANGER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
SECRET = SwarmSecret(bytes(range(32))).text()
WRONG = SwarmSecret(bytes(32)).text()
WORDS = "correct horse battery staple"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases cost nothing."""
    monkeypatch.setattr(secret_module, "SCRYPT_N", 2)


def counts(node: SimNode) -> tuple[int, int]:
    found = node.session.secrets.counts
    return found.accepted, found.refused


def pair(
    network: MemoryNetwork,
    *,
    seeds: str = SECRET,
    leeches: str = SECRET,
    torrent: bytes = V1,
    wanted: bytes | str = b"",
    dials: str = "preferred",
    accepts: str = "preferred",
) -> tuple[SimNode, Torrent, SimNode, Torrent]:
    seed = SimNode(network, SEED, encryption=accepts)
    leecher = SimNode(network, LEECHER, encryption=dials)
    had = seed.put(torrent, FILES, secret=seeds)
    wants = leecher.add(wanted or torrent, secret=leeches)
    leecher.connect(wants, seed.address)
    return seed, had, leecher, wants


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


def test_it_is_kept_sealed_and_opened_again(network: MemoryNetwork) -> None:
    seal = KeySeal(b"a passphrase of the operator")
    node = SimNode(network, SEED, key_files=KeyFiles(seal))
    had = node.put(V1, FILES, secret=SECRET)
    assert "ENCRYPTED PRIVATE KEY" in had.record.secret
    node.stop()
    again = SimNode(network, SEED, key_files=KeyFiles(seal), store=node.store, disk=node.disk)
    leecher = SimNode(network, LEECHER)
    wants = leecher.add(V1, secret=SECRET)
    leecher.connect(wants, again.address)
    network.run_until(wants.is_complete, limit=30)


def test_without_the_passphrase_there_are_no_peers_rather_than_all(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED, key_files=KeyFiles(KeySeal(b"one")))
    node.put(V1, FILES, secret=SECRET)
    node.stop()
    for keys in (KeyFiles(), KeyFiles(KeySeal(b"another"))):
        again = SimNode(network, SEED, key_files=keys, store=node.store, disk=node.disk)
        network.run(5)
        (view,) = again.control.torrents()
        torrent = again.session.torrents.by_id(view.id)
        assert torrent is not None
        assert torrent.way is Way.SECRET
        assert not torrent.running
        assert "its secret cannot be opened" in view.error_string
        assert view.trouble is TorrentTrouble.LOCAL
        assert "passphrase" in view.error_string
        assert not again.session.secrets.names.swarms
        network.result(torrent.start())
        assert not torrent.running
        assert not torrent.connected
        peer = ScriptedPeer(network, STRANGER, HASH)
        peer.dial(again.address)
        assert not peer.received
        again.stop()


def test_a_passphrase_that_comes_later_seals_it(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    had = node.put(V1, FILES, secret=SECRET)
    assert "BEGIN PRIVATE KEY" in had.record.secret
    node.stop()
    keys = KeyFiles(KeySeal(b"later"))
    again = SimNode(network, SEED, key_files=keys, store=node.store, disk=node.disk)
    network.run(5)
    (record,) = node.store.rows.values()
    assert "ENCRYPTED" in record.secret
    assert SwarmSecret(KeptSecrets(keys).opened(record.secret)).text() == SECRET
    (torrent,) = again.session.torrents
    assert torrent.running
    assert again.session.secrets.of(torrent) is not None


def change(node: SimNode, torrent: Torrent, secret: str) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.change(view, TorrentChanges(secret=secret)))


def test_another_secret_parts_from_who_knows_the_old_one(network: MemoryNetwork) -> None:
    seed, had, leecher, wants = pair(network)
    network.run_until(wants.is_complete, limit=20)
    wants_again = SimNode(network, STRANGER)
    third = wants_again.add(V1, secret=WRONG)
    change(seed, had, WRONG)
    assert not had.connected
    network.run(1)
    wants_again.connect(third, seed.address)
    network.run_until(third.is_complete, limit=20)
    leecher.connect(wants, seed.address)
    network.run(30)
    assert {peer.address.host for peer in had.connected} <= {STRANGER}


def test_an_open_torrent_can_get_one_and_lose_it(network: MemoryNetwork) -> None:
    seed, had, leecher, wants = pair(network, seeds="", leeches="")
    network.run_until(lambda: bool(wants.connected), limit=5)
    assert len(seed.session.swarm_keys) == 1
    change(seed, had, SECRET)
    assert had.way is Way.SECRET
    network.run(0.1)
    assert not wants.connected
    assert len(seed.session.swarm_keys) == 1, "by its name, not by its info-hash"
    network.run(200)
    assert not had.connected
    change(leecher, wants, SECRET)
    leecher.connect(wants, seed.address)
    network.run_until(wants.is_complete, limit=200)
    change(seed, had, "")
    assert had.way is Way.OPEN
    assert not seed.session.secrets.names.swarms
    open_one = SimNode(network, STRANGER)
    third = open_one.add(V1)
    open_one.connect(third, seed.address)
    network.run_until(third.is_complete, limit=20)


def test_a_removed_torrent_leaves_no_name(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    node.put(HYBRID, FILES, secret=SECRET)
    assert len(node.session.secrets.names.swarms) == 2
    assert len(node.session.swarm_keys) == 2
    (view,) = node.control.torrents()
    network.result(node.control.remove(view, delete_data=False))
    assert not node.session.secrets.names.swarms
    assert len(node.session.swarm_keys) == 0
    assert not node.session.secrets._known


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


def test_who_adds_it_again_needs_the_same_secret_or_none(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    had = node.add(V1, secret=SECRET)
    assert node.add(V1, secret=SECRET) is had
    assert node.add(V1) is had
    for secret in (WRONG, WORDS):
        with pytest.raises(P2pdError, match="not with this secret"):
            node.add(V1, secret=secret)
    assert node.session.secrets.of(had) == SwarmSecret(bytes(range(32)))
    other = node.add(OTHER)
    with pytest.raises(P2pdError, match="not with this secret"):
        node.add(OTHER, secret=SECRET)
    assert other.way is Way.OPEN


@pytest.mark.parametrize("secret", ["p2pd-wrong", "short"])
def test_what_is_no_secret_is_refused_in_words(network: MemoryNetwork, secret: str) -> None:
    node = SimNode(network, SEED)
    with pytest.raises(P2pdError):
        node.add(V1, secret=secret)
    assert not list(node.control.torrents())
    had = node.add(V1, secret=SECRET)
    with pytest.raises(P2pdError):
        change(node, had, secret)
    assert had.way is Way.SECRET


def test_where_nothing_can_be_encrypted_there_can_be_none(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    node.session.connections.opener.work = None
    with pytest.raises(P2pdError) as refusal:
        node.add(V1, secret=SECRET)
    assert str(refusal.value) == CANNOT_ENCRYPT


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


def test_a_torrent_that_follows_another_has_its_secret(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    old = node.add(V1, secret=SECRET)
    new = node.add(OTHER, secret_of=old.record.id)
    assert new.record.secret == old.record.secret
    assert node.session.secrets.of(new) == node.session.secrets.of(old)
    (view, _) = node.control.torrents()
    network.result(node.control.remove(view, delete_data=False))
    assert node.session.secrets.of(new) is not None


def test_who_gives_it_again_has_the_torrent_run(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED, key_files=KeyFiles(KeySeal(b"one")))
    node.put(V1, FILES, secret=SECRET)
    node.stop()
    again = SimNode(network, SEED, store=node.store, disk=node.disk)
    network.run(5)
    (torrent,) = again.session.torrents
    assert not torrent.running
    change(again, torrent, SECRET)
    network.run(5)
    assert torrent.running
    assert not torrent.error
    leecher = SimNode(network, LEECHER)
    wants = leecher.add(V1, secret=SECRET)
    leecher.connect(wants, again.address)
    network.run_until(wants.is_complete, limit=30)


def test_who_imports_it_again_needs_the_same_secret(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    node.add(V1, secret=SECRET)
    for secret, fits in ((SECRET, True), ("", True), (WRONG, False)):
        request = ImportTorrent(AddTorrent(torrent=V1, secret=secret))
        if fits:
            assert network.result(node.control.import_torrent(request)).duplicate
            continue
        with pytest.raises(P2pdError, match="not with this secret"):
            network.result(node.control.import_torrent(request))


@pytest.mark.parametrize("after", [0.0, 0.011, 0.025, 0.035, 0.045, 0.055])
def test_who_was_shaking_hands_when_it_changed_does_not_get_in(
    network: MemoryNetwork, after: float
) -> None:
    seed, had, leecher, wants = pair(network)
    network.run(after)
    change(seed, had, WRONG)
    network.run(10)
    assert not had.connected
    assert not wants.connected
    assert seed.session.connections.total == 0
    change(leecher, wants, WRONG)
    leecher.connect(wants, seed.address)
    network.run_until(wants.is_complete, limit=300)


def test_proofs_are_counted(network: MemoryNetwork) -> None:
    seed, _, _, wants = pair(network)
    network.run_until(wants.is_complete, limit=20)
    (found,) = (
        measure
        for measure in seed.session.connections.opener.measures()
        if measure.name == "swarm_secret_proofs_total"
    )
    assert found.values == {("accepted",): 1, ("refused",): 0}
