"""Packets of UDP trackers: read or refused, whatever question they pretend to answer."""

from __future__ import annotations

import struct

from p2pd.protocols.tracker import udp
from p2pd.protocols.tracker.announce import LEAST_INTERVAL, MAX_PEERS, MOST_INTERVAL, TrackerError

SEEDS: list[bytes] = [
    struct.pack(">IIQ", 0, 7, 2**63),
    struct.pack(">IIIII", 1, 7, 1800, 2, 3) + b"\x0a\x00\x00\x01\x1a\xe1" * 3,
    struct.pack(">IIIII", 1, 7, 1800, 2, 3) + bytes(15) + b"\x01\x1a\xe1",
    struct.pack(">IIIIIIII", 2, 7, 5, 50, 10, 6, 60, 11),
    struct.pack(">II", 3, 7) + b"go away",
]


def fuzz(data: bytes) -> None:
    words = ""
    udp.transaction_of(data)
    for ipv6 in (False, True):
        try:
            answer = udp.parse_announce(data, ipv6=ipv6)
            assert len(answer.peers) <= MAX_PEERS
            assert LEAST_INTERVAL <= answer.interval <= MOST_INTERVAL
        except TrackerError as refusal:
            words += str(refusal)
    for parse in (udp.parse_connect, lambda packet: udp.parse_scrape(packet, 2)):
        try:
            parse(data)
        except TrackerError as refusal:
            words += str(refusal)
    assert words.isprintable()
