"""The other programs among themselves, without p2pd: what fails here is the harness, not p2pd."""

from __future__ import annotations

from peers.payload import libtorrent_content, make_folder


def test_a_swarm_of_the_other_clients_finishes(
    work, tracker, new_libtorrent, new_transmission, new_aria2
):
    folder = make_folder(work / "original")
    content = libtorrent_content(folder, "v1", trackers=[tracker.udp_url, tracker.http_url])
    tracker.serve(content.wire_ids)
    transmission = new_transmission(host="127.0.0.4")
    transmission.add(content.torrent)
    transmission.wait_announced()
    leechers = [transmission, new_aria2(host="127.0.0.5"), new_libtorrent()]
    for leecher in leechers[1:]:
        leecher.add(content.torrent)
    seed = new_libtorrent("seed")
    seed.add(content.torrent, save=content.folder)
    for leecher in leechers:
        leecher.wait_copy_of(content)
