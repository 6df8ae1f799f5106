"""p2pd and libtorrent, each seeding to the other: v1, v2 and hybrid, one file and many."""

from __future__ import annotations

import pytest
from peers.payload import (
    MIB,
    libtorrent_content,
    make_file,
    make_folder,
    make_odd_file,
    p2pd_content,
)
from peers.processes import wait_until
from peers.scripted import ScriptedPeer

VERSIONS = ["v1", "v2", "hybrid"]


@pytest.mark.parametrize("make", [make_odd_file, make_folder])
@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_downloads_from_libtorrent(work, new_p2pd, new_libtorrent, version, make):
    content = libtorrent_content(make(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add(content.torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize("make", [make_odd_file, make_folder])
@pytest.mark.parametrize("version", VERSIONS)
def test_libtorrent_downloads_from_p2pd(work, new_p2pd, new_libtorrent, version, make):
    content = libtorrent_content(make(work / "original"), version)
    seed, leecher = new_p2pd(), new_libtorrent()
    seed.share(content)
    leecher.add(content.torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    seed.check_healthy()


@pytest.mark.parametrize("version", VERSIONS)
def test_libtorrent_takes_the_torrents_that_p2pd_makes(work, new_p2pd, new_libtorrent, version):
    content = p2pd_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add(content.torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)


def test_large_pieces_and_many_requests(work, new_p2pd, new_libtorrent):
    path = make_file(work / "original", 30 * MIB + 1)
    content = libtorrent_content(path, "v1", piece_length=4 * MIB)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add(content.torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    assert leecher.torrent("corrupt_ever")["corrupt_ever"] == 0


def hang_up(wire):
    """Returns, which ends the connection."""


def test_a_peer_that_is_added_again_is_dialled_again_at_once(
    work, new_p2pd, new_libtorrent, ended_after
):
    """`peer_add` is a person's wish: an earlier failure must not make it wait."""
    content = libtorrent_content(make_file(work / "original", 5 * MIB), "v1")
    leecher = new_p2pd()
    leecher.add(content.torrent)
    deaf = ended_after(ScriptedPeer(hang_up))
    leecher.dial(deaf)
    wait_until(lambda: deaf.ended == 1, 10, "failed attempt", details=leecher.state)
    deaf.stop()
    seed = new_libtorrent(port=deaf.port)
    seed.share(content)
    leecher.dial(seed)
    leecher.wait_copy_of(content, 10)
