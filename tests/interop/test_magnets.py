"""Magnet links between p2pd and libtorrent: metadata (BEP 9) and v2 piece layers (BEP 52)."""

from __future__ import annotations

import re
from functools import partial

import pytest
from peers.payload import (
    libtorrent_content,
    make_file,
    make_folder,
    without_piece_layers,
)
from peers.processes import wait_until
from peers.scripted import EXTENDED, ScriptedPeer

VERSIONS = ["v1", "v2", "hybrid"]


@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_gets_metadata_from_a_peer_that_the_link_names(
    work, new_p2pd, new_libtorrent, version
):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}")
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_p2pd_gets_metadata_through_a_tracker(work, tracker, new_p2pd, new_libtorrent, protocol):
    path = make_file(work / "original", 4_000_003)
    content = libtorrent_content(path, "v1", trackers=[tracker.url(protocol)])
    tracker.serve(content.wire_ids)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.add(content.torrent, save=content.folder)
    seed.wait_announced()
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)


def test_metadata_of_many_blocks(work, new_p2pd, new_libtorrent):
    """2,600 pieces: an info dictionary of more than three blocks of metadata."""
    path = make_file(work / "original", 2_600 * 16_384 - 7)
    content = libtorrent_content(path, "v1", piece_length=16_384)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}", metadata_only=True)
    wait_until(lambda: is_known_and_stopped(leecher), 60, "the metadata", details=leecher.state)
    assert leecher.torrent("piece_count", "total_size") == {
        "piece_count": 2_600, "total_size": content.size
    }  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_p2pd_serves_metadata_to_libtorrent(work, new_p2pd, new_libtorrent, version):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_p2pd(), new_libtorrent()
    seed.share(content)
    leecher.add_magnet(content.magnet)
    leecher.dial(seed)
    leecher.wait_copy_of(content)
    seed.check_healthy()


@pytest.mark.parametrize("version", ["v2", "hybrid"])
def test_p2pd_asks_peers_for_missing_piece_layers(work, new_p2pd, new_libtorrent, version):
    content = libtorrent_content(make_folder(work / "original"), version)
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    leecher.add(without_piece_layers(content).torrent)
    leecher.dial(seed)
    leecher.wait_copy_of(content)


def test_p2pd_passes_a_magnet_on_to_the_next(work, new_p2pd, new_libtorrent):
    """What p2pd got by a v2 magnet it seeds in full: metadata, piece layers and data."""
    content = libtorrent_content(make_folder(work / "original"), "v2")
    seed, between, last = new_libtorrent(), new_p2pd("between"), new_libtorrent("last")
    seed.share(content)
    between.add_magnet(content.magnet)
    between.dial(seed)
    between.wait_seeding()
    seed.stop()
    last.add_magnet(content.magnet)
    last.dial(between)
    last.wait_copy_of(content)


def test_two_p2pd_daemons_by_magnet(work, new_p2pd):
    content = libtorrent_content(make_folder(work / "original"), "hybrid")
    seed, leecher = new_p2pd("seed"), new_p2pd("leecher")
    seed.share(content)
    leecher.add_magnet(f"{content.magnet}&x.pe={seed.host}:{seed.port}")
    leecher.wait_copy_of(content)
    seed.check_healthy()
    leecher.check_healthy()


def test_metadata_comes_from_several_seeds_whatever_others_say(work, new_p2pd, new_libtorrent):
    """One peer sends other metadata, one never answers, one refuses."""
    path = make_file(work / "original", 2_600 * 16_384 - 7)
    content = libtorrent_content(path, "v1", piece_length=16_384)
    seeds = [new_libtorrent(f"seed {number}") for number in range(3)]
    for seed in seeds:
        seed.share(content)
    size = metadata_size(content)
    answers = (noise, silence, refusal)
    scripts = (partial(offer_metadata, content.wire_ids[0], size, answer) for answer in answers)
    hosts = ("127.0.0.66", "127.0.0.67", "127.0.0.68")
    hostile = [ScriptedPeer(script, host=host) for script, host in zip(scripts, hosts, strict=True)]
    leecher = new_p2pd()
    try:
        named = "".join(f"&x.pe={one.host}:{one.port}" for one in (*hostile, *seeds))
        leecher.add_magnet(content.magnet + named)
        leecher.wait_copy_of(content)
        assert all(one.connections for one in hostile)
    finally:
        for one in hostile:
            one.stop()
    leecher.check_healthy()


def test_a_liar_alone_is_banned_and_an_honest_seed_is_enough(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_folder(work / "original"), "v1")
    size = metadata_size(content)
    liar = ScriptedPeer(
        partial(offer_metadata, content.wire_ids[0], size, noise), host="127.0.0.66"
    )
    leecher, seed = new_p2pd(), new_libtorrent()
    try:
        leecher.add_magnet(f"{content.magnet}&x.pe={liar.host}:{liar.port}")
        wait_until(lambda: leecher.call("peer_banned")["bans"], 60, "the ban of the liar")
    finally:
        liar.stop()
    seed.share(content)
    leecher.dial(seed)
    leecher.wait_copy_of(content)


def test_the_files_of_a_link_are_chosen_before_any_data_comes(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_folder(work / "original"), "hybrid")
    seed, leecher = new_libtorrent(), new_p2pd()
    seed.share(content)
    named = f"{content.magnet}&x.pe=localhost:{seed.port}"
    added = leecher.add_magnet(named, metadata_only=True)
    wait_until(lambda: is_known_and_stopped(leecher), 60, "the metadata")
    assert leecher.torrent("have_valid", "downloaded_ever") == {
        "have_valid": 0, "downloaded_ever": 0
    }  # fmt: skip
    others = [index for index in range(leecher.torrent("file_count")["file_count"]) if index != 5]
    leecher.call("torrent_set", ids=[added["id"]], files_unwanted=others)
    leecher.call("torrent_start", ids=[added["id"]])
    wait_until(leecher.is_seed, 60, "the file that is wanted")
    facts = leecher.torrent("wanted", "discovery", "magnet_link")
    assert sum(facts["wanted"]) == 1
    (link,) = (source for source in facts["discovery"] if source["name"] == "magnet")
    assert (link["peers_known"], link["peers_connected"]) >= (1, 0)
    assert facts["magnet_link"].count("xt=") == 2


def is_known_and_stopped(node):
    facts = node.torrent("file_count", "status")
    return facts["file_count"] > 0 and facts["status"] == 0


def metadata_size(content):
    """Of a v1 torrent, whose info dictionary is the last thing in its file."""
    data = content.torrent.read_bytes()
    return len(data) - data.index(b"4:infod") - len(b"4:info") - 1


def noise(piece, size):
    """Other bytes than those asked for."""
    header = b"d8:msg_typei1e5:piecei%de10:total_sizei%dee" % (piece, size)
    return header + bytes(min(16_384, size - piece * 16_384))


def refusal(piece, size):
    return b"d8:msg_typei2e5:piecei%dee" % piece


def silence(piece, size):
    return None


def offer_metadata(info_hash, size, answer, wire):
    """Say that there is metadata, and answer requests for it as `answer` does."""
    wire.handshake(info_hash, reserved=bytes([0, 0, 0, 0, 0, 16, 0, 0]))
    wire.read_handshake()
    offered = b"d1:md11:ut_metadatai3ee13:metadata_sizei%dee" % size
    wire.message(EXTENDED, b"\x00" + offered)
    theirs = b""
    for kind, payload in wire.messages():
        if kind != EXTENDED:
            continue
        if payload[0] == 0:
            theirs = bytes([number(rb"11:ut_metadatai", payload)])
        elif payload[0] == 3 and theirs:
            said = answer(number(rb"5:piecei", payload), size)
            if said is not None:
                wire.message(EXTENDED, theirs + said)


def number(key, payload):
    """The whole number behind a key of a bencoded dictionary."""
    return int(re.search(key + rb"([0-9]+)e", payload)[1])
