"""Swarms of four kinds of peers through a tracker, in which every one ends with equal files.

Each peer has an address of loopback of its own: Transmission knows one peer per address.
"""

from __future__ import annotations

from peers.payload import MIB, libtorrent_content, make_folder, p2pd_content

SEED_RATE = 6 * MIB


def test_everyone_finishes_from_a_libtorrent_seed(
    work, tracker, new_p2pd, new_libtorrent, new_transmission, new_aria2
):
    folder = make_folder(work / "original", extra=12 * MIB)
    urls = [tracker.udp_url, tracker.http_url]
    content = libtorrent_content(folder, "v1", trackers=urls)
    tracker.serve(content.wire_ids)
    seed = new_libtorrent("seed")
    seed.add(content.torrent, save=content.folder)
    seed.limit_upload(SEED_RATE)
    seed.wait_announced()
    first, second = new_p2pd("first", host="127.0.0.2"), new_p2pd("second", host="127.0.0.3")
    transmission, aria2 = new_transmission(host="127.0.0.4"), new_aria2(host="127.0.0.5")
    libtorrent = new_libtorrent("leecher")
    transmission.add(content.torrent)
    transmission.wait_announced()
    for leecher in (first, aria2, second, libtorrent):
        leecher.add(content.torrent)
    for leecher in (first, second, libtorrent, aria2, transmission):
        leecher.wait_copy_of(content, 90)
    first.check_healthy()
    second.check_healthy()


def test_everyone_finishes_from_a_p2pd_seed(
    work, tracker, new_p2pd, new_libtorrent, new_transmission, new_aria2
):
    folder = make_folder(work / "original", extra=4 * MIB)
    urls = [tracker.http_url, tracker.udp_url]
    content = p2pd_content(folder, "v1", trackers=urls)
    tracker.serve(content.wire_ids)
    seed = new_p2pd("seed")
    leecher, libtorrent = new_p2pd("leecher", host="127.0.0.2"), new_libtorrent()
    transmission, aria2 = new_transmission(host="127.0.0.4"), new_aria2(host="127.0.0.5")
    for peer in (transmission, aria2, libtorrent, leecher):
        peer.add(content.torrent)
    transmission.wait_announced()
    leecher.wait_announced()
    seed.add(content.torrent, save=content.folder)
    for peer in (leecher, libtorrent, aria2, transmission):
        peer.wait_copy_of(content, 90)
    seed.check_healthy()
    leecher.check_healthy()


def test_a_hybrid_reaches_peers_that_know_v1_v2_and_both(work, tracker, new_p2pd, new_libtorrent):
    """A seed of the hybrid, and peers by a link to each of its info-hashes and to both."""
    folder = make_folder(work / "original", extra=4 * MIB)
    content = libtorrent_content(folder, "hybrid", trackers=[tracker.http_url])
    tracker.serve(content.wire_ids)
    seed = new_libtorrent("seed")
    seed.add(content.torrent, save=content.folder)
    seed.wait_announced()
    peers = [new_p2pd("full"), new_p2pd("v1"), new_p2pd("v2"), new_libtorrent("other")]
    peers[0].add(content.torrent)
    for peer, link in zip(peers[1:], [*one_hash_each(content), content.magnet], strict=True):
        peer.add_magnet(link)
    for peer in peers:
        peer.wait_copy_of(content)
    for peer in peers[:3]:
        peer.check_healthy()


def one_hash_each(content):
    """The magnet link without its v2 info-hash, and without its v1 one."""
    head, parameters = content.magnet.split("?")
    parts = parameters.split("&")
    return [
        head + "?" + "&".join(part for part in parts if not part.startswith(f"xt=urn:{other}:"))
        for other in ("btmh", "btih")
    ]
