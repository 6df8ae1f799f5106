"""p2pd and transmission-daemon, each seeding to the other.

Transmission thinks about whom to ask every ten seconds, so what it downloads takes that long. Only
v1: 3.00 refuses the empty keys in the file tree of v2 and hybrid torrents, whoever made them.
"""

from __future__ import annotations

import pytest
from peers.payload import libtorrent_content, make_file, make_folder, p2pd_content
from peers.processes import wait_until


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_p2pd_downloads_from_transmission(work, tracker, new_p2pd, new_transmission, protocol):
    folder = make_folder(work / "original")
    content = libtorrent_content(folder, "v1", trackers=[tracker.url(protocol)])
    tracker.serve(content.wire_ids)
    seed, leecher = new_transmission(), new_p2pd()
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


def test_transmission_downloads_from_p2pd(work, tracker, new_p2pd, new_transmission):
    folder = make_folder(work / "original")
    content = p2pd_content(folder, "v1", trackers=[tracker.udp_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_transmission(), new_p2pd()
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    leecher.wait_copy_of(content)
    seed.check_healthy()


def test_transmission_gets_metadata_from_p2pd(work, tracker, new_p2pd, new_transmission):
    path = make_file(work / "original", 4_000_003)
    content = p2pd_content(path, "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_transmission(), new_p2pd()
    leecher.add_magnet(content.magnet)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    leecher.wait_metadata()

    def dialled_and_complete():
        """With metadata it hangs up to start anew, and then cannot dial by itself."""
        seed.dial(leecher)
        return leecher.is_seed()

    wait_until(dialled_and_complete, 45, "copy", details=leecher.state, every=1.0)
    leecher.wait_copy_of(content)
    seed.check_healthy()
