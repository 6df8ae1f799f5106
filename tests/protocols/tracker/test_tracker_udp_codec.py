"""UDP tracker packets (BEP 15, BEP 41), byte for byte, and packets that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.tracker import udp
from p2pd.protocols.tracker.announce import (
    LEAST_INTERVAL,
    MAX_PEERS,
    MOST_INTERVAL,
    AnnounceRequest,
    TrackerError,
)

REQUEST = AnnounceRequest(
    info_hash=b"h" * 20,
    peer_id=b"p" * 20,
    port=6881,
    uploaded=3,
    downloaded=1,
    left=2,
    event="started",
    numwant=80,
    key=0xDEADBEEF,
)


def announce_answer(interval=1800, leechers=2, seeders=3, peers=b"", action=1):
    return struct.pack(">IIIII", action, 7, interval, leechers, seeders) + peers


def test_the_connect_request_is_the_one_of_bep_15():
    packet = udp.connect_packet(0x01020304)
    assert packet == bytes.fromhex("0000041727101980 00000000 01020304")


def test_the_connect_answer():
    assert udp.parse_connect(bytes.fromhex("00000000 01020304 1122334455667788")) == (
        0x1122334455667788
    )
    assert udp.transaction_of(bytes.fromhex("00000000 01020304")) == 0x01020304
    assert udp.transaction_of(b"1234567") is None


def test_the_announce_request_is_the_one_of_bep_15():
    packet = udp.announce_packet(0x1122334455667788, 0x01020304, REQUEST)
    assert len(packet) == 98
    assert packet[:16] == bytes.fromhex("1122334455667788 00000001 01020304")
    assert packet[16:56] == b"h" * 20 + b"p" * 20
    assert struct.unpack(">QQQ", packet[56:80]) == (1, 2, 3)
    assert struct.unpack(">IIIiH", packet[80:98]) == (2, 0, 0xDEADBEEF, 80, 6881)


@pytest.mark.parametrize(
    ("event", "number"), [("", 0), ("completed", 1), ("started", 2), ("stopped", 3), ("paused", 0)]
)
def test_events(event, number):
    request = AnnounceRequest(b"h" * 20, b"p" * 20, 1, 0, 0, 0, event=event)
    packet = udp.announce_packet(1, 2, request)
    assert struct.unpack_from(">I", packet, 80) == (number,)


@pytest.mark.parametrize(
    ("length", "chunks"), [(0, []), (1, [1]), (255, [255]), (256, [255, 1]), (600, [255, 255, 90])]
)
def test_url_data_is_cut_into_options(length, chunks):
    """BEP 41: type 2, a length byte, the bytes; then type 0."""
    data = bytes(33 + at % 90 for at in range(length))
    options = udp.announce_packet(1, 2, REQUEST, data)[98:]
    seen, joined = [], b""
    while options and options[0] == 2:
        seen.append(options[1])
        joined += options[2 : 2 + options[1]]
        options = options[2 + options[1] :]
    assert seen == chunks
    assert joined == data
    assert options == (b"\x00" if length else b"")


def test_an_announce_answer_of_each_family():
    answer = udp.parse_announce(announce_answer(peers=b"\x0a\x00\x00\x01\x1a\xe1"), ipv6=False)
    assert answer.peers == (PeerAddress("10.0.0.1", 6881),)
    assert (answer.interval, answer.leechers, answer.seeders) == (1800, 2, 3)
    assert answer.downloads == -1
    six = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01\x1a\xe1"
    assert udp.parse_announce(announce_answer(peers=six), ipv6=True).peers == (
        PeerAddress("2001:db8::1", 6881),
    )


def test_lying_sizes_and_numbers_are_bounded():
    peers = b"".join(b"\x0a\x00\x00\x01" + port.to_bytes(2, "big") for port in range(1, 10_000))
    answer = udp.parse_announce(announce_answer(2**32 - 1, 2**32 - 1, 2**32 - 1, peers), ipv6=False)
    assert len(answer.peers) == MAX_PEERS
    assert answer.interval == MOST_INTERVAL
    assert (answer.seeders, answer.leechers) == (-1, -1), "as unbelievable as over HTTP"
    assert udp.parse_announce(announce_answer(0), ipv6=False).interval == LEAST_INTERVAL
    ragged = announce_answer(peers=b"\x0a\x00\x00\x01\x1a\xe1\x0a")
    assert len(udp.parse_announce(ragged, ipv6=False).peers) == 1


def test_a_scrape_keeps_the_order():
    packet = udp.scrape_packet(1, 2, [b"a" * 20, b"b" * 20])
    assert packet == bytes.fromhex("0000000000000001 00000002 00000002") + b"a" * 20 + b"b" * 20
    answer = struct.pack(">IIIIIIII", 2, 2, 5, 50, 10, 6, 60, 11)
    first, second = udp.parse_scrape(answer, 2)
    assert (first.seeders, first.downloads, first.leechers) == (5, 50, 10)
    assert (second.seeders, second.downloads, second.leechers) == (6, 60, 11)


def test_scraped_counts_that_nobody_believes_are_unknown():
    (counts,) = udp.parse_scrape(struct.pack(">IIIII", 2, 2, 2**32 - 1, 2**31, 7), 1)
    assert (counts.seeders, counts.downloads, counts.leechers) == (-1, -1, 7)


def test_a_scrape_has_at_most_74_torrents():
    assert len(udp.scrape_packet(1, 2, [b"a" * 20] * 100)) == 16 + 74 * 20


def test_an_error_is_the_trackers_words_without_its_tricks():
    packet = struct.pack(">II", 3, 7) + b"no\x1b[2J\x00thanks" + b"!" * 9999
    for parse in (
        udp.parse_connect,
        lambda p: udp.parse_announce(p, ipv6=False),
        lambda p: udp.parse_scrape(p, 1),
    ):
        with pytest.raises(TrackerError) as caught:
            parse(packet)
        assert str(caught.value).startswith("no")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) <= 200
    with pytest.raises(TrackerError, match="without a reason"):
        udp.parse_connect(struct.pack(">II", 3, 7))


@pytest.mark.parametrize("packet", [b"", b"1234567", struct.pack(">II", 0, 7)])
def test_short_packets_are_refused_in_words(packet):
    with pytest.raises(TrackerError, match="bytes"):
        udp.parse_connect(packet)
    with pytest.raises(TrackerError):
        udp.parse_announce(packet, ipv6=True)
    with pytest.raises(TrackerError):
        udp.parse_scrape(packet, 1)


def test_an_answer_to_another_question_is_refused():
    with pytest.raises(TrackerError, match="action 1, not 0"):
        udp.parse_connect(announce_answer())
    with pytest.raises(TrackerError, match="action 9, not 1"):
        udp.parse_announce(announce_answer(action=9), ipv6=False)
    with pytest.raises(TrackerError, match="not 32"):
        udp.parse_scrape(struct.pack(">IIIII", 2, 7, 0, 0, 0), 2)


@given(st.binary(max_size=120), st.sampled_from([0, 1, 2, 3, 255]))
def test_any_packet_is_an_answer_or_a_refusal(rest, action):
    packet, refusals = struct.pack(">I", action) + rest, []
    for parse in (
        udp.parse_connect,
        lambda p: udp.parse_announce(p, ipv6=False),
        lambda p: udp.parse_announce(p, ipv6=True),
        lambda p: udp.parse_scrape(p, 3),
    ):
        try:
            parse(packet)
        except TrackerError as refusal:
            refusals.append(str(refusal))
    assert len(refusals) >= 2
    assert all(words and words.isprintable() for words in refusals)
