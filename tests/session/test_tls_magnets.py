"""Magnet links to TLS swarms: nobody is asked in the clear where it is known that they are."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError, StateError
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.connecting.admission import Way
from p2pd.session.tls.standing import NO_CERTIFICATE
from p2pd.session.tls.tls_api import GivenCertificate
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode
from p2pd.testing.torrents import make_torrent
from tests.session.tls_swarm import (
    FILES,
    NAME,
    PIECE,
    authority,
    give,
    node,
    of_everybody,
    tls_torrent,
)

MARK = "&x.p2pd-tls=1"


class TestMagnets:
    """Torrents whose metadata is to come."""

    def added(self, network: MemoryNetwork, *, is_marked: bool) -> tuple[SimNode, SimNode, Any]:
        seed, leecher = node(network, "10.0.0.1"), node(network, "10.0.0.2")
        had = seed.put(tls_torrent(), FILES)
        give(seed, had, of_everybody())
        (view,) = seed.control.torrents()
        assert view.magnet_link.endswith(MARK)
        return seed, leecher, leecher.add(view.magnet_link.removesuffix("" if is_marked else MARK))

    @pytest.mark.parametrize("is_marked", [True, False])
    def test_with_the_ca_the_metadata_comes_by_tls(
        self, network: MemoryNetwork, is_marked: bool
    ) -> None:
        seed, leecher, wanted = self.added(network, is_marked=is_marked)
        assert wanted.way is (Way.TLS if is_marked else Way.OPEN)
        assert wanted.running is not is_marked, "nobody is asked before the CA is known"
        if is_marked:
            with pytest.raises(TrackerError, match="no certificate to show it"):
                wanted.trackers.credentials()
        own = authority().issue(NAME)
        with pytest.raises(P2pdError, match="the certificate of its CA is needed"):
            give(leecher, wanted, own)
        give(leecher, wanted, GivenCertificate(*_parts(own), authority().pem))
        assert wanted.way is Way.TLS
        leecher.connect(wanted, seed.tls_address)
        network.run_until(wanted.is_complete, limit=20)
        assert wanted.content.metainfo.name == NAME

    def test_a_marked_link_closes_one_that_was_added_by_another(
        self, network: MemoryNetwork
    ) -> None:
        seed, leecher, wanted = self.added(network, is_marked=False)
        bystander = ScriptedPeer(network, "10.0.0.7", wanted.info_hashes.wire_ids[0])
        bystander.dial(leecher.address)
        network.run(1.0)
        assert wanted.connected
        link = f"{wanted.record.magnet}{MARK}&tr=http://tracker.test/announce&x.pe=10.0.0.7:6881"
        assert leecher.add(link) is wanted
        assert wanted.way is Way.TLS
        assert not wanted.connected
        assert not wanted.running
        assert leecher.session.tls.why_not(wanted) == NO_CERTIFICATE
        network.run(1.0)
        assert bystander.closed is not None
        leecher.stop()
        after = node(network, "10.0.0.2", store=leecher.store, disk=leecher.disk)
        network.run(1.0)
        (again,) = after.session.torrents
        assert (again.way, again.running) == (Way.TLS, False)
        (view,) = after.control.torrents()
        assert MARK in view.magnet_link
        own = authority().issue(NAME)
        give(after, again, GivenCertificate(*_parts(own), authority().pem))
        after.connect(again, seed.tls_address)
        network.run_until(again.is_complete, limit=20)

    def test_a_marked_link_is_not_believed_against_metadata(self, network: MemoryNetwork) -> None:
        at = node(network, "10.0.0.1")
        torrent = at.add(make_torrent(FILES, piece_length=PIECE))
        hash_ = torrent.info_hashes.hash_string
        assert at.add(f"magnet:?xt=urn:btih:{hash_}{MARK}") is torrent
        assert (torrent.way, torrent.running) == (Way.OPEN, True)

    def test_a_marked_link_takes_no_secret_away(self, network: MemoryNetwork) -> None:
        at = node(network, "10.0.0.1")
        link = f"magnet:?xt=urn:btih:{'ab' * 20}"
        torrent = at.add(link, secret="a secret of eight words or so: yes, it is one")
        assert at.add(link + MARK) is torrent
        assert torrent.way is Way.SECRET
        assert not torrent.record.by_tls

    def test_one_that_cannot_be_kept_is_told_of_and_nothing_changes(
        self, network: MemoryNetwork
    ) -> None:
        _, leecher, wanted = self.added(network, is_marked=False)
        leecher.store.fault = StateError("the disk is full")
        with pytest.raises(P2pdError, match="the disk is full"):
            leecher.add(f"{wanted.record.magnet}{MARK}")
        assert wanted.way is Way.OPEN

    def test_of_a_hybrid_by_its_v2_hash_the_key_moves_to_the_name_of_both(
        self, network: MemoryNetwork
    ) -> None:
        seed, leecher = node(network, "10.0.0.1"), node(network, "10.0.0.2")
        had = seed.put(tls_torrent("hybrid"), FILES)
        give(seed, had, of_everybody())
        v2 = had.info_hashes.v2.hex()
        wanted = leecher.add(f"magnet:?xt=urn:btmh:1220{v2}")
        own = authority().issue(NAME)
        with pytest.raises(P2pdError, match="name is not known yet"):
            give(leecher, wanted, GivenCertificate(*_parts(own), authority().pem))
        give(leecher, wanted, GivenCertificate(*_parts(of_everybody()), authority().pem))
        assert list(leecher.keys.kept) == [v2[:40]]
        leecher.connect(wanted, seed.tls_address)
        network.run_until(wanted.is_complete, limit=120)
        assert list(leecher.keys.kept) == [had.info_hashes.hash_string]
        assert leecher.keys.kept[had.info_hashes.hash_string].name == NAME

    def test_metadata_that_comes_in_the_open_closes_the_torrent(
        self, network: MemoryNetwork
    ) -> None:
        torrent = make_torrent(FILES, piece_length=PIECE, name=NAME, authority=authority().pem)
        open_node = SimNode(network, "10.0.0.9")
        had = open_node.put(torrent, FILES)
        had.host.tls.why_not = lambda _: ""  # one that does not know of TLS torrents
        _, leecher, wanted = self.added(network, is_marked=False)
        with pytest.MonkeyPatch.context() as patch:
            _never_tls(patch, open_node)
            open_node.session.torrents.learn_hashes(had)
            network.result(had.start())
            leecher.connect(wanted, open_node.address)
            network.run(5.0)
        assert wanted.content is not None
        assert wanted.way is Way.TLS
        assert not wanted.connected
        assert not wanted.running
        assert not wanted.is_complete()


def _never_tls(patch: pytest.MonkeyPatch, at: SimNode) -> None:
    from p2pd.session.torrents.torrent import Torrent

    right = Torrent.way.fget  # type: ignore[attr-defined]
    patch.setattr(
        Torrent,
        "way",
        property(lambda torrent: Way.OPEN if torrent.host is at.session else right(torrent)),
    )


def _parts(given: GivenCertificate) -> tuple[str, str]:
    return given.certificate, given.private_key
