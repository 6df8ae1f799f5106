"""A clean stop and the start after it: quick, nothing is checked again, everything goes on."""

from __future__ import annotations

import os
import time

from peers.payload import MIB, libtorrent_content, make_file, make_folder
from peers.processes import wait_until


def flip_unseen(path):
    """Change a byte and keep size and modification time: only a check of the hashes can see it."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_seed_stops_cleanly_and_goes_on_without_a_check(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 6 * MIB), "v1")
    node = new_p2pd()
    node.share(content)
    id_before = node.torrent("id")
    began = time.monotonic()
    assert node.terminate() == 0
    assert time.monotonic() - began < 10
    flip_unseen(content.path)
    node.start()
    node.wait_seeding(5)
    assert node.bytes_verified() == content.size
    assert node.torrent("id") == id_before
    flip_unseen(content.path)
    leecher = new_libtorrent()
    leecher.add(content.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(content)
    assert "Traceback" not in node.log_text()


def test_a_seed_at_rest_that_is_killed_is_not_checked_and_serves(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 6 * MIB), "hybrid")
    node = new_p2pd()
    node.share(content)
    assert node.terminate() == 0
    node.start()
    node.wait_seeding(5)
    node.kill()
    flip_unseen(content.path)
    node.start()
    node.wait_seeding(5)
    listed = node.torrent("files", "piece_count", "size_when_done", "wanted")
    assert [file["bytes_completed"] for file in listed["files"]] == [content.size]
    assert (listed["size_when_done"], listed["wanted"]) == (content.size, [True])
    flip_unseen(content.path)
    leecher = new_libtorrent()
    leecher.add(content.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(content)
    assert node.call("torrent_get", fields=["status"])["torrents"] == [{"status": 6}]
    assert "Traceback" not in node.log_text()


def test_a_download_goes_on_where_it_stopped(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_folder(work / "original", extra=8 * MIB), "hybrid")
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    seed.limit_upload(6 * MIB)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > 4 * MIB, 30, "4 MiB", details=node.state)
    assert node.terminate() == 0
    seed.limit_upload(1024)  # so that what is there did not come again
    node.start()
    wait_until(lambda: node.bytes_verified() > 4 * MIB, 5, "what it had", details=node.state)
    assert not node.is_checking()
    seed.limit_upload(0)
    node.dial(seed)
    node.wait_copy_of(content)
    assert "Traceback" not in node.log_text()


def test_a_file_that_changed_while_it_was_stopped_is_checked(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 6 * MIB), "v1")
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    node.add(content.torrent)
    node.dial(seed)
    node.wait_seeding()
    assert node.terminate() == 0
    copy = node.downloads / content.name
    with copy.open("r+b") as file:
        file.seek(3 * MIB)
        file.write(bytes(1000))
    node.start()
    wait_until(lambda: node.torrent("left_until_done")["left_until_done"] > 0, 15, "bad piece")
    node.wait_checked()
    node.dial(seed)
    node.wait_copy_of(content)


def test_a_removed_torrent_stays_removed(work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    node = new_p2pd()
    node.share(content)
    node.call("torrent_remove", ids=[node.hash_string], delete_local_data=False)
    node.kill()
    node.start()
    assert node.call("torrent_get", fields=["id"])["torrents"] == []
    assert content.path.stat().st_size == MIB


def test_session_close_ends_the_daemon(new_p2pd):
    node = new_p2pd()
    node.call("session_close")
    wait_until(lambda: not node.process.running, 10, "end of p2pd", details=node.log_tail)
    assert "Traceback" not in node.log_text()
