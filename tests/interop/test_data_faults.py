"""Data that shrinks, vanishes or changes under a seeding p2pd: no crash, no wrong byte, repair."""

from __future__ import annotations

import pytest
from peers.payload import MIB, PIECE, libtorrent_content, make_file, make_folder
from peers.processes import wait_until

SIZE = 6 * MIB + 99


def truncate(path):
    with path.open("r+b") as file:
        file.truncate(2 * MIB)


def remove(path):
    path.unlink()


def overwrite(path):
    with path.open("r+b") as file:
        file.write(bytes(PIECE))


FAULTS = {"truncated": truncate, "removed": remove, "overwritten": overwrite}


@pytest.fixture
def downloaded(work, new_p2pd, new_libtorrent):
    """A p2pd that has downloaded from a libtorrent seed, which is still there."""
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    seed, node = new_libtorrent("seed"), new_p2pd()
    seed.share(content)
    node.add(content.torrent)
    node.dial(seed)
    node.wait_seeding()
    return content, seed, node


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_finds_the_fault_and_the_swarm_repairs_it(downloaded, fault):
    content, seed, node = downloaded
    copy = node.downloads / content.name
    FAULTS[fault](copy)
    before = node.torrent("downloaded_ever")["downloaded_ever"]
    node.call("torrent_verify", ids=[node.hash_string])
    node.wait_checked()
    node.call("torrent_start", ids=[node.hash_string])
    node.dial(seed)
    # The repair may be over before anyone could see a byte missing: what was fetched stays counted.
    wait_until(
        lambda: node.torrent("downloaded_ever")["downloaded_ever"] > before,
        30,
        "fault found and repaired",
        details=node.state,
    )
    node.wait_copy_of(content)
    node.check_healthy()


@pytest.mark.parametrize("fault", ["truncated", "removed"])
def test_a_leecher_gets_nothing_wrong_and_p2pd_says_what_is_wrong(
    downloaded, new_libtorrent, fault
):
    content, seed, node = downloaded
    seed.stop()
    FAULTS[fault](node.downloads / content.name)
    leecher = new_libtorrent("leecher")
    leecher.add(content.torrent)
    leecher.dial(node)
    wait_until(
        lambda: node.torrent("error_string")["error_string"],
        15,
        "words about the fault",
        details=node.state,
    )
    assert leecher.status.total_failed_bytes == 0
    assert not leecher.is_seed()
    node.check_healthy()


def test_other_torrents_go_on_when_one_lost_its_data(work, downloaded, new_libtorrent):
    content, _, node = downloaded
    good = libtorrent_content(make_folder(work / "good"), "v1")
    node.share(good)
    remove(node.downloads / content.name)
    node.call("torrent_verify")
    leecher = new_libtorrent("leecher")
    leecher.add(good.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(good)
    node.check_healthy()


def test_existing_data_is_checked_and_only_the_rest_is_asked_for(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    half = SIZE // 2
    node.downloads.mkdir(exist_ok=True)
    (node.downloads / content.name).write_bytes(content.path.read_bytes()[:half])
    node.add(content.torrent)
    wait_until(lambda: node.bytes_verified() > half - PIECE, 15, "check", details=node.state)
    node.dial(seed)
    node.wait_copy_of(content)
    assert seed.payload_uploaded <= SIZE - half + PIECE
