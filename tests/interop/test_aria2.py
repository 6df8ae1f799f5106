"""p2pd and aria2c, each seeding to the other, through an HTTP tracker.

Only v1: aria2 encodes the info dictionary of a hybrid torrent anew, and differently, so that it
announces an info-hash that nobody else has.
"""

from __future__ import annotations

import pytest
from peers.payload import assert_same, libtorrent_content, make_file, make_folder, p2pd_content


def make(work, shape):
    if shape == "one file":
        return make_file(work / "original", 6_000_007)
    return make_folder(work / "original")


@pytest.mark.parametrize("shape", ["one file", "many files"])
def test_p2pd_downloads_from_aria2(work, tracker, new_p2pd, new_aria2, shape):
    path = make(work, shape)
    content = libtorrent_content(path, "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_p2pd(), new_aria2()
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    leecher.wait_seeding()
    assert_same(path, leecher.downloads / content.name)
    leecher.check_healthy()


@pytest.mark.parametrize("shape", ["one file", "many files"])
def test_aria2_downloads_from_p2pd(work, tracker, new_p2pd, new_aria2, shape):
    path = make(work, shape)
    content = p2pd_content(path, "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed, leecher = new_p2pd(), new_aria2()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_seeding()
    assert_same(path, leecher.folder / content.name, empty_files=False)
    seed.check_healthy()
