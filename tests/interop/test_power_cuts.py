"""Kill -9 in mid-download, and the start after it: what was verified is not asked for again."""

from __future__ import annotations

import pytest
from peers.payload import MIB, PIECE, libtorrent_content, make_file, make_folder
from peers.processes import wait_until
from peers.scripted import CountingSeed

SIZE = 16 * MIB + 777
RATE = 5 * MIB


def wait_share(node, share):
    """Until `share` of the torrent is verified; returns the pieces."""
    wait_until(
        lambda: node.torrent("percent_done")["percent_done"] >= share,
        30,
        f"{share:.0%} of the download",
        details=node.state,
    )
    return node.pieces_verified()


@pytest.fixture
def counting(work, ended_after):
    path = make_file(work / "original", SIZE)
    content = libtorrent_content(path, "v1")
    seed = CountingSeed(path, content.wire_ids[0], PIECE, bytes_per_second=RATE)
    return content, ended_after(seed)


def test_no_verified_piece_is_asked_for_twice(counting, new_p2pd):
    content, seed = counting
    node = new_p2pd()
    node.add(content.torrent)
    node.dial(seed)
    for share in (0.3, 0.6):
        verified = wait_share(node, share)
        assert len(verified) > share * 0.9 * seed.piece_count
        node.kill()
        asked_before = len(seed.requests)
        node.start()
        node.wait_checked()
        node.dial(seed)
        wait_share(node, min(share + 0.2, 1))
        again = {piece for piece, _, _ in seed.requests[asked_before:]} & verified
        assert not again, f"asked again for {len(again)} of {len(verified)} verified pieces"
    node.wait_copy_of(content)
    node.check_healthy()


def test_most_of_what_was_sent_survives(counting, new_p2pd):
    """Beyond whole pieces: three kills cost no more than what was under way at each."""
    content, seed = counting
    node = new_p2pd()
    node.add(content.torrent)
    for share in (0.2, 0.5, 0.8):
        node.dial(seed)
        wait_share(node, share)
        node.kill()
        node.start()
        node.wait_checked()
    node.dial(seed)
    node.wait_copy_of(content)
    assert sum(length for _, _, length in seed.requests) < SIZE * 1.5


@pytest.mark.parametrize("version", ["v2", "hybrid"])
def test_a_libtorrent_seed_sends_only_what_was_missing(work, new_p2pd, new_libtorrent, version):
    content = libtorrent_content(make_folder(work / "original", extra=8 * MIB), version)
    seed, node = new_libtorrent(), new_p2pd()
    seed.share(content)
    seed.limit_upload(RATE)
    node.add(content.torrent)
    node.dial(seed)
    wait_share(node, 0.5)
    verified = node.bytes_verified()
    node.kill()
    wait_until(lambda: not seed.handle.get_peer_info(), 10, "end of the connection")
    sent_before = seed.payload_uploaded
    node.start()
    node.wait_checked()
    assert node.bytes_verified() >= verified
    node.dial(seed)
    node.wait_copy_of(content)
    sent = seed.payload_uploaded - sent_before
    assert sent <= content.size - verified + PIECE * 8


def test_a_kill_while_the_magnet_waits_for_metadata(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_folder(work / "original"), "v1")
    node = new_p2pd()
    node.add_magnet(content.magnet)
    node.kill()
    node.start()
    seed = new_libtorrent()
    seed.share(content)
    node.dial(seed)
    node.wait_copy_of(content)


def test_a_kill_while_seeding(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_folder(work / "original"), "hybrid")
    node = new_p2pd()
    node.share(content)
    node.kill()
    node.start()
    node.wait_seeding()
    leecher = new_libtorrent()
    leecher.add(content.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(content)
