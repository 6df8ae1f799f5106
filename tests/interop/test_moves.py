"""From one file system to another while a peer downloads, with a kill in the middle of the copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest
from peers.http_calls import RpcError
from peers.payload import MIB, assert_same, libtorrent_content, make_file, make_folder
from peers.processes import wait_until

SIZE = 24 * MIB
LARGE = 96 * MIB
"""What takes long enough to copy that somebody can see it in the middle of it."""


EVERY_BYTE = {"storage.keep_free_mib": "0"}
"""The disks are small: nothing of them is kept free."""


@pytest.fixture
def size():
    return SIZE


@pytest.fixture
def two_disks(work, size):
    """Two folders, each on a file system of its own, with room for three times as much and two."""
    mounted = []
    for name, room in (("first", 3 * size), ("second", 2 * size)):
        folder = work / name
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "p2pd-test", str(folder)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
    yield mounted
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def wait_moved(node, folder):
    wait_until(
        lambda: node.torrent("move")["move"] is None, 120, "the end of the move", details=node.state
    )
    assert node.torrent("download_dir")["download_dir"] == str(folder)


def seed_of(node, content, folder):
    """Have the node seed from a folder."""
    shutil.copytree(content.path, folder / content.name)
    node.add(content.torrent, save=folder)
    node.wait_checked()
    wait_until(node.is_seed, 60, "seeding", details=node.state)


@pytest.fixture
def content(work, size):
    root = make_folder(work / "original", extra=size - 8 * MIB)
    return libtorrent_content(root, "v1")


@pytest.mark.parametrize("size", [LARGE])
def test_a_move_is_cut_off_by_a_kill_while_a_peer_downloads(
    content, size, two_disks, new_p2pd, new_libtorrent
):
    first, second = two_disks
    node = new_p2pd(settings=EVERY_BYTE)
    seed_of(node, content, first)
    leecher = new_libtorrent("leecher")
    leecher.add(content.torrent)
    leecher.limit_download(12 * MIB)
    leecher.dial(node)
    wait_until(lambda: leecher.status.total_payload_download > MIB, 60, "the first bytes")
    node.call("torrent_set_location", ids=[node.hash_string], location=str(second), move=True)
    staging = f".p2pd-moving-{node.hash_string}"
    deadline = time.monotonic() + 60
    while sum(file.stat().st_size for file in files_below(second)) < size // 4:
        assert time.monotonic() < deadline
    node.kill()
    assert os.listdir(second) == [staging]
    assert_same(content.path, first / content.name)
    leecher.limit_download(0)
    node.start()
    assert node.torrent("move")["move"]["location"] == str(second)
    leecher.dial(node)
    wait_moved(node, second)
    assert files_below(first) == []
    assert os.listdir(second) == [content.name]
    assert_same(content.path, second / content.name)
    assert not node.is_checking()
    leecher.wait_copy_from(node)
    assert_same(content.path, leecher.downloads / content.name)
    node.check_healthy()


def test_a_download_goes_on_while_it_is_moved(content, two_disks, new_p2pd, new_libtorrent):
    first, second = two_disks
    seed = new_libtorrent("seed")
    seed.share(content)
    seed.limit_upload(6 * MIB)
    node = new_p2pd(settings=EVERY_BYTE)
    node.add(content.torrent, save=first)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > SIZE // 4, 60, "a part of it", details=node.state)
    node.call("torrent_set_location", ids=[node.hash_string], location=str(second), move=True)
    wait_moved(node, second)
    seed.limit_upload(0)
    wait_until(node.is_seed, 90, "the rest", details=node.state)
    assert_same(content.path, second / content.name)
    assert files_below(first) == []
    assert seed.payload_uploaded < content.size + 2 * MIB, "nothing was fetched twice"
    node.check_healthy()


def test_a_move_waits_for_room_and_goes_on(work, two_disks, new_p2pd):
    """Each would fit alone, and so both are accepted; one waits until the other is removed."""
    first, second = two_disks
    node = new_p2pd(settings=EVERY_BYTE)
    hashes, contents = [], []
    for number, size in enumerate((SIZE, SIZE + 8 * MIB)):
        path = make_file(work / f"original {number}", size, name=f"{number}.bin", seed=number)
        contents.append(libtorrent_content(path, ("v2", "hybrid")[number]))
        shutil.copy(path, first)
        node.add(contents[number].torrent, save=first)
        wait_until(node.is_seed, 60, "seeding", details=node.state)
        hashes.append(node.hash_string)
    node.call("torrent_set_location", ids=hashes, location=str(second), move=True)
    wait_until(
        lambda: "No space" in (node.torrent("move")["move"] or {}).get("error_string", ""),
        60,
        "words about the room",
        details=node.state,
    )
    assert node.is_seed()
    assert_same(contents[1].path, first / "1.bin")
    node.call("torrent_remove", ids=[hashes[0]], delete_local_data=True)
    wait_moved(node, second)
    assert files_below(first) == []
    assert files_below(second) == [second / "1.bin"]
    assert_same(contents[1].path, second / "1.bin")
    node.check_healthy()


def test_what_is_in_the_way_is_said_before_anything_is_touched(work, two_disks, new_p2pd):
    first, second = two_disks
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    shutil.copy(content.path, first)
    node = new_p2pd(settings=EVERY_BYTE)
    node.add(content.torrent, save=first)
    wait_until(node.is_seed, 60, "seeding", details=node.state)
    for name, size, words in (("ballast", 3 * SIZE // 2, "room"), ("single.bin", 1, "already")):
        (second / name).write_bytes(bytes(size))
        with pytest.raises(RpcError, match=words):
            node.call(
                "torrent_set_location", ids=[node.hash_string], location=str(second), move=True
            )
        assert os.listdir(second) == [name]
        (second / name).unlink()
    assert_same(content.path, first / "single.bin")
    # Moved by hand, it is found there.
    shutil.move(first / "single.bin", second)
    node.call("torrent_set_location", ids=[node.hash_string], location=str(second))
    wait_until(node.is_seed, 60, "seeding from there", details=node.state)
    assert node.torrent("download_dir")["download_dir"] == str(second)
    node.check_healthy()
