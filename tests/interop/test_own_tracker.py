"""Other programs, and p2pd itself, find each other through p2pd's own tracker."""

from __future__ import annotations

import pytest
from peers.payload import libtorrent_content, make_file

from p2pd.clients.free_port import free_port

SIZE = 4_000_003


@pytest.fixture
def announce_url(new_p2pd):
    port = free_port()
    new_p2pd("tracker", settings={"tracker.enabled": "true", "tracker.port": str(port)})
    return f"http://127.0.0.1:{port}/announce"


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_libtorrent_finds_libtorrent(work, announce_url, new_libtorrent, version):
    path = make_file(work / "original", SIZE)
    content = libtorrent_content(path, version, trackers=[announce_url])
    seed, leecher = new_libtorrent("seed"), new_libtorrent("leecher")
    seed.add(content.torrent, save=content.folder)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)


def test_aria2_finds_transmission(work, announce_url, new_transmission, new_aria2):
    path = make_file(work / "original", SIZE)
    content = libtorrent_content(path, "v1", trackers=[announce_url])
    seed, leecher = new_transmission(), new_aria2()
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)


def test_p2pd_finds_p2pd(work, announce_url, new_p2pd):
    path = make_file(work / "original", SIZE)
    content = libtorrent_content(path, "hybrid", trackers=[announce_url])
    seed, leecher = new_p2pd("seed"), new_p2pd("leecher")
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
