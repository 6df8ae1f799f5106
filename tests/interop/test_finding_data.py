"""A real daemon finds the data of torrents that are added where other programs left it."""

from __future__ import annotations

import json
import shutil

import pytest
from peers.p2pctl import p2pctl
from peers.payload import MIB, libtorrent_content, make_folder
from peers.processes import wait_until

from p2pd.formats.metainfo import parse_torrent


@pytest.fixture
def library(work, new_p2pd):
    """A daemon, content in a folder that it knows, and the torrent of it."""
    content = libtorrent_content(make_folder(work / "library" / "films", extra=8 * MIB), "v1")
    folders = json.dumps([str(work / "library")])
    node = new_p2pd(settings={"storage.content_folders": folders})
    node.hash_string = parse_torrent(content.torrent.read_bytes()).info_hashes.hash_string
    return node, content


def wait_seed(node):
    wait_until(node.is_seed, 30, "seeding", details=node.state)
    assert node.torrent("downloaded_ever")["downloaded_ever"] == 0


def test_it_is_seeded_in_place(library, work):
    node, content = library
    told = p2pctl(node, "add", str(content.torrent), "--find")
    assert str(work / "library" / "films") in told
    wait_seed(node)
    assert node.torrent("download_dir")["download_dir"] == str(work / "library" / "films")
    node.kill()
    node.start()
    wait_seed(node)
    node.check_healthy()


def test_it_is_linked_and_the_original_may_go(library, work):
    node, content = library
    p2pctl(node, "add", str(content.torrent), "--find-link")
    wait_until(
        lambda: node.torrent("download_dir")["download_dir"] == str(node.downloads),
        30, "the way to the download folder", details=node.state,
    )  # fmt: skip
    wait_seed(node)
    files = [path for path in (node.downloads / content.name).rglob("*") if path.is_file()]
    assert any(path.stat().st_nlink == 2 for path in files)
    shutil.rmtree(work / "library")
    node.call("torrent_verify", ids=[node.hash_string])
    wait_seed(node)
    node.check_healthy()


def test_what_only_looks_like_it_is_not_written_to(library, work):
    node, content = library
    before = {}
    for path in sorted(content.path.rglob("*")):
        if path.is_file() and path.stat().st_size > 100_000:
            path.write_bytes(b"x" * path.stat().st_size)
        if path.is_file():
            before[path] = path.read_bytes()
    node.call("session_set", find_data="in_place")
    node.add(content.torrent)
    wait_until(
        lambda: node.torrent("download_dir")["download_dir"] == str(node.downloads),
        30, "the way to the download folder", details=node.state,
    )  # fmt: skip
    wait_until(lambda: node.torrent("status")["status"] == 4, 10, "downloading", details=node.state)
    assert {path: path.read_bytes() for path in before} == before
    node.check_healthy()
