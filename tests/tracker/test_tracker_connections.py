"""What connections to p2pd's own tracker may cost: how many, how old, how big."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pd.tracker.http import TrackerResource, parsed_query
from p2pd.tracker.http_site import TrackerSite
from p2pd.transports.bounded_connections import BoundedConnections


@pytest.fixture
def bounded(tracker, clock):
    site = TrackerSite(tracker.site._inside.resource, clock)
    tracker.site = BoundedConnections(site, clock, most=3, most_of_host=2)
    return tracker


def lose(protocol):
    protocol.connectionLost(Failure(ConnectionLost()))


def test_connections_of_a_host_and_in_all_are_bounded(bounded):
    first, _ = bounded.connect("10.0.0.1")
    second, _ = bounded.connect("10.0.0.1")
    assert bounded.connect("10.0.0.1") == (None, None)
    third, _ = bounded.connect("10.0.0.2")
    assert bounded.connect("10.0.0.3") == (None, None)
    for each in (first, second, third):
        lose(each)
    assert len(bounded.site) == 0
    assert bounded.connect("10.0.0.1")[0] is not None


def test_a_host_has_its_whole_64_and_is_the_same_by_a_socket_for_both_families(bounded):
    held = [bounded.connect("2001:db8::1"), bounded.connect("2001:db8::2")]
    assert bounded.connect("2001:db8::3") == (None, None)
    assert bounded.connect("2001:db8:0:1::1")[0] is not None
    for protocol, _ in held:
        lose(protocol)
    assert bounded.connect("::ffff:192.0.2.1")[0] is not None
    assert bounded.connect("::ffff:192.0.2.2")[0] is not None, "these are two"
    assert len(bounded.site) == 3


def test_silence_ends_a_connection(tracker, clock):
    _, transport = tracker.connect()
    clock.advance(31)
    assert transport.disconnecting


def test_a_drip_of_bytes_does_not_keep_a_connection_for_ever(tracker, clock):
    protocol, transport = tracker.connect()
    for _ in range(15):
        protocol.dataReceived(b"G")
        clock.advance(20)
    assert transport.disconnected or transport.disconnecting
    lose(protocol)
    assert len(tracker.site) == 0
    assert not [call for call in clock.getDelayedCalls() if call.getTime() > clock.seconds() + 30]


@pytest.mark.parametrize("length", [b"Content-Length: 99999999", b"Transfer-Encoding: chunked"])
def test_a_body_is_thrown_away_and_a_huge_one_is_cut_off(tracker, length):
    protocol, transport = tracker.connect()
    protocol.dataReceived(b"POST /announce HTTP/1.1\r\nHost: t\r\n" + length + b"\r\n\r\n")
    part = b"x" * 16_384
    chunk = part if length.startswith(b"Content") else b"4000\r\n" + part + b"\r\n"
    for _ in range(8):
        if not transport.disconnected:
            protocol.dataReceived(chunk)
    assert transport.disconnected


def test_endless_headers_are_cut_off(tracker):
    protocol, transport = tracker.connect()
    protocol.dataReceived(b"GET /announce HTTP/1.1\r\n")
    for number in range(100):
        if not transport.disconnecting:
            protocol.dataReceived(b"X-%d: %s\r\n" % (number, b"y" * 1000))
    assert transport.disconnecting


def test_requests_one_behind_the_other_are_all_answered(tracker):
    request = b"GET /scrape HTTP/1.1\r\nHost: t\r\n\r\n"
    assert tracker.raw(request * 3).count(b"HTTP/1.1 200 OK") == 3


class SlowResource(TrackerResource):
    def __init__(self, answer):
        super().__init__(SimpleNamespace(), Clock(), Counter())
        self.waiting = answer

    async def answer(self, query, host):
        return await self.waiting


def test_who_hangs_up_before_the_answer_is_not_answered(tracker):
    cancelled = []
    waiting = Deferred(cancelled.append)
    tracker.site._inside.resource.putChild(b"slow", SlowResource(waiting))
    protocol, transport = tracker.connect()
    protocol.dataReceived(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
    lose(protocol)
    assert cancelled == [waiting]
    assert transport.value() == b""


def test_a_store_that_breaks_is_an_internal_error_in_words(tracker):
    broken = Deferred()
    tracker.site._inside.resource.putChild(b"slow", SlowResource(broken))
    protocol, transport = tracker.connect()
    protocol.dataReceived(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
    broken.errback(RuntimeError("secret"))
    assert b"d14:failure reason14:internal errore" in transport.value()
    assert b"secret" not in transport.value()


@given(st.binary(max_size=400))
def test_any_query_is_parsed(raw):
    for values in parsed_query(raw).values():
        assert all(isinstance(value, bytes) for value in values)


@pytest.mark.parametrize("seed", range(20))
def test_noise_never_breaks_a_connection_badly(tracker, seed):
    rng = random.Random(seed)
    noise = b"GET /announce?" + rng.randbytes(rng.randrange(300)) + b" HTTP/1.1\r\n\r\n"
    answer = tracker.raw(noise)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert len(tracker.site) == 0
