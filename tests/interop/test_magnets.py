"""Magnet links between p2pd and libtorrent: metadata (BEP 9) and v2 piece layers (BEP 52)."""

from __future__ import annotations

import pytest
from peers.payload import (
    libtorrent_content,
    make_file,
    make_folder,
    without_piece_layers,
)

VERSIONS = ["v1", "v2", "hybrid"]


@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_gets_metadata_from_a_peer_that_the_link_names(
    work, new_p2pd, new_libtorrent, version
):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}")
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_p2pd_gets_metadata_through_a_tracker(work, tracker, new_p2pd, new_libtorrent, protocol):
    path = make_file(work / "original", 4_000_003)
    content = libtorrent_content(path, "v1", trackers=[tracker.url(protocol)])
    tracker.serve(content.wire_ids)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_announced()
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)


def test_metadata_of_many_blocks(work, new_p2pd, new_libtorrent):
    """2,600 pieces: an info dictionary of more than three blocks of metadata."""
    path = make_file(work / "original", 2_600 * 16_384 - 7)
    content = libtorrent_content(path, "v1", piece_length=16_384)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}")
    leecher.wait_copy_of(content)


@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_serves_metadata_to_libtorrent(work, new_p2pd, new_libtorrent, version):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_p2pd(), new_libtorrent()
    seed.share(content)
    leecher.add_magnet(content.magnet)
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    seed.check_healthy()


@pytest.mark.parametrize("version", ["v2", "hybrid"])
def test_p2pd_asks_peers_for_missing_piece_layers(work, new_p2pd, new_libtorrent, version):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add(without_piece_layers(content).torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)


def test_p2pd_passes_a_magnet_on_to_the_next(work, new_p2pd, new_libtorrent):
    """What p2pd got by a v2 magnet it seeds in full: metadata, piece layers and data."""
    content = libtorrent_content(make_folder(work / "original"), "v2")
    seed, between, last = new_libtorrent(), new_p2pd("between"), new_libtorrent("last")
    seed.share(content)
    between.add_magnet(content.magnet)
    between.dial(seed)
    between.wait_seeding()
    seed.stop()
    last.add_magnet(content.magnet)
    last.dial(between)
    last.wait_copy_of(content)


def test_two_p2pd_daemons_by_magnet(work, new_p2pd):
    content = libtorrent_content(make_folder(work / "original"), "hybrid")
    seed, leecher = new_p2pd("seed"), new_p2pd("leecher")
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}")
    leecher.wait_copy_of(content)
    seed.check_healthy()
    leecher.check_healthy()
