"""HTTP announces and scrapes as URLs, and what is made of the answers, honest and hostile."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.formats import bencode
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import (
    DEFAULT_INTERVAL,
    LEAST_INTERVAL,
    MAX_PEERS,
    MOST_INTERVAL,
    AnnounceRequest,
    TrackerError,
)

HASH = bytes(range(0, 240, 12))
REQUEST = AnnounceRequest(
    info_hash=HASH,
    peer_id=b"-PD0100-" + b"\x00\xff&=+ %/?#ab",
    port=6881,
    uploaded=1,
    downloaded=2**40,
    left=3,
    event="started",
    numwant=80,
    key=0xAB,
    tracker_id=b"\x01&id",
)


def raw_query(url):
    pairs = (part.partition("=") for part in urlsplit(url).query.split("&"))
    return {name: unquote_to_bytes(value) for name, _, value in pairs}


def parsed(**answer):
    return http.parse_announce(
        bencode.encode({name.replace("_", " ").encode(): value for name, value in answer.items()})
    )


# -- what is asked -------------------------------------------------------------------------------


def test_every_byte_of_the_ids_survives_the_url():
    query = raw_query(http.announce_url("http://t.example/announce", REQUEST))
    assert query["info_hash"] == HASH
    assert query["peer_id"] == REQUEST.peer_id
    assert query["trackerid"] == REQUEST.tracker_id


def test_the_announce_says_what_the_torrent_says():
    query = parse_qs(urlsplit(http.announce_url("http://t/announce", REQUEST)).query)
    assert query["port"] == ["6881"]
    assert query["uploaded"] == ["1"]
    assert query["downloaded"] == [str(2**40)]
    assert query["left"] == ["3"]
    assert query["event"] == ["started"]
    assert query["numwant"] == ["80"]
    assert query["key"] == ["000000ab"]
    assert query["compact"] == ["1"]


def test_a_periodic_announce_has_no_event_and_no_tracker_id():
    plain = AnnounceRequest(HASH, b"p" * 20, 1, 0, 0, 0)
    query = raw_query(http.announce_url("http://t/announce", plain))
    assert "event" not in query
    assert "trackerid" not in query


def test_a_passkey_in_the_query_stays_and_a_fragment_goes():
    url = http.announce_url("https://t.example:8443/x/announce?passkey=s3cret#top", REQUEST)
    parts = urlsplit(url)
    assert url.startswith("https://t.example:8443/x/announce?passkey=s3cret&info_hash=")
    assert parts.fragment == ""


def test_a_broken_url_is_refused_in_words():
    for ask in (
        lambda: http.announce_url("http://[::1/announce", REQUEST),
        lambda: http.scrape_request_url("http://[::1/scrape", [HASH]),
    ):
        with pytest.raises(TrackerError, match="no valid host"):
            ask()
    assert http.scrape_url("http://[::1/announce") is None


@pytest.mark.parametrize(
    ("announce", "scrape"),
    [
        ("http://t/announce", "http://t/scrape"),
        ("http://t/x/announce", "http://t/x/scrape"),
        ("http://t/announce.php", "http://t/scrape.php"),
        ("http://t/announce?x2%0644", "http://t/scrape?x2%0644"),
        ("http://t/a", None),
        ("http://t/announce/abc", None),
        ("http://t/", None),
        ("http://t", None),
        ("http://announce", None),
    ],
)
def test_where_to_scrape(announce, scrape):
    """The examples of BEP 48."""
    assert http.scrape_url(announce) == scrape


def test_a_scrape_names_each_torrent():
    url = http.scrape_request_url("http://t/scrape?k=1", [HASH, b"%" * 20])
    assert url.count("info_hash=") == 2
    assert url.startswith("http://t/scrape?k=1&")


# -- what is answered ----------------------------------------------------------------------------


def test_compact_peers_of_both_families():
    answer = parsed(
        interval=900,
        peers=b"\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x00\x50",
        peers6=b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01\x1a\xe1",
    )
    assert answer.peers == (
        PeerAddress("10.0.0.1", 6881),
        PeerAddress("10.0.0.2", 80),
        PeerAddress("2001:db8::1", 6881),
    )
    assert answer.interval == 900


def test_peers_in_the_long_form():
    answer = parsed(
        peers=[
            {b"ip": b"10.0.0.1", b"port": 6881, b"peer id": b"x" * 20},
            {b"ip": b"2001:db8::1", b"port": 1},
            {b"ip": b"::ffff:10.0.0.3", b"port": 2},
        ]
    )
    assert [str(peer) for peer in answer.peers] == [
        "10.0.0.1:6881", "[2001:db8::1]:1", "10.0.0.3:2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        {b"ip": b"tracker-knows-a-name.example", b"port": 1},
        {b"ip": b"10.0.0.1"},
        {b"ip": b"10.0.0.1", b"port": 0},
        {b"ip": b"10.0.0.1", b"port": -1},
        {b"ip": b"10.0.0.1", b"port": 65536},
        {b"ip": b"10.0.0.1", b"port": b"80"},
        {b"ip": 1, b"port": 80},
        {b"ip": b"\xff" * 100, b"port": 80},
        b"10.0.0.1:80",
        7,
    ],
)
def test_a_peer_that_is_none_is_left_out(entry):
    assert parsed(peers=[entry]).peers == ()


@pytest.mark.parametrize("peers", [b"\x0a\x00\x00\x01\x1a", b"\x0a\x00\x00\x01\x00\x00", 7, {}])
def test_peers_that_are_none(peers):
    assert parsed(peers=peers).peers == ()


def test_a_ragged_end_costs_only_the_last_peer():
    assert len(parsed(peers=many(3, 4) + b"\x0a\x00").peers) == 3


def many(count, host_size):
    """So many compact peers, all different."""
    return b"".join(b"\x0b" * host_size + (1 + at).to_bytes(2, "big") for at in range(count))


def test_each_peer_is_named_once():
    one = b"\x0a\x00\x00\x01\x1a\xe1"
    assert parsed(peers=one * 3).peers == (PeerAddress("10.0.0.1", 6881),)
    mapped = bytes(10) + b"\xff\xff" + one
    assert parsed(peers=one, peers6=mapped).peers == (PeerAddress("10.0.0.1", 6881),)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0:0"]
)
def test_addresses_that_nobody_can_be_at_are_left_out(host):
    assert parsed(peers=[{b"ip": host.encode(), b"port": 6881}]).peers == ()


def test_an_empty_line_at_the_end_is_forgiven():
    assert http.parse_announce(b"d8:intervali60ee\r\n").interval == 60


@pytest.mark.parametrize("key", ["peers", "peers6"])
def test_the_number_of_peers_is_bounded(key):
    assert len(parsed(**{key: many(5000, 16 if key == "peers6" else 4)}).peers) == MAX_PEERS
    listed = [{b"ip": b"10.0.0.1", b"port": 1 + at % 60_000} for at in range(5000)]
    assert len(parsed(peers=listed).peers) == MAX_PEERS
    both = parsed(peers=many(5000, 4), peers6=many(5000, 16))
    assert len(both.peers) == MAX_PEERS


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1800, 1800), (-5, LEAST_INTERVAL), (0, LEAST_INTERVAL), (10**12, MOST_INTERVAL),
        (b"900", DEFAULT_INTERVAL), ([], DEFAULT_INTERVAL), (-(2**63), LEAST_INTERVAL),
    ],
)  # fmt: skip
def test_intervals_are_clamped(given, kept):
    assert parsed(interval=given).interval == kept


def test_an_answer_without_anything_is_an_answer():
    answer = parsed()
    assert answer.interval == DEFAULT_INTERVAL
    assert answer.peers == ()
    assert (answer.seeders, answer.leechers, answer.downloads) == (-1, -1, -1)


@pytest.mark.parametrize(
    ("given", "kept"), [(60, 60), (-1, 0), (10**12, 0), (b"x", 0), (2 * 86_400, 86_400)]
)
def test_the_least_interval_is_clamped(given, kept):
    assert parsed(min_interval=given).min_interval == kept


def test_counts_that_are_none_are_unknown():
    answer = parsed(complete=-4, incomplete=b"many", downloaded=2**40)
    assert (answer.seeders, answer.leechers, answer.downloads) == (-1, -1, -1)
    answer = parsed(complete=4, incomplete=0, downloaded=9)
    assert (answer.seeders, answer.leechers, answer.downloads) == (4, 0, 9)


@pytest.mark.parametrize(
    ("raw", "host"),
    [
        (bytes([192, 0, 2, 1]), "192.0.2.1"),
        (b"\x20\x01\x0d\xb8" + bytes(12), "2001:db8::"),
        (bytes(10) + b"\xff\xff\xc0\x00\x02\x01", "192.0.2.1"),
        (b"192.0.2.1", None),
        (b"", None),
        (7, None),
    ],
)
def test_the_address_it_sees_us_at(raw, host):
    """BEP 24."""
    assert parsed(external_ip=raw).external_host == host


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        (5, 300.0), (b"5", 300.0), (b"never", 86_400.0), (10**9, 86_400.0), (0, 0.0),
        (-5, None), (b"soon", None), (b"9" * 400, 86_400.0), ([], None),
    ],
)  # fmt: skip
def test_when_to_try_again(retry, seconds):
    """BEP 31: minutes, or never."""
    with pytest.raises(TrackerError, match="busy") as caught:
        parsed(failure_reason=b"busy", retry_in=retry)
    assert caught.value.retry_in == seconds


def test_a_refusal_is_the_trackers_words_without_its_tricks():
    words = "go\x1b[31m away\r\nnow\x00\u202e " + "!" * 5000
    with pytest.raises(TrackerError) as caught:
        parsed(failure_reason=words.encode() + b"\xff")
    said = str(caught.value)
    assert said.startswith("go")
    assert said.isprintable()
    assert len(said) <= 200


def test_a_refusal_without_words_gets_some():
    with pytest.raises(TrackerError, match="without a reason"):
        parsed(failure_reason=b"\x00\x01")


def test_a_warning_is_kept_and_cleaned():
    assert parsed(warning_message=b"old\x07client").warning == "old client"
    assert parsed(warning_message=7).warning == ""


def test_a_tracker_id_is_kept_if_it_is_one():
    assert parsed(tracker_id=b"abc").tracker_id == b"abc"
    assert parsed(tracker_id=b"a" * 5000).tracker_id == b""
    assert parsed(tracker_id=7).tracker_id == b""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><title>Hello</title>", "web page"),
        (b"\r\n <html>", "web page"),
        (b"", "not bencoded"),
        (b"d8:intervali1800e", "not bencoded"),
        (b"d8:intervali1800eee", "not bencoded"),
        (b"d5:peers6000000:", "not bencoded"),
        (b"d5:peersi-0ee", "not bencoded"),
        (b"l" * 200_000 + b"e" * 200_000, "not bencoded"),
        (b"le", "not a dictionary"),
        (b"i5e", "not a dictionary"),
        (b"4:spam", "not a dictionary"),
        (b"d5:peers3000000:" + b"x" * 3_000_000 + b"e", "not bencoded"),
    ],
)
def test_what_is_no_answer_is_refused_in_words(body, words):
    with pytest.raises(TrackerError, match=words):
        http.parse_announce(body)
    with pytest.raises(TrackerError, match=words):
        http.parse_scrape(body)


def test_keys_out_of_order_are_forgiven():
    assert http.parse_announce(b"d5:peers0:8:intervali60ee").interval == 60


def test_a_scrape():
    body = bencode.encode(
        {
            b"files": {
                HASH: {b"complete": 5, b"downloaded": 50, b"incomplete": 10},
                b"b" * 20: {b"complete": -1},
                b"c" * 20: 7,
            }
        }
    )
    counts = http.parse_scrape(body)
    assert set(counts) == {HASH, b"b" * 20}
    assert (counts[HASH].seeders, counts[HASH].leechers, counts[HASH].downloads) == (5, 10, 50)
    assert (counts[b"b" * 20].seeders, counts[b"b" * 20].leechers) == (-1, -1)


@pytest.mark.parametrize("body", [b"de", b"d5:filesle e", b"d5:filesi1ee", b"d5:filesle"])
def test_a_scrape_without_files(body):
    with pytest.raises(TrackerError):
        http.parse_scrape(body)


def test_a_scrape_may_be_refused_too():
    with pytest.raises(TrackerError, match="go away"):
        http.parse_scrape(b"d14:failure reason7:go awaye")


# -- anything ------------------------------------------------------------------------------------

KEYS = [
    b"interval", b"min interval", b"peers", b"peers6", b"failure reason", b"retry in", b"files",
    b"warning message", b"external ip", b"tracker id", b"complete", b"incomplete", b"downloaded",
]  # fmt: skip
VALUES = st.recursive(
    st.integers(-(2**70), 2**70) | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=20), inner, max_size=4)
    ),
    max_leaves=10,
)


def outcome(parse, body):
    """The answer, or the words of a refusal."""
    try:
        return parse(body)
    except TrackerError as refusal:
        return str(refusal)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_dictionary_is_an_answer_or_a_refusal(answer):
    got = outcome(http.parse_announce, bencode.encode(answer))
    if isinstance(got, str):
        assert b"failure reason" in answer
        assert got.isprintable()
        return
    assert LEAST_INTERVAL <= got.interval <= MOST_INTERVAL
    assert 0 <= got.min_interval <= 86_400
    assert all(0 < peer.port < 65_536 for peer in got.peers)
    assert got.warning.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_refusal(body):
    assert outcome(http.parse_announce, body) != ""
    assert outcome(http.parse_scrape, body) != ""
