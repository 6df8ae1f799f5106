"""Sessions whose torrents have peers by TLS alone: who is let in, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats import bencode
from p2pd.session.connecting.admission import Way
from p2pd.session.session_removals import RETRY_SECONDS
from p2pd.session.tls.standing import NO_CERTIFICATE, UNREADABLE_CA
from p2pd.session.tls.tls_api import GivenCertificate, TlsState
from p2pd.testing import LocalSegment, MemoryDht, MemoryNetwork, ScriptedPeer
from p2pd.testing.torrents import make_torrent
from tests.session.tls_swarm import (
    BOTH_SIDES,
    DAY,
    FILES,
    LATE,
    NAME,
    NOW,
    PIECE,
    TLS_PORT,
    YEAR,
    Authority,
    authority,
    foreign,
    give,
    meet,
    node,
    of_everybody,
    tls_torrent,
)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_members_of_a_swarm_give_each_other_what_they_have(
    network: MemoryNetwork, version: Any
) -> None:
    own = authority().issue(NAME)
    seed, had, _, wanted = meet(network, tls_torrent(version), of_everybody(), own)
    assert had.way is wanted.way is Way.TLS
    (peer,) = had.connected
    assert (peer.transport_name, peer.encrypted, peer.incoming) == ("tls", True, True)
    assert peer.certificate is not None
    assert peer.certificate.name == f"{NAME}, somebody"
    assert peer.binding is not None
    network.run_until(wanted.is_complete, limit=20)
    assert not seed.session.connections.failed


def refused(network: MemoryNetwork, leeches: GivenCertificate | None) -> None:
    """Nobody is let in with this, neither as who dials nor as who is dialled."""
    for seeds, dials in ((of_everybody(), leeches), (leeches, of_everybody())):
        _, had, _, wanted = meet(network, tls_torrent(), seeds, dials)
        network.run(30.0)
        assert not had.connected
        assert not wanted.connected
        assert not wanted.is_complete()


def smuggle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the nodes take any certificate as their own: peers are to refuse it."""
    from p2pd.formats.x509.own_certificate import told
    from p2pd.formats.x509.pem import read_certificate

    def unchecked(ca: str, certificate: str, *_: Any) -> Any:
        return told(read_certificate(certificate))

    monkeypatch.setattr("p2pd.session.tls.swarm_identity.check_own", unchecked)


WRONG = {
    "of a foreign CA": lambda: foreign().issue("*"),
    "of another name": lambda: authority().issue("another film"),
    "of no name": lambda: authority().issue(),
    "that has expired": lambda: authority().issue("*", begin=NOW - 9 * DAY, end=NOW - DAY),
    "that is not valid yet": lambda: authority().issue("*", begin=LATE - YEAR),
    "for one side alone": lambda: authority().issue("*", uses=BOTH_SIDES[:1]),
}


OF_PEERS = [what for what in WRONG if what != "for one side alone"]


@pytest.mark.parametrize("what", OF_PEERS)
def test_who_comes_with_a_certificate_like_that_is_refused(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    smuggle(monkeypatch)
    monkeypatch.setattr("p2pd.session.tls.tls_torrents.TlsTorrents.why_not", lambda *_: "")
    refused(network, WRONG[what]())


def test_without_a_certificate_nobody_is_dialled_and_nobody_let_in(
    network: MemoryNetwork,
) -> None:
    refused(network, None)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("of a foreign CA", "was not issued by the torrent's CA"),
        ("of another name", "is for 'another film', 'somebody', and the torrent is 'a film'"),
        ("of no name", "is for 'somebody', and the torrent is 'a film'"),
        ("that has expired", "the certificate expired on 2023-11-13"),
        ("that is not valid yet", "the certificate is not valid before 2198-12-31"),
        ("for one side alone", "is not for both sides of a connection"),
    ],
)
def test_a_certificate_that_peers_would_refuse_is_not_taken(
    network: MemoryNetwork, what: str, words: str
) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    with pytest.raises(P2pdError, match=words):
        give(at, torrent, WRONG[what]())
    assert not torrent.running
    assert not at.keys.kept


def test_a_certificate_and_a_key_that_are_not_a_pair_are_not_taken(
    network: MemoryNetwork,
) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    one, other = authority().issue("*"), authority().issue("*")
    with pytest.raises(P2pdError, match="the private key is not that of the certificate"):
        give(at, torrent, GivenCertificate(one.certificate, other.private_key))


@pytest.mark.parametrize("ca", [b"x", b"\0" * 70, authority().pem.encode()[:-60], b"-" * 40_000])
def test_one_whose_ca_cannot_be_read_does_not_wait_for_a_certificate(
    network: MemoryNetwork, ca: bytes
) -> None:
    torrent = bencode.decode(tls_torrent())
    assert isinstance(torrent, dict)
    info = torrent[b"info"]
    assert isinstance(info, dict)
    garbage = bencode.encode({**torrent, b"info": {**info, b"ssl-cert": ca}})
    at = node(network, "10.0.0.1")
    added = at.put(garbage, FILES)
    for _ in range(2):
        view = at.control.find(added.record.id)
        assert view is not None
        assert view.tls is not None
        assert (view.tls.state, view.error_string) == (TlsState.UNFIT, UNREADABLE_CA)
        assert not added.running
        with pytest.raises(P2pdError, match="the certificate of the torrent's CA"):
            give(at, added, of_everybody())
        at.stop()
        at = node(network, "10.0.0.1", store=at.store, disk=at.disk)
        network.run(1.0)
        (added,) = at.session.torrents
    assert added.content is None, "as it is told of without its metadata"


def test_it_waits_for_its_certificate_and_says_so(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.put(tls_torrent(), FILES)
    view = at.control.find(torrent.record.id)
    assert view is not None
    assert view.tls is not None
    assert (view.tls.state, view.error_string) == (TlsState.NO_CERTIFICATE, NO_CERTIFICATE)
    assert not torrent.running
    assert not at.announcers[0].events
    report = give(at, torrent, of_everybody())
    assert (report.state, report.ca_name) == (TlsState.READY, "CN=the swarm's CA")
    assert torrent.running
    assert at.announcers[0].events == ["started"]
    view = at.control.find(torrent.record.id)
    assert view is not None
    assert not view.error_string


def test_without_a_port_for_tls_it_waits(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1", tls_port=0)
    torrent = at.add(tls_torrent())
    report = give(at, torrent, of_everybody())
    assert report.state is TlsState.OFF
    assert "peers.tls_port" in report.why
    assert not torrent.running


def test_one_that_is_paused_stays_so(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent(), paused=True)
    give(at, torrent, of_everybody())
    view = at.control.find(torrent.record.id)
    assert not torrent.running
    assert view is not None
    assert not view.error_string


def test_its_certificate_is_had_after_a_restart_also_at_rest(network: MemoryNetwork) -> None:
    before = node(network, "10.0.0.1")
    torrent = before.put(tls_torrent(), FILES)
    give(before, torrent, of_everybody())
    network.run(120.0)
    assert torrent.resting
    before.stop()
    after = node(
        network, "10.0.0.1", store=before.store, disk=before.disk, keys=before.keys
    )  # fmt: skip
    network.run(1.0)
    (again,) = after.session.torrents
    assert again.resting
    assert again.running
    assert again.way is Way.TLS
    leecher = node(network, "10.0.0.2")
    wanted = leecher.add(tls_torrent())
    give(leecher, wanted, of_everybody())
    leecher.connect(wanted, after.tls_address)
    network.run_until(wanted.is_complete, limit=20)


def test_what_is_removed_leaves_no_key_behind(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent("hybrid"))
    give(at, torrent, of_everybody())
    assert list(at.keys.kept) == [torrent.info_hashes.hash_string]
    (view,) = at.control.torrents()
    network.result(at.control.remove(view, delete_data=False))
    assert not at.keys.kept
    again = at.add(tls_torrent("hybrid"))
    assert at.session.tls.why_not(again) == NO_CERTIFICATE


def test_a_key_that_the_disk_keeps_is_told_and_goes_later(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    give(at, torrent, of_everybody())

    def refuse(info_hash: str) -> None:
        raise StateError(f"tls/{info_hash}: Read-only file system")

    monkeypatch.setattr(at.keys, "forget", refuse)
    (view,) = at.control.torrents()
    with pytest.raises(StorageError, match=r"a private key of it is not gone: .*Read-only"):
        network.result(at.control.remove(view, delete_data=False))
    assert at.control.torrents() == []
    network.run(RETRY_SECONDS[0])
    at.stop()
    monkeypatch.undo()
    assert at.keys.kept
    after = node(
        network, "10.0.0.1", store=at.store, disk=at.disk, keys=at.keys, removals=at.removals
    )
    network.run(1.0)
    assert not after.keys.kept
    assert not after.removals.rows


def test_a_torrent_that_came_back_keeps_what_it_was_given_since(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = node(network, "10.0.0.1")
    give(at, at.add(tls_torrent()), of_everybody())

    def refuse(info_hash: str) -> None:
        raise StateError(f"tls/{info_hash}: Read-only file system")

    (view,) = at.control.torrents()
    with monkeypatch.context() as patch:
        patch.setattr(at.keys, "forget", refuse)
        with pytest.raises(StorageError):
            network.result(at.control.remove(view, delete_data=False))
    again = at.add(tls_torrent())
    give(at, again, of_everybody())
    network.run(2 * sum(RETRY_SECONDS))
    assert not at.removals.rows
    assert at.keys.kept
    assert again.running


def test_a_certificate_can_be_taken_away(network: MemoryNetwork) -> None:
    seed, had, _, wanted = meet(network, tls_torrent(), of_everybody(), of_everybody())
    (view,) = seed.control.torrents()
    network.result(seed.control.certificates.take_away(view))
    network.run(1.0)
    assert not had.running
    assert not had.connected
    assert not wanted.connected
    assert seed.session.tls.why_not(had) == NO_CERTIFICATE
    assert not seed.keys.kept[had.info_hashes.hash_string].private_key


def test_when_it_expires_nobody_more_is_let_in_and_a_new_one_goes_on(
    network: MemoryNetwork,
) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.put(tls_torrent(), FILES)
    give(at, torrent, authority().issue("*", end=NOW + DAY))
    assert at.session.tls.find(torrent.info_hashes.hash_string) is not None
    network.run(86_500.0)
    assert at.session.tls.find(torrent.info_hashes.hash_string) is None
    (view,) = at.control.torrents()
    assert view.tls is not None
    assert view.tls.state is TlsState.EXPIRED
    assert "its certificate expired on 2023-11-15" in view.error_string
    give(at, torrent, of_everybody())
    assert at.session.tls.find(torrent.info_hashes.hash_string) is not None


def test_who_comes_to_the_plain_port_is_told_nothing(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.put(tls_torrent(), FILES)
    give(at, torrent, of_everybody())
    peer = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0])
    peer.dial(at.address)
    assert peer.closed is not None
    assert not peer.received
    assert len(at.session.swarm_keys) == 0, "nor is it found with encryption"


def test_who_speaks_no_tls_at_the_port_for_it_is_hung_up_on(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.put(tls_torrent(), FILES)
    give(at, torrent, of_everybody())
    peer = ScriptedPeer(network, "10.0.0.2", torrent.info_hashes.wire_ids[0])
    peer.dial(at.tls_address)
    assert peer.closed is not None
    assert not peer.received


def test_an_open_torrent_is_not_found_at_the_port_for_tls(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.put(make_torrent(FILES, piece_length=PIECE), FILES)
    assert at.session.tls.find(torrent.info_hashes.hash_string) is None
    assert at.session.tls.find("") is at.session.tls.find("é" * 40) is None


def _parts(given: GivenCertificate) -> tuple[str, str]:
    return given.certificate, given.private_key


def test_a_torrent_without_a_ca_takes_no_certificate(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(make_torrent(FILES, piece_length=PIECE))
    with pytest.raises(P2pdError, match="there is no CA in its metadata"):
        give(at, torrent, of_everybody())
    assert torrent.running


def test_the_ca_of_metadata_is_not_replaced(network: MemoryNetwork) -> None:
    at = node(network, "10.0.0.1")
    torrent = at.add(tls_torrent())
    with pytest.raises(P2pdError, match="the torrent's CA is in its metadata"):
        give(at, torrent, GivenCertificate(*_parts(of_everybody()), foreign().pem))


def test_a_chain_may_lead_to_the_ca(network: MemoryNetwork) -> None:
    between = authority().issue(subject="between", uses=(), ca=True)
    made = Authority.of(between, "between").issue("*")
    chained = GivenCertificate(made.certificate + between.certificate, made.private_key)
    _, _, _, wanted = meet(network, tls_torrent(), chained, of_everybody())
    network.run_until(wanted.is_complete, limit=20)


def test_trackers_the_dht_and_neighbours_are_told_the_port_for_tls(
    network: MemoryNetwork,
) -> None:
    dht, segment = MemoryDht(network.clock), LocalSegment(network)
    at = node(
        network,
        "10.0.0.1",
        dht=dht.at("10.0.0.1"),
        lsd=segment.place("10.0.0.1"),
        lpd_enabled=True,
    )
    listener = segment.place("10.0.0.9")
    heard: dict[bytes, int] = {}
    listener.heard = lambda address, ids: heard.update(dict.fromkeys(ids, address.port))
    listener.switch(True)
    closed = at.put(tls_torrent(), FILES)
    plain = at.add(make_torrent(FILES, piece_length=PIECE))
    give(at, closed, of_everybody())
    network.run(30.0)
    ids = [each.info_hashes.wire_ids[0] for each in (closed, plain)]
    assert [heard[each] for each in ids] == [TLS_PORT, at.address.port]
    assert [{peer.port for peer in dht.peers[each]} for each in ids] == [
        {TLS_PORT},
        {at.address.port},
    ]


def test_peers_are_told_the_port_for_tls(network: MemoryNetwork) -> None:
    seed, had, _, wanted = meet(network, tls_torrent(), of_everybody(), of_everybody())
    (peer,) = had.connected
    network.run(0.1)
    assert peer.listen_address is not None
    assert peer.listen_address.port == TLS_PORT
    assert had.listen_port == wanted.listen_port == TLS_PORT
    plain = seed.add(make_torrent(FILES, piece_length=PIECE))
    assert plain.listen_port == seed.address.port
