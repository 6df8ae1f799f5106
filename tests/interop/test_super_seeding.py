"""Other clients as leechers of a p2pd that shows them single pieces (BEP 16)."""

from __future__ import annotations

from peers.payload import MIB, make_file, p2pd_content

SIZE = 24 * MIB
RATE = 6 * MIB


def test_all_kinds_of_leechers_spread_what_a_super_seed_shows_them(
    work, tracker, new_p2pd, new_libtorrent, new_transmission, new_aria2
):
    content = p2pd_content(make_file(work / "original", SIZE), "v1", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed = new_p2pd("seed")
    leecher, libtorrent = new_p2pd("leecher", host="127.0.0.2"), new_libtorrent()
    transmission, aria2 = new_transmission(host="127.0.0.4"), new_aria2(host="127.0.0.5")
    seed.call("session_set", speed_limit_up=RATE // 1000, speed_limit_up_enabled=True)
    for peer in (transmission, aria2, libtorrent, leecher):
        peer.add(content.torrent)
    transmission.wait_announced()
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder, super_seeding="on")
    for peer in (leecher, libtorrent, aria2, transmission):
        peer.wait_copy_of(content, 50)
    row = seed.torrent("uploaded_ever", "super_seeding")
    assert row["super_seeding"] == "on"
    assert row["uploaded_ever"] < 1.5 * SIZE
    seed.check_healthy()
    leecher.check_healthy()
