"""p2pd and libtorrent, each seeding to the other: v1, v2 and hybrid, one file and many."""

from __future__ import annotations

import time

import pytest
from peers.payload import (
    MIB,
    assert_same,
    libtorrent_content,
    make_file,
    make_folder,
    p2pd_content,
)

SINGLE_SIZE = 5 * MIB + 4321

VERSIONS = ["v1", "v2", "hybrid"]
SHAPES = ["one file", "many files"]


def make(work, shape):
    if shape == "one file":
        return make_file(work / "original", SINGLE_SIZE)
    return make_folder(work / "original")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_downloads_from_libtorrent(work, new_p2pd, new_libtorrent, version, shape):
    content = libtorrent_content(make(work, shape), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    leecher.add(content.torrent)
    leecher.connect(seed.host, seed.port)
    leecher.wait_seeding()
    assert_same(content.path, leecher.downloads / content.name)
    leecher.check_healthy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("version", VERSIONS)
def test_libtorrent_downloads_from_p2pd(work, new_p2pd, new_libtorrent, version, shape):
    content = libtorrent_content(make(work, shape), version)
    seed, leecher = new_p2pd(), new_libtorrent()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    leecher.add(content.torrent)
    leecher.connect(seed.host, seed.port)
    leecher.wait_seeding()
    assert_same(content.path, leecher.folder / content.name)
    seed.check_healthy()


@pytest.mark.parametrize("version", VERSIONS)
def test_libtorrent_takes_the_torrents_that_p2pd_makes(work, new_p2pd, new_libtorrent, version):
    content = p2pd_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    leecher.add(content.torrent)
    leecher.connect(seed.host, seed.port)
    leecher.wait_seeding()
    assert_same(content.path, leecher.downloads / content.name)


def test_large_pieces_and_many_requests(work, new_p2pd, new_libtorrent):
    path = make_file(work / "original", 30 * MIB + 1)
    content = libtorrent_content(path, "v1", piece_length=4 * MIB)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    leecher.add(content.torrent)
    leecher.connect(seed.host, seed.port)
    leecher.wait_seeding()
    assert_same(content.path, leecher.downloads / content.name)
    assert leecher.torrent("corrupt_ever")["corrupt_ever"] == 0


def test_a_peer_that_is_added_again_is_dialled_again_at_once(work, new_p2pd, new_libtorrent):
    """`peer_add` is a person's wish: an earlier failure must not make it wait."""
    content = libtorrent_content(make_file(work / "original", SINGLE_SIZE), "v1")
    leecher = new_p2pd()
    leecher.add(content.torrent)
    seed = new_libtorrent()
    seed.stop()
    leecher.connect(seed.host, seed.port)
    time.sleep(0.5)  # refused by now: nobody listens there
    again = new_libtorrent("again", port=seed.port)
    again.add(content.torrent, save=content.folder)
    again.wait_seeding()
    leecher.connect(again.host, again.port)
    leecher.wait_seeding(10)
    assert_same(content.path, leecher.downloads / content.name)
