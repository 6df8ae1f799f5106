"""The end game with real seeds of very unequal rates: what comes in vain is below a hundredth."""

from __future__ import annotations

from peers.payload import KIB, MIB, libtorrent_content, make_file

SIZE = 64 * MIB
RATES = (4_000_000, 1_000_000, 200_000)
VAIN = 0.01


def test_little_comes_in_vain_from_seeds_of_unequal_rates(work, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", SIZE), "v1", piece_length=256 * KIB)
    seeds = []
    for number, rate in enumerate(RATES):
        seed = new_libtorrent(f"libtorrent {rate}", host=f"127.0.0.{number + 2}")
        seed.share(content)
        seed.limit_upload(rate)
        settings = {"bandwidth.upload": str(rate // 1000)}
        other = new_p2pd(f"p2pd {rate}", host=f"127.0.0.{number + 12}", settings=settings)
        other.share(content)
        seeds += [seed, other]
    leecher = new_p2pd()
    leecher.add(content.torrent)
    for seed in seeds:
        leecher.dial(seed)
    leecher.wait_copy_of(content)
    counted = leecher.torrent("downloaded_ever", "corrupt_ever")
    assert counted["downloaded_ever"] == SIZE
    assert counted["corrupt_ever"] < VAIN * SIZE
    leecher.check_healthy()
