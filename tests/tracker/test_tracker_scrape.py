"""Scrapes of p2pd's own tracker (BEP 48): only of torrents that the caller can name."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

HASH = bytes(range(20))


def scrape(tracker, *info_hashes):
    query = "&".join(f"info_hash={quote_from_bytes(each, safe='')}" for each in info_hashes)
    return tracker.get(f"/scrape?{query}")


def test_counts_of_the_named_torrents(tracker):
    tracker.announce("10.0.0.1", left=0)
    tracker.announce("10.0.0.2", left=5)
    tracker.announce("10.0.0.3", info_hash=b"b" * 20)
    assert scrape(tracker, HASH)[b"files"] == {
        HASH: {b"complete": 1, b"incomplete": 1, b"downloaded": 0}
    }
    assert set(scrape(tracker, HASH, b"b" * 20, b"c" * 20)[b"files"]) == {HASH, b"b" * 20}


def test_there_is_no_list_of_all_torrents(tracker):
    tracker.announce()
    assert b"name its torrents" in tracker.get("/scrape")[b"failure reason"]
    assert b"20 bytes" in tracker.get("/scrape?info_hash=a")[b"failure reason"]


def test_a_scrape_names_a_bounded_number_of_torrents(tracker):
    names = [bytes([number]) * 20 for number in range(1, 100)]
    for name in names:
        tracker.announce(info_hash=name)
    assert len(scrape(tracker, *names)[b"files"]) == 74


def test_expired_torrents_are_gone(tracker, clock):
    tracker.announce()
    clock.advance(2 * 1800 + 61)
    assert scrape(tracker, HASH)[b"files"] == {}
    assert len(tracker.store) == 0
