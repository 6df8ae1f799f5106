"""Speed limits beside libtorrent: what it gets and gives under p2pd's limits, and changed live."""

from __future__ import annotations

import time

from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

SIZE = 12 * MIB
LIMIT = 1000
SECONDS = 4.0


def measured(bytes_so_far):
    """Bytes per second over some seconds, once data moves."""
    wait_until(lambda: bytes_so_far() > 0, 15, "first bytes")
    before, started = bytes_so_far(), time.monotonic()
    time.sleep(SECONDS)
    return (bytes_so_far() - before) / (time.monotonic() - started)


def test_downloads_from_two_libtorrents_keep_to_the_limit(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    seeds = [new_libtorrent(f"seed {host}", host=host) for host in ("127.0.0.2", "127.0.0.3")]
    leecher = new_p2pd(settings={"bandwidth.download": str(LIMIT)})
    for seed in seeds:
        seed.share(content)
    leecher.add(content.torrent)
    for seed in seeds:
        leecher.dial(seed)
    rate = measured(lambda: leecher.torrent("downloaded_ever")["downloaded_ever"])
    assert 0.8 * LIMIT * 1000 < rate < 1.1 * LIMIT * 1000
    shares = [peer["bytes_to_client"] for peer in leecher.torrent("peers")["peers"]]
    assert len(shares) == 2
    assert max(shares) < 1.5 * min(shares)
    assert leecher.call("session_stats")["download_limit_in_force"] == LIMIT * 1000
    leecher.call("session_set", speed_limit_down_enabled=False)
    leecher.wait_copy_of(content, 20)
    leecher.check_healthy()


def test_uploads_to_two_libtorrents_keep_to_the_limit(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    seed = new_p2pd()
    hosts = ("127.0.0.2", "127.0.0.3")
    leechers = [new_libtorrent(f"leecher {host}", host=host) for host in hosts]
    seed.share(content)
    seed.call("torrent_set", ids=[seed.hash_string], upload_limit=LIMIT, upload_limited=True)
    for leecher in leechers:
        leecher.add(content.torrent)
        seed.dial(leecher)
    rate = measured(lambda: seed.torrent("uploaded_ever")["uploaded_ever"])
    assert 0.8 * LIMIT * 1000 < rate < 1.1 * LIMIT * 1000
    shares = [peer["bytes_to_peer"] for peer in seed.torrent("peers")["peers"]]
    assert len(shares) == 2
    assert max(shares) < 1.5 * min(shares)
    seed.call("torrent_set", ids=[seed.hash_string], upload_limited=False)
    for leecher in leechers:
        leecher.wait_copy_of(content, 20)
    seed.check_healthy()


def test_limits_are_kept_over_a_restart(work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    node = new_p2pd(settings={"bandwidth.upload": "77", "bandwidth.peer_upload": "66"})
    node.add(content.torrent, save=content.folder)
    changes = {"alt_speed_down": 12, "alt_speed_enabled": True}
    node.call("session_set", **changes)
    node.call("label_set", label="linux", speed_limit_up=5)
    limits = {"download_limit": 9, "download_limited": True, "honors_session_limits": False}
    node.call("torrent_set", ids=[node.hash_string], labels=["linux"], **limits)
    node.terminate()
    node.start()
    fields = [*changes, "speed_limit_up", "speed_limit_up_enabled", "peer_speed_limit_up"]
    kept = {"speed_limit_up": 77, "speed_limit_up_enabled": True, "peer_speed_limit_up": 66}
    assert node.call("session_get", fields=fields) == changes | kept
    in_force = {"download_limit_in_force": 9000, "upload_limit_in_force": 5000}
    assert node.torrent(*limits, *in_force) == limits | in_force
    stats = node.call("session_stats")
    assert (stats["download_limit_in_force"], stats["upload_limit_in_force"]) == (12_000, 50_000)
    node.check_healthy()
