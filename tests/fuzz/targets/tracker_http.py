"""Answers of HTTP trackers: read or refused, and within every bound."""

from __future__ import annotations

from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import LEAST_INTERVAL, MAX_PEERS, MOST_INTERVAL, TrackerError

SEEDS: list[bytes] = [
    b"d8:completei3e10:downloadedi9e10:incompletei1e8:intervali1800e12:min intervali60e"
    b"5:peers12:\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x1a\xe1e",
    b"d8:intervali900e5:peersld2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eeee",
    b"d11:external ip4:\xc0\x00\x02\x018:intervali900e6:peers618:"
    + b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01\x1a\xe1" + b"e",
    b"d14:failure reason7:go away8:retry in5:nevere",
    b"d14:failure reason4:busy8:retry ini5ee",
    b"d8:intervali-5e5:peers0:10:tracker id3:abc15:warning message3:olde",
    b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi50e10:incompletei10eeee",
    b"<html><body>It works!</body></html>",
]  # fmt: skip


def fuzz(data: bytes) -> None:
    words = ""
    try:
        answer = http.parse_announce(data)
        assert len(answer.peers) <= MAX_PEERS
        assert LEAST_INTERVAL <= answer.interval <= MOST_INTERVAL
        assert all(0 < peer.port < 65_536 for peer in answer.peers)
    except TrackerError as refusal:
        words = str(refusal)
    assert words.isprintable()
    try:
        for counts in http.parse_scrape(data).values():
            assert counts.seeders >= -1
    except TrackerError as refusal:
        words = str(refusal)
    assert words.isprintable()
