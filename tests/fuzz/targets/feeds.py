"""Fuzz feeds: whatever comes, items within bounds or a FeedError."""

from __future__ import annotations

from p2pd.automation.rss.feed_reader import LONGEST_LINK, LONGEST_TITLE, FeedError, read_feed

_HASH = b"8c056e06fbc16d2a2be79cefbf3e4ddc15396abe"

SEEDS: list[bytes] = [
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><ttl>60</ttl><item><title>A '
    b'S01E02</title><guid>1</guid><enclosure url="/a.torrent" type="application/x-bittorrent" '
    b'length="9"/><pubDate>Tue, 14 Nov 2023 22:13:20 GMT</pubDate></item></channel></rss>',
    b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title><id>u:1</id><link rel='
    b'"enclosure" href="magnet:?xt=1"/><updated>2023-11-14T22:13:20Z</updated></entry></feed>',
    b'<rss><channel><item><title>x</title><torrent xmlns="http://xmlns.ezrss.it/0.1/"><infoHash>'
    + _HASH
    + b"</infoHash><contentLength>5</contentLength></torrent></item></channel>",
    b'<!DOCTYPE r [<!ENTITY a "b">]><rss><channel><item><size>1.5 GiB</size></item></rss>',
]


def fuzz(data: bytes) -> None:
    """Only FeedError may refuse."""
    try:
        found = read_feed(data, "http://feeds.test/rss")
    except FeedError:
        return
    for item in found.items:
        if len(item.title) > LONGEST_TITLE or not item.title.isprintable():
            raise AssertionError("a title that cannot be shown")
        if len(item.link) > LONGEST_LINK + 100 or len(item.key) != 32:
            raise AssertionError("a link or key out of bounds")
        if item.size is not None and not 0 < item.size < 2**50:
            raise AssertionError("a size out of bounds")
