"""Files of a real daemon get other names while libtorrent downloads, and kills come between."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
from peers.http_calls import RpcError
from peers.payload import MIB, assert_same, libtorrent_content, make_folder
from peers.processes import wait_until

SIZE = 48 * MIB


@pytest.fixture
def content(work):
    return libtorrent_content(make_folder(work / "original", extra=SIZE), "hybrid")


def names(node):
    return [file["name"] for file in node.torrent("files")["files"]]


def rename(node, path, name):
    asked = {"path": path, "name": name}
    answer = node.call("torrent_rename_path", ids=[node.hash_string], **asked)
    assert {key: answer[key] for key in asked} == asked


def test_a_seed_is_renamed_and_killed_while_a_peer_downloads(content, new_p2pd, new_libtorrent):
    node = new_p2pd()
    shutil.copytree(content.path, node.downloads / content.name)
    node.add(content.torrent)
    wait_until(node.is_seed, 30, "seeding", details=node.state)
    leecher = new_libtorrent("leecher")
    leecher.add(content.torrent)
    leecher.limit_download(2 * MIB)
    leecher.dial(node)
    wait_until(lambda: leecher.status.total_payload_download > MIB, 20, "the first bytes")
    files = names(node)
    rename(node, content.name, "renamed")
    inner = "renamed" + files[0].removeprefix(content.name)
    rename(node, inner, "first one.bin")
    assert node.torrent("name")["name"] == "renamed"
    assert not (node.downloads / content.name).exists()
    before = leecher.status.total_payload_download
    wait_until(
        lambda: leecher.status.total_payload_download > before + 4 * MIB, 20, "more",
        details=leecher.state,
    )  # fmt: skip
    kill_while_renaming(node, "renamed")
    node.start()
    wait_until(node.is_seed, 30, "seeding again", details=node.state)
    assert not node.is_checking()
    top = node.torrent("name")["name"]
    assert [path.name for path in node.downloads.iterdir()] == [top]
    assert all((node.downloads / name).is_file() for name in names(node))
    leecher.limit_download(0)
    leecher.wait_copy_from(node)
    rename(node, top, content.name)
    rename(node, names(node)[0], files[0].rpartition("/")[2])
    assert names(node) == files
    assert_same(content.path, node.downloads / content.name)
    assert_same(content.path, leecher.downloads / content.name)
    node.check_healthy()


def kill_while_renaming(node, top):
    """Rename to and fro as fast as it goes, and kill it at some moment of that."""
    killed = threading.Event()

    def renames():
        name = top
        while not killed.is_set():
            other = "there" if name == top else top
            try:
                rename(node, name, other)
            except (OSError, RpcError):
                return
            name = other

    busy = threading.Thread(target=renames)
    busy.start()
    time.sleep(0.4)
    node.kill()
    killed.set()
    busy.join(30)
    assert not busy.is_alive()


def test_a_download_is_renamed_killed_and_goes_home(work, content, new_p2pd, new_libtorrent):
    """With `.part` names and a folder for what is incomplete, all at once."""
    incomplete = work / "incomplete"
    settings = {
        "storage.rename_partial_files": "true",
        "storage.incomplete_dir_enabled": "true",
        "storage.incomplete_dir": f'"{incomplete}"',
    }
    seed = new_libtorrent("seed")
    seed.share(content)
    seed.limit_upload(16 * MIB)
    node = new_p2pd(settings=settings)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > SIZE // 4, 30, "a part of it", details=node.state)
    assert any(path.suffix == ".part" for path in incomplete.rglob("*"))
    biggest = max(node.torrent("files")["files"], key=lambda file: file["length"])["name"]
    rename(node, biggest, "biggest.bin")
    wait_until(lambda: node.bytes_verified() > SIZE // 2, 30, "more", details=node.state)
    kill_while_renaming(node, content.name)
    node.start()
    node.dial(seed)
    wait_until(node.is_seed, 60, "the rest", details=node.state)
    wait_until(
        lambda: not any(path.is_file() for path in incomplete.rglob("*")), 60, "its way home",
        details=node.state,
    )  # fmt: skip
    top = node.torrent("name")["name"]
    assert node.torrent("current_dir")["current_dir"] == str(node.downloads)
    rename(node, top, content.name)
    renamed = next(name for name in names(node) if name.endswith("/biggest.bin"))
    rename(node, renamed, biggest.rpartition("/")[2])
    assert_same(content.path, node.downloads / content.name)
    assert seed.payload_uploaded < content.size + 8 * MIB, "next to nothing was fetched twice"
    node.check_healthy()
