"""p2pd and aria2c, each seeding to the other, through an HTTP tracker.

Only v1: aria2 encodes the info dictionary of a hybrid torrent anew, and differently, so that it
announces an info-hash that nobody else has.
"""

from __future__ import annotations

import pytest
from peers.payload import libtorrent_content, make_folder, make_odd_file, p2pd_content


@pytest.mark.parametrize("make", [make_odd_file, make_folder])
def test_p2pd_downloads_from_aria2(work, tracker, new_p2pd, new_aria2, make):
    content = libtorrent_content(make(work / "original"), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_p2pd(), new_aria2()
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize("make", [make_odd_file, make_folder])
def test_aria2_downloads_from_p2pd(work, tracker, new_p2pd, new_aria2, make):
    content = p2pd_content(make(work / "original"), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed, leecher = new_p2pd(), new_aria2()
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    seed.check_healthy()
