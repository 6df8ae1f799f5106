"""p2pd and aria2c, each seeding to the other, through an HTTP tracker."""

from __future__ import annotations

import pytest
from peers.payload import assert_same, libtorrent_content, make_file, make_folder, p2pd_content


def make(work, shape):
    if shape == "one file":
        return make_file(work / "original", 6_000_007)
    return make_folder(work / "original")


@pytest.mark.parametrize(
    ("shape", "version"), [("one file", "v1"), ("many files", "v1"), ("many files", "hybrid")]
)
def test_p2pd_downloads_from_aria2(work, tracker, new_p2pd, new_aria2, shape, version):
    path = make(work, shape)
    content = libtorrent_content(path, version, trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_p2pd(), new_aria2()
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=copy_for_aria2(work, content, version))
    leecher.wait_seeding()
    assert_same(path, leecher.downloads / content.name)
    leecher.check_healthy()


def copy_for_aria2(work, content, version):
    """Where it finds the data. It knows no pad files: they must be there, as zeros, to seed."""
    if version != "hybrid":
        return content.folder
    import shutil

    import libtorrent

    folder = work / "with pads"
    shutil.copytree(content.path, folder / content.name)
    info = libtorrent.torrent_info(str(content.torrent))
    files = info.files()
    for index in range(files.num_files()):
        if files.file_flags(index) & libtorrent.file_flags_t.flag_pad_file:
            pad = folder / files.file_path(index)
            pad.parent.mkdir(exist_ok=True)
            pad.write_bytes(bytes(files.file_size(index)))
    return folder


@pytest.mark.parametrize(
    ("shape", "version"), [("one file", "v1"), ("many files", "v1"), ("many files", "hybrid")]
)
def test_aria2_downloads_from_p2pd(work, tracker, new_p2pd, new_aria2, shape, version):
    path = make(work, shape)
    content = p2pd_content(path, version, trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed, leecher = new_p2pd(), new_aria2()
    seed.add(content.torrent, save=content.folder)
    seed.wait_seeding()
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_seeding()
    assert_same(path, leecher.folder / content.name, empty_files=False)
    seed.check_healthy()
