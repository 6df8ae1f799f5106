"""The secrets of torrents: kept sealed, opened, changed, given again and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import P2pdError
from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.session.api import TorrentTrouble
from p2pd.session.connecting.admission import Way
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.secrets.secret_torrents import CANNOT_ENCRYPT, HAS_BOTH
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.state.kept_secrets import KeptSecrets
from p2pd.state.key_files import KeyFiles
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode
from tests.session.secret_nodes import (
    FILES,
    HASH,
    HYBRID,
    LEECHER,
    OTHER,
    SECRET,
    SEED,
    STRANGER,
    V1,
    WORDS,
    WRONG,
    change,
    pair,
)
from tests.session.tls_swarm import FILES as TLS_FILES
from tests.session.tls_swarm import give, node, of_everybody, tls_torrent


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


def test_a_torrent_that_follows_another_has_its_secret(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    old = node.add(V1, secret=SECRET)
    new = node.add(OTHER, secret_of=old.record.id)
    assert new.record.secret == old.record.secret
    assert node.session.secrets.of(new) == node.session.secrets.of(old)
    (view, _) = node.control.torrents()
    network.result(node.control.remove(view, delete_data=False))
    assert node.session.secrets.of(new) is not None


def test_a_torrent_that_goes_while_another_comes_leaves_it_their_secret(
    network: MemoryNetwork,
) -> None:
    node = SimNode(network, SEED)
    old = node.add(V1, secret=SECRET)
    (view,) = node.control.torrents()
    record_it = node.session.store.add

    async def slowly(record: Any) -> None:
        await record_it(record)
        await node.control.remove(view, delete_data=False)

    node.session.store.add = slowly  # type: ignore[method-assign]
    new = node.add(OTHER, secret_of=old.record.id)
    assert list(node.session.torrents) == [new]
    assert node.session.secrets.of(new) == SwarmSecret(bytes(range(32)))


def test_one_that_replaces_what_is_gone_is_not_for_everybody(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    with pytest.raises(P2pdError, match="that it is to replace is gone"):
        node.add(OTHER, secret_of=77)
    assert not list(node.session.torrents)


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


def test_of_a_secret_that_no_torrent_gets_nothing_is_kept(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    known = node.session.secrets._known

    def judge(candidate: Any) -> None:
        raise P2pdError("not for you")

    with pytest.raises(P2pdError, match="not for you"):
        node.add(V1, secret=SECRET, judge=judge)
    assert not known
    for trial in (True, False):
        add = AddTorrent(torrent=V1, secret=SECRET, judge=None if trial else judge)
        asked = node.control.import_torrent(ImportTorrent(add, trial=trial))
        if trial:
            assert not network.result(asked).duplicate
        else:
            with pytest.raises(P2pdError, match="not for you"):
                network.result(asked)
        assert not known
    had = node.add(V1, secret=SECRET)
    with pytest.raises(P2pdError, match="not with this secret"):
        node.add(V1, secret=WRONG)
    assert list(known) == [had.record.secret]


def test_a_torrent_that_goes_while_its_secret_is_made_leaves_none(network: MemoryNetwork) -> None:
    node = SimNode(network, SEED)
    had = node.add(V1)
    (view,) = node.control.torrents()
    changing = Deferred.fromCoroutine(node.control.change(view, TorrentChanges(secret=WORDS)))
    network.result(node.control.remove(view, delete_data=False))
    with pytest.raises(P2pdError, match="removed meanwhile"):
        network.result(changing)
    assert not node.session.secrets._known
    assert not had.record.secret


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


@pytest.mark.parametrize("words", ["one one one one", f"{HASH.hex()}", "password 1234 one"])
def test_a_passphrase_that_is_known_with_the_torrent_is_refused(
    network: MemoryNetwork, words: str
) -> None:
    node = SimNode(network, SEED)
    with pytest.raises(P2pdError, match="guessed first"):
        node.add(V1, secret=words)
    assert not list(node.session.torrents)
    had = node.add(V1, secret=SECRET)
    with pytest.raises(P2pdError, match="guessed first"):
        change(node, had, words)
    assert node.session.secrets.of(had) is not None, "it has the one that it had"


class TestBoth:
    """A secret, and metadata that asks for certificates."""

    def test_a_magnet_that_turns_out_so_has_no_peers_before_one_is_taken_away(
        self, network: MemoryNetwork
    ) -> None:
        seed, leecher = node(network, SEED), node(network, LEECHER)
        had = seed.put(tls_torrent(), TLS_FILES)
        wants = leecher.add(bare_link(had), secret=SECRET)
        network.run(1)
        assert wants.running
        assert wants.way is Way.SECRET
        leecher.add(tls_torrent())
        network.run(1)
        (view,) = leecher.control.torrents()
        assert (wants.running, view.error_string) == (False, HAS_BOTH)
        assert not leecher.session.secrets.names.swarms
        network.result(wants.start())
        network.run(1)
        assert not wants.running
        with pytest.raises(P2pdError, match="taken away first"):
            give(leecher, wants, of_everybody())
        with pytest.raises(P2pdError, match="can have no secret"):
            change(leecher, wants, WRONG)
        change(leecher, wants, "")
        give(leecher, wants, of_everybody())
        give(seed, had, of_everybody())
        assert wants.way is Way.TLS
        leecher.connect(wants, seed.tls_address)
        network.run_until(wants.is_complete, limit=30)

    def test_who_knows_the_secret_is_hung_up_on_then(self, network: MemoryNetwork) -> None:
        """Both have the link alone, and meet; then the one learns what the torrent is."""
        one, other = node(network, SEED), node(network, LEECHER)
        link = bare_link(parsed := parse_torrent(tls_torrent()))
        here, there = one.add(link, secret=SECRET), other.add(link, secret=SECRET)
        other.connect(there, one.address)
        network.run_until(lambda: bool(here.connected), limit=5)
        one.add(tls_torrent())
        network.run(2)
        assert here.content is not None
        assert here.content.metainfo.info_hashes == parsed.info_hashes
        assert not here.connected
        assert not there.connected
        assert there.content is None, "it was not told what the torrent is either"
        assert not here.running

    def test_it_is_so_after_a_restart_also_at_rest(self, network: MemoryNetwork) -> None:
        at = node(network, SEED)
        had = at.put(tls_torrent(), TLS_FILES)
        had.record.secret = at.network.result(
            at.session.secrets.kept(SECRET, had.info_hashes, had.record.name)
        )
        network.result(at.store.save(had.record))
        at.stop()
        again = node(network, SEED, store=at.store, disk=at.disk)
        network.run(2)
        (view,) = again.control.torrents()
        (torrent,) = again.session.torrents
        assert not torrent.running
        assert view.error_string == HAS_BOTH
        assert not again.session.secrets.names.swarms

    def test_what_follows_it_needs_both_too(self, network: MemoryNetwork) -> None:
        at = node(network, SEED)
        old = at.add(bare_link(parse_torrent(tls_torrent())), secret=SECRET)
        at.add(tls_torrent())
        network.run(1)
        new = at.add(bare_link(parse_torrent(OTHER)), secret_of=old.record.id)
        network.run(1)
        assert new.record.by_tls
        assert not new.running
        assert not at.session.secrets.names.swarms

    def test_a_link_that_is_marked_takes_no_secret(self, network: MemoryNetwork) -> None:
        at = node(network, SEED)
        link = bare_link(parse_torrent(tls_torrent())) + "&x.p2pd-tls=1"
        with pytest.raises(P2pdError, match="can have no secret"):
            at.add(link, secret=SECRET)


def bare_link(torrent: Any) -> str:
    """As somebody writes it who does not say what its peers need."""
    return f"magnet:?xt=urn:btih:{torrent.info_hashes.v1.hex()}"
