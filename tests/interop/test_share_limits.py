"""A real daemon stops, or removes, what it gave enough of; labels move their torrents."""

from __future__ import annotations

from peers.p2pctl import p2pctl
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

STOPPED = 0
FIELDS = ("status", "is_finished", "seed_limits_reached", "upload_ratio", "uploaded_ever")


def test_a_seed_stops_when_libtorrent_has_half_of_it_and_stays_so(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 8 * MIB), "v1")
    seed, leecher = new_p2pd(), new_libtorrent("leecher", host="127.0.0.2")
    seed.share(content)
    limits = {"seed_ratio_limit": 0.5, "seed_ratio_mode": 1, "upload_limit": 1000}
    seed.call("torrent_set", ids=[seed.hash_string], upload_limited=True, **limits)
    leecher.add(content.torrent)
    seed.dial(leecher)
    wait_until(lambda: seed.torrent("uploaded_ever")["uploaded_ever"] > MIB, 20, "upload")
    assert 0 < seed.torrent("eta")["eta"] < 20
    wait_until(lambda: seed.torrent("status")["status"] == STOPPED, 30, "the limit")
    found = seed.torrent(*FIELDS)
    assert (found["is_finished"], found["seed_limits_reached"]) == (True, ["ratio"])
    assert 4 * MIB <= found["uploaded_ever"] < 8 * MIB
    assert not leecher.is_seed()
    seed.terminate()
    seed.start()
    assert seed.torrent("is_finished", "status") == {"is_finished": True, "status": STOPPED}
    p2pctl(seed, "start", "--all")
    seed.dial(leecher)
    leecher.wait_copy_of(content, 30)
    assert seed.torrent("is_finished", "status") == {"is_finished": False, "status": 6}
    seed.check_healthy()


def test_a_label_says_where_and_how_long_and_it_goes_with_its_data(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    seed, leecher = new_p2pd(), new_libtorrent("leecher", host="127.0.0.2")
    seed.share(content)
    original = content.path.read_bytes()
    leecher.add(content.torrent)
    folder = work / "films"
    folder.mkdir()
    options = ["--download-dir", str(folder), "--move-torrents"]
    p2pctl(seed, "label", "films", *options, "--ratio", "1", "--then", "remove-with-data")
    p2pctl(seed, "set", "--all", "--add-label", "films")
    copy = folder / "single.bin"
    wait_until(copy.exists, 20, "the move")
    wait_until(lambda: seed.torrent("move")["move"] is None, 20, "the end of the move")
    assert seed.torrent("download_dir")["download_dir"] == str(folder)
    seed.dial(leecher)
    wait_until(leecher.is_seed, 30, "the copy")
    assert (work / "leecher" / "single.bin").read_bytes() == original
    wait_until(lambda: not seed.call("torrent_get", fields=["id"])["torrents"], 20, "removal")
    wait_until(lambda: not copy.exists(), 10, "its data to go")
    assert p2pctl(seed, "labels").split()[-1] == "yes"
    seed.check_healthy()
