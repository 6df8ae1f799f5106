"""Message stream encryption with the programs that speak it: who is heard, and how."""

from __future__ import annotations

import time

import pytest
from peers.payload import MIB, libtorrent_content, make_file, p2pd_content
from peers.processes import wait_until

FORCED, ENABLED, DISABLED = 0, 1, 2
PLAIN, RC4, BOTH = 1, 2, 3
SLOW = 3 * MIB
"""Bytes a second, so that there is time to look at the connection."""


def libtorrent_settings(policy: int, level: int) -> dict[str, object]:
    return {
        "in_enc_policy": policy, "out_enc_policy": policy, "allowed_enc_level": level,
        "prefer_rc4": level == BOTH,
    }  # fmt: skip


def encrypted(node) -> list[str]:
    """Of each peer of a p2pd, how what they say is encrypted."""
    return [peer["encryption"] for peer in node.torrent("peers")["peers"]]


def saw(node, expected: str) -> None:
    wait_until(lambda: expected in encrypted(node), 20, "a peer", details=node.state)
    letters = {"rc4": "E", "handshake": "e"}.get(expected, "")
    for peer in node.torrent("peers")["peers"]:
        assert peer["is_encrypted"] == (expected == "rc4")
        assert {letter for letter in peer["flag_str"] if letter in "Ee"} == set(letters)


def p2pd_with(new_p2pd, policy: str):
    return new_p2pd(settings={"peers.encryption": policy})


SPEAKING = [
    ("required", FORCED, RC4, "rc4"),
    ("required", ENABLED, BOTH, "rc4"),
    ("preferred", FORCED, RC4, "rc4"),
    ("preferred", FORCED, PLAIN, "handshake"),
    ("preferred", DISABLED, PLAIN, "none"),
    ("allowed", FORCED, RC4, "rc4"),
    ("allowed", FORCED, PLAIN, "handshake"),
    ("allowed", DISABLED, PLAIN, "none"),
    ("off", ENABLED, BOTH, "none"),
]
"""What p2pd has, what libtorrent has, and how the connection is encrypted."""


@pytest.mark.parametrize(("policy", "theirs", "level", "how"), SPEAKING)
def test_p2pd_downloads_from_libtorrent(work, new_p2pd, new_libtorrent, policy, theirs, level, how):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    seed = new_libtorrent(**libtorrent_settings(theirs, level))
    leecher = p2pd_with(new_p2pd, policy)
    seed.share(content)
    seed.limit_upload(SLOW)
    leecher.add(content.torrent)
    leecher.dial(seed)
    saw(leecher, how)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


@pytest.mark.parametrize(("policy", "theirs", "level", "how"), SPEAKING)
def test_libtorrent_downloads_from_p2pd(work, new_p2pd, new_libtorrent, policy, theirs, level, how):
    content = p2pd_content(make_file(work / "original", 2 * MIB), "hybrid")
    leecher = new_libtorrent(**libtorrent_settings(theirs, level))
    seed = p2pd_with(new_p2pd, policy)
    seed.share(content)
    seed.call("session_set", speed_limit_up=2000, speed_limit_up_enabled=True)
    leecher.add(content.torrent)
    leecher.dial(seed)
    saw(seed, how)
    leecher.wait_copy_of(content)
    seed.check_healthy()


@pytest.mark.parametrize(
    ("policy", "theirs", "level"),
    [("required", FORCED, PLAIN), ("required", DISABLED, PLAIN), ("off", FORCED, RC4)],
)
def test_who_has_no_way_in_common_does_not_speak(
    work, new_p2pd, new_libtorrent, policy, theirs, level
):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    seed, leecher = (
        new_libtorrent(**libtorrent_settings(theirs, level)),
        p2pd_with(new_p2pd, policy),
    )
    seed.share(content)
    leecher.add(content.torrent)
    for dialler, dialled in ((leecher, seed), (seed, leecher)):
        dialler.dial(dialled)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert not encrypted(leecher)
        time.sleep(0.1)
    assert leecher.bytes_verified() == 0
    leecher.check_healthy()


def test_it_may_be_required_of_a_running_daemon(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v2")
    seed = new_libtorrent(**libtorrent_settings(ENABLED, BOTH))
    leecher = p2pd_with(new_p2pd, "off")
    leecher.call("session_set", encryption="required")
    seed.share(content)
    seed.limit_upload(SLOW)
    leecher.add(content.torrent)
    leecher.dial(seed)
    saw(leecher, "rc4")
    leecher.wait_copy_of(content)


@pytest.mark.parametrize("policy", ["required", "preferred"])
def test_transmission_that_requires_it(work, tracker, new_p2pd, new_transmission, policy):
    content = libtorrent_content(
        make_file(work / "original", 2 * MIB), "v1", trackers=[tracker.http_url]
    )
    tracker.serve(content.wire_ids)
    seed = new_transmission(encryption=2, speed_limit_up=2000, speed_limit_up_enabled=True)
    leecher = p2pd_with(new_p2pd, policy)
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    saw(leecher, "rc4")
    leecher.wait_copy_of(content)
    leecher.check_healthy()


def test_transmission_that_requires_it_downloads(work, tracker, new_p2pd, new_transmission):
    content = p2pd_content(make_file(work / "original", 2 * MIB), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    leecher, seed = new_transmission(encryption=2), p2pd_with(new_p2pd, "preferred")
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    leecher.wait_copy_of(content)
    seed.check_healthy()


def test_aria2_that_requires_it(work, tracker, new_p2pd, new_aria2):
    content = libtorrent_content(
        make_file(work / "original", 2 * MIB), "v1", trackers=[tracker.http_url]
    )
    tracker.serve(content.wire_ids)
    leecher, seed = p2pd_with(new_p2pd, "preferred"), new_aria2(crypto="arc4")
    leecher.call("session_set", speed_limit_down=2000, speed_limit_down_enabled=True)
    leecher.add(content.torrent)
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    saw(leecher, "rc4")
    leecher.wait_copy_of(content)
    leecher.check_healthy()


def test_aria2_that_requires_it_downloads(work, tracker, new_p2pd, new_aria2):
    content = p2pd_content(make_file(work / "original", 2 * MIB), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed, leecher = p2pd_with(new_p2pd, "required"), new_aria2(crypto="arc4")
    seed.share(content)
    seed.wait_announced()
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)
    seed.check_healthy()
