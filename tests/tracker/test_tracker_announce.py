"""What announces to p2pd's own tracker are answered, and which are refused."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress, unpack_compact


def v4(answer):
    return unpack_compact(answer[b"peers"], ipv6=False)


def test_peers_find_each_other(tracker):
    first = tracker.announce("10.0.0.1", event="started", port=1000)
    assert first[b"peers"] == b""
    assert first[b"interval"] == 1800
    assert 0 < first[b"min interval"] <= 60
    second = tracker.announce("10.0.0.2", event="started", port=2000)
    assert v4(second) == [PeerAddress("10.0.0.1", 1000)]
    again = tracker.announce("10.0.0.1", port=1000)
    assert v4(again) == [PeerAddress("10.0.0.2", 2000)]


def test_counts_follow_the_events(tracker):
    answer = tracker.announce("10.0.0.1", event="started", left=0)
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"downloaded"]) == (1, 0, 0)
    answer = tracker.announce("10.0.0.2", event="started", left=5)
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"downloaded"]) == (1, 1, 0)
    answer = tracker.announce("10.0.0.2", event="completed", left=0)
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"downloaded"]) == (2, 0, 1)
    answer = tracker.announce("10.0.0.2", event="completed", left=0)
    assert answer[b"downloaded"] == 1
    answer = tracker.announce("10.0.0.2", event="stopped", left=0)
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"downloaded"]) == (1, 0, 1)


def test_stopped_peers_are_gone_and_are_told_of_none(tracker):
    tracker.announce("10.0.0.1")
    tracker.announce("10.0.0.2")
    assert tracker.announce("10.0.0.1", event="stopped")[b"peers"] == b""
    assert tracker.announce("10.0.0.2")[b"peers"] == b""
    tracker.announce("10.0.0.2", event="stopped")
    assert len(tracker.store) == 0


def test_stopping_what_was_never_started_leaves_nothing(tracker):
    answer = tracker.announce(event="stopped")
    assert answer[b"incomplete"] == 0
    assert len(tracker.store) == 0


def test_seeders_are_given_no_seeders(tracker):
    tracker.announce("10.0.0.1", left=0)
    tracker.announce("10.0.0.2", left=7)
    assert [p.host for p in v4(tracker.announce("10.0.0.3", left=0))] == ["10.0.0.2"]
    assert sorted(p.host for p in v4(tracker.announce("10.0.0.4", left=1))) == [
        "10.0.0.1", "10.0.0.2", "10.0.0.3",
    ]  # fmt: skip


def test_peers_expire_when_they_no_longer_announce(tracker, clock):
    tracker.announce("10.0.0.1")
    clock.advance(2 * 1800 + 30)
    assert len(v4(tracker.announce("10.0.0.2"))) == 1
    clock.advance(31)
    answer = tracker.announce("10.0.0.2")
    assert v4(answer) == []
    assert answer[b"incomplete"] == 1


def test_the_address_is_the_one_that_calls_whatever_it_claims(tracker):
    tracker.announce("10.0.0.1", more="&ip=192.0.2.9&ipv4=192.0.2.9&ipv6=2001:db8::1")
    assert v4(tracker.announce("10.0.0.2")) == [PeerAddress("10.0.0.1", 6881)]


def test_the_caller_learns_its_own_address(tracker):
    assert tracker.announce("10.0.0.1")[b"external ip"] == bytes([10, 0, 0, 1])
    assert tracker.announce("2001:db8::7")[b"external ip"].endswith(b"\x00\x07")


def test_ipv6_peers_go_into_peers6(tracker):
    tracker.announce("2001:db8::1", port=1000)
    answer = tracker.announce("10.0.0.2")
    assert answer[b"peers"] == b""
    assert unpack_compact(answer[b"peers6"], ipv6=True) == [PeerAddress("2001:db8::1", 1000)]
    assert b"peers6" not in tracker.announce("2001:db8::1", port=1000, numwant=0)


def test_an_ipv4_address_in_ipv6_clothes_is_ipv4(tracker):
    tracker.announce("::ffff:10.0.0.9")
    assert v4(tracker.announce("10.0.0.2")) == [PeerAddress("10.0.0.9", 6881)]


def test_the_long_form_on_request(tracker):
    tracker.announce("10.0.0.1", peer_id=b"a" * 20)
    listed = tracker.announce("10.0.0.2", compact=0)[b"peers"]
    assert listed == [{b"ip": b"10.0.0.1", b"port": 6881, b"peer id": b"a" * 20}]
    listed = tracker.announce("10.0.0.2", compact=0, no_peer_id=1)[b"peers"]
    assert listed == [{b"ip": b"10.0.0.1", b"port": 6881}]


@pytest.mark.parametrize(("numwant", "given"), [(0, 0), (3, 3), (-1, 50), (None, 50), (10**6, 200)])
def test_numwant_is_bounded(tracker, numwant, given):
    for number in range(230):
        tracker.announce(f"10.0.1.{number}", numwant=0)
    assert len(set(v4(tracker.announce("10.0.0.2", numwant=numwant)))) == given


def test_swarms_know_nothing_of_each_other(tracker):
    tracker.announce("10.0.0.1")
    assert v4(tracker.announce("10.0.0.2", info_hash=b"b" * 20)) == []


def test_nobody_is_stopped_with_anothers_key(tracker):
    tracker.announce("10.0.0.1", key="good")
    assert "key" in tracker.refusal("10.0.0.1", key="bad", event="stopped")
    assert len(v4(tracker.announce("10.0.0.2"))) == 1


def test_a_client_that_crashed_comes_back_with_another_key(tracker):
    tracker.announce("10.0.0.1", key="before")
    tracker.announce("10.0.0.1", key="after", left=0)
    assert tracker.announce("10.0.0.2")[b"complete"] == 1
    tracker.announce("10.0.0.1", key="after", event="stopped")
    assert v4(tracker.announce("10.0.0.2")) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"info_hash": None}, "info_hash has to have 20 bytes, not 0"),
        ({"info_hash": b"short"}, "info_hash has to have 20 bytes, not 5"),
        ({"info_hash": b"x" * 32}, "info_hash has to have 20 bytes, not 32"),
        ({"peer_id": None}, "peer_id has to have 20 bytes"),
        ({"peer_id": b"x" * 21}, "peer_id has to have 20 bytes"),
        ({"port": None}, "port has to be a number"),
        ({"port": 0}, "port has to be a number"),
        ({"port": 65536}, "port has to be a number"),
        ({"port": "6881x"}, "port has to be a number"),
        ({"port": "-1"}, "port has to be a number"),
        ({"port": "٣"}, "port has to be a number"),
        ({"left": -1}, "left has to be a number"),
        ({"left": "9" * 500}, "left has to be a number"),
        ({"numwant": "many"}, "numwant has to be a number"),
        ({"event": "exploded"}, "there is no such event"),
        ({"event": b"\xff\x00"}, "there is no such event"),
    ],
)
def test_refusals_are_in_words_and_leave_nothing(tracker, values, words):
    assert words in tracker.refusal(**values)
    assert len(tracker.store) == 0


def test_a_query_that_is_too_long_is_refused(tracker):
    assert "too long" in tracker.refusal(padding="x" * 9000)
    assert len(tracker.store) == 0


def test_a_request_line_that_is_too_long_ends_the_connection(tracker):
    protocol, transport = tracker.connect()
    protocol.dataReceived(b"GET /announce?info_hash=" + b"%00" * 20_000)
    assert transport.disconnecting


def test_other_methods_and_paths_are_refused_in_words(tracker):
    for method in (b"DELETE", b"POST"):
        answer = tracker.raw(method + b" /announce HTTP/1.1\r\nHost: t\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 405")
        assert answer.endswith(b"asked with GET\n")
    for path in (b"/", b"/etc/passwd", b"/x/announce"):
        answer = tracker.raw(b"GET " + path + b" HTTP/1.1\r\nHost: t\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404"), path


def test_head_is_refused_for_it_would_count_a_peer_in_unseen(tracker):
    query = b"info_hash=" + b"h" * 20 + b"&peer_id=" + b"p" * 20 + b"&port=6881"
    answer = tracker.raw(b"HEAD /announce?" + query + b" HTTP/1.1\r\nHost: t\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.endswith(b"\r\n\r\n"), "an answer to HEAD has no body"
    assert b"allow: get\r\n" in answer.lower()
    assert len(tracker.store) == 0


@pytest.mark.parametrize("event", ["paused", "empty", ""])
def test_events_that_change_nothing_are_accepted(tracker, event):
    tracker.announce("10.0.0.1", event="started")
    answer = tracker.announce("10.0.0.1", event=event)
    assert (answer[b"complete"], answer[b"incomplete"]) == (0, 1)
    assert len(tracker.announce("10.0.0.2")[b"peers"]) == 6


def test_an_answer_names_no_software_versions(tracker):
    assert b"Twisted" not in tracker.raw(b"GET /announce HTTP/1.1\r\nHost: t\r\n\r\n")
