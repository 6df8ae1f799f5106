"""Message stream encryption with the programs that speak it: who is heard, and how."""

from __future__ import annotations

import time

import pytest
from peers.payload import MIB, assert_same, libtorrent_content, make_file, p2pd_content
from peers.processes import wait_until

FORCED, ENABLED, DISABLED = 0, 1, 2
PLAIN, RC4, BOTH = 1, 2, 3
POLICIES = ("required", "off")
SIZE = MIB
SLOW = 50_000
"""Bytes a second until somebody has looked at the connection."""


def libtorrent_settings(policy: int, level: int) -> dict[str, object]:
    return {
        "in_enc_policy": policy, "out_enc_policy": policy, "allowed_enc_level": level,
        "prefer_rc4": level == BOTH,
    }  # fmt: skip


def encrypted(node) -> list[str]:
    """Of each peer of a p2pd, how what they say is encrypted."""
    return [peer["encryption"] for peer in node.torrent("peers")["peers"]]


def saw(node, expected: str) -> None:
    wait_until(lambda: expected in encrypted(node), 40, "a peer", details=node.state)
    letters = {"rc4": "E", "handshake": "e"}.get(expected, "")
    for peer in node.torrent("peers")["peers"]:
        assert peer["is_encrypted"] == (expected == "rc4")
        assert {letter for letter in peer["flag_str"] if letter in "Ee"} == set(letters)


def limit(node, way: str, bytes_per_second: int) -> None:
    """Of a p2pd, "up" or "down"; 0 is no limit."""
    name = f"speed_limit_{way}"
    if bytes_per_second:
        node.call("session_set", **{name: bytes_per_second // 1000, f"{name}_enabled": True})
    else:
        node.call("session_set", **{f"{name}_enabled": False})


def p2pd_with(new_p2pd, policy: str):
    return new_p2pd(settings={"peers.encryption": policy})


SPEAKING = {
    "required": [(FORCED, RC4, "rc4"), (ENABLED, BOTH, "rc4")],
    "preferred": [(FORCED, RC4, "rc4"), (FORCED, PLAIN, "handshake"), (DISABLED, PLAIN, "none")],
    "allowed": [(FORCED, RC4, "rc4"), (FORCED, PLAIN, "handshake"), (DISABLED, PLAIN, "none")],
    "off": [(ENABLED, BOTH, "none")],
}
"""What p2pd has, and of each libtorrent: what it has, and how the connection is encrypted."""


@pytest.mark.parametrize("policy", SPEAKING)
def test_p2pd_downloads_from_libtorrent_and_passes_it_on(work, new_p2pd, new_libtorrent, policy):
    """p2pd dials the seed, and is dialled by who gets it from p2pd."""
    node = p2pd_with(new_p2pd, policy)
    for number, (theirs, level, how) in enumerate(SPEAKING[policy]):
        content = p2pd_content(make_file(work / f"original {number}", SIZE, seed=number), "hybrid")
        settings = libtorrent_settings(theirs, level)
        seed = new_libtorrent(f"seed {number}", **settings)
        seed.share(content)
        seed.limit_upload(SLOW)
        node.add(content.torrent, save=work / f"copy {number}")
        node.dial(seed)
        saw(node, how)
        seed.limit_upload(0)
        node.wait_seeding()
        assert_same(content.path, work / f"copy {number}" / content.name)
        seed.stop()
        limit(node, "up", SLOW)
        leecher = new_libtorrent(f"leecher {number}", **settings)
        leecher.add(content.torrent)
        leecher.dial(node)
        saw(node, how)
        limit(node, "up", 0)
        leecher.wait_copy_of(content)
        leecher.stop()
    node.check_healthy()


def test_who_has_no_way_in_common_does_not_speak(work, new_p2pd, new_libtorrent):
    requiring, off = (new_p2pd(each, settings={"peers.encryption": each}) for each in POLICIES)
    nodes = []
    for number, (node, theirs, level) in enumerate(
        [(requiring, FORCED, PLAIN), (requiring, DISABLED, PLAIN), (off, FORCED, RC4)]
    ):
        content = libtorrent_content(make_file(work / f"{number}", SIZE, seed=number), "v1")
        seed = new_libtorrent(f"seed {number}", **libtorrent_settings(theirs, level))
        seed.share(content)
        node.add(content.torrent)
        for dialler, dialled in ((node, seed), (seed, node)):
            dialler.dial(dialled)
        nodes.append(node)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for node in (requiring, off):
            torrents = node.call("torrent_get", fields=["peers", "have_valid"])["torrents"]
            assert [(each["peers"], each["have_valid"]) for each in torrents] == (
                [([], 0)] * nodes.count(node)
            )
        time.sleep(0.1)
    requiring.check_healthy()
    off.check_healthy()


def test_it_may_be_required_of_a_running_daemon(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", SIZE), "v2")
    seed = new_libtorrent(**libtorrent_settings(ENABLED, BOTH))
    leecher = p2pd_with(new_p2pd, "off")
    leecher.call("session_set", encryption="required")
    seed.share(content)
    seed.limit_upload(SLOW)
    leecher.add(content.torrent)
    leecher.dial(seed)
    saw(leecher, "rc4")
    seed.limit_upload(0)
    leecher.wait_copy_of(content)


def test_transmission_that_requires_it_seeds_and_downloads(work, new_p2pd, new_transmission):
    """All at once: it looks only each 10 s whom to unchoke, and in whom it is interested."""
    from_them, from_us = (
        libtorrent_content(make_file(work / name, SIZE, name=f"{name}.bin", seed=seed), "v1")
        for seed, name in enumerate(("theirs", "ours"))
    )
    seed, their_leecher = (
        new_transmission(f"their {name}", encryption=2, **more)
        for name, more in (
            ("seed", {"speed_limit_up": 50, "speed_limit_up_enabled": True}),
            ("leecher", {}),
        )
    )
    leechers = [
        new_p2pd(policy, host=f"127.0.0.{number}", settings={"peers.encryption": policy})
        for number, policy in enumerate(("required", "preferred"), 2)
    ]
    our_seed = new_p2pd("seed", host="127.0.0.4", settings={"peers.encryption": "preferred"})
    their_leecher.add(from_us.torrent)
    our_seed.share(from_us)
    our_seed.dial(their_leecher)
    seed.share(from_them)
    for leecher in leechers:
        leecher.add(from_them.torrent)
        leecher.dial(seed)
    for leecher in leechers:
        saw(leecher, "rc4")
    seed.call("session-set", **{"speed-limit-up-enabled": False})
    for leecher in leechers:
        leecher.wait_copy_of(from_them)
        leecher.check_healthy()
    their_leecher.wait_copy_of(from_us)
    our_seed.check_healthy()


def test_aria2_that_requires_it(work, tracker, new_p2pd, new_aria2):
    content = libtorrent_content(
        make_file(work / "original", SIZE), "v1", trackers=[tracker.http_url]
    )
    tracker.serve(content.wire_ids)
    leecher, seed = p2pd_with(new_p2pd, "preferred"), new_aria2(crypto="arc4")
    limit(leecher, "down", SLOW)
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    saw(leecher, "rc4")
    limit(leecher, "down", 0)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


def test_aria2_that_requires_it_downloads(work, tracker, new_p2pd, new_aria2):
    content = p2pd_content(make_file(work / "original", SIZE), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed, leecher = p2pd_with(new_p2pd, "required"), new_aria2(crypto="arc4")
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    seed.check_healthy()
