"""Peer exchange (BEP 11) with real clients: who knows the one in the middle finds the other."""

from __future__ import annotations

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

WITH_PEX = {"discovery.pex": "true"}
SECONDS = 30


def sources_of(node):
    """How many peers of a p2pd each source told of."""
    return node.torrent("peers_from")["peers_from"]


def libtorrent_dialled_by_pex(node, library):
    """Which hosts a libtorrent session knows from peer exchange and is connected to."""
    return {
        peer.ip[0] for peer in node.handle.get_peer_info() if peer.source & library.peer_info.pex
    }


@pytest.fixture
def content(work):
    """Public, and without any tracker."""
    return libtorrent_content(make_file(work / "original", 2 * MIB), "v1")


def test_libtorrent_finds_libtorrent_through_p2pd(content, new_p2pd, new_libtorrent):
    library = pytest.importorskip("libtorrent")
    middle = new_p2pd(settings=WITH_PEX)
    middle.add(content.torrent)
    one, two = (new_libtorrent(f"lt{host}", host=f"127.0.0.{host}") for host in (2, 3))
    for each in (one, two):
        each.add(content.torrent)
        each.dial(middle)
    wait_until(
        lambda: libtorrent_dialled_by_pex(one, library) | libtorrent_dialled_by_pex(two, library),
        SECONDS,
        "peers by peer exchange",
        details=lambda: one.state() + two.state() + middle.state(),
    )
    found = libtorrent_dialled_by_pex(one, library) | libtorrent_dialled_by_pex(two, library)
    assert found <= {one.host, two.host}
    middle.check_healthy()


def test_p2pd_finds_p2pd_through_libtorrent(content, new_p2pd, new_libtorrent):
    middle = new_libtorrent()
    middle.add(content.torrent)
    one, two = (
        new_p2pd(f"p2pd{host}", host=f"127.0.0.{host}", settings=WITH_PEX) for host in (2, 3)
    )
    for each in (one, two):
        each.add(content.torrent)
        each.dial(middle)
    wait_until(
        lambda: sources_of(one)["from_pex"] or sources_of(two)["from_pex"],
        SECONDS,
        "peers by peer exchange",
        details=lambda: one.state() + two.state(),
    )
    one.wait_peers(2)
    two.wait_peers(2)
    one.check_healthy()


def test_p2pd_downloads_from_a_seed_that_libtorrent_told_of(content, new_p2pd, new_libtorrent):
    seed, middle = new_libtorrent("seed", host="127.0.0.2"), new_libtorrent("middle")
    seed.share(content)
    middle.add(content.torrent)
    middle.handle.prioritize_files([0])  # so that the data cannot come from there
    middle.dial(seed)
    leecher = new_p2pd(host="127.0.0.3", settings=WITH_PEX)
    leecher.add(content.torrent)
    leecher.dial(middle)
    leecher.wait_copy_of(content)
    assert middle.status.total_wanted_done == 0


def test_transmission_and_p2pd_tell_each_other_nothing_that_breaks(
    content, new_p2pd, new_transmission, new_libtorrent
):
    """Transmission dials no address of loopback that others told of: here it only tells."""
    middle = new_transmission(pex_enabled=True)
    middle.add(content.torrent)
    one, two = (
        new_p2pd(f"p2pd{host}", host=f"127.0.0.{host}", settings=WITH_PEX) for host in (2, 3)
    )
    for each in (one, two):
        each.add(content.torrent)
        each.dial(middle)
        each.wait_peers(1)
    seed = new_libtorrent(host="127.0.0.4")
    seed.share(content)
    one.dial(seed)
    one.wait_copy_of(content)
    two.wait_copy_of(content)
    one.check_healthy()
    two.check_healthy()


def test_where_it_is_off_nobody_hears_of_anybody(content, new_p2pd, new_libtorrent):
    middle = new_p2pd(settings={"discovery.pex": "false"})
    middle.add(content.torrent)
    library = pytest.importorskip("libtorrent")
    one, two = (new_libtorrent(f"lt{host}", host=f"127.0.0.{host}") for host in (2, 3))
    for each in (one, two):
        each.add(content.torrent)
        each.dial(middle)
    middle.wait_peers(2)
    assert not middle.call("session_get", fields=["pex_enabled"])["pex_enabled"]
    assert not libtorrent_dialled_by_pex(one, library)
