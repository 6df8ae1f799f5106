"""How TLS streams end, and what hostile peers do to them, in memory."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from p2pd.transports.tls.tls_stream import MOST_SAID
from tests.transports.tls.places import Places
from tests.transports.tls.swarm import (
    NAME,
    Side,
    accepted,
    authority,
    carry,
    pair,
    plain_context,
)

pytestmark = pytest.mark.usefixtures("either_way")


# -- ends ----------------------------------------------------------------------------------------


def test_who_closes_says_so_behind_what_was_pending() -> None:
    one, other = pair()
    one.say(b"last words")
    one.stream.close()
    assert one.end.closed
    carry(one, other)
    assert other.heard == b"last words"
    assert other.above.lost == ["the peer closed the connection"]
    assert other.end.closed
    one.stream.close()
    one.say(b"too late")
    assert not one.end.sent
    one.end.receiver.stream_lost("closed")
    assert one.above.lost == ["closed"]


def test_half_a_connection_is_none() -> None:
    """The peer says no more, and may still read: it hears that it is over, if it takes that."""
    for takes in (True, False):
        one, other = pair()
        one.stream.close()
        other.end.takes = takes
        other.say(b"much that waits")
        other.hear(one.taken())
        assert other.above.lost == ["the peer closed the connection"]
        assert (other.end.closed, other.end.aborted) == (takes, not takes)
        size = len(other.end.sent)
        other.say(b"more")
        assert len(other.end.sent) == size


def test_an_end_within_a_record_brings_nothing_of_it() -> None:
    one, other = pair()
    one.say(b"whole")
    one.say(b"cut off")
    other.hear(one.taken()[:-1])
    other.stream.landing = Places(5)
    other.end.receiver.stream_lost("closed by the peer")
    assert other.heard == b"whole"
    assert other.above.lost == ["closed by the peer"]
    assert other.stream.landing is None
    for late in (other.stream.pause, other.stream.resume, other.stream.close, other.stream.abort):
        late()
    other.clock.advance(1)
    other.say(b"too late")
    assert len(other.above.lost) == 1


@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_stream_may_be_ended_by_what_was_heard(how: str) -> None:
    one, other = pair()
    places = other.stream.landing = Places(4, times=10)
    places.then = getattr(other.stream, how)
    one.say(b"abcdefgh")
    other.hear(one.taken())
    assert places.sizes == [4]
    assert not other.above.lost
    assert other.end.aborted is (how == "abort")


def test_who_answers_within_what_was_heard_is_heard() -> None:
    one, other = pair()
    other.above.then = lambda: other.say(b"answer")
    one.say(b"question")
    carry(one, other)
    assert one.heard == b"answer"


# -- hostile peers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x13BitTorrent protocol" + bytes(48),
        b"\x17\x03\x03\xff\xff" + bytes(100),
        b"\x17\x03\x03\x41\x01" + bytes(100),
        b"\x17\x03\x03\x00\x20" + bytes(32),
        b"\x16\x03\x03\x00\x20" + bytes(32),
    ],
)
def test_what_is_no_record_of_the_peer_ends_it_in_words(garbage: bytes) -> None:
    one, other = pair()
    one.say(b"before")
    one.taken()
    other.taken()
    other.hear(garbage + bytes(1000))
    assert len(other.above.lost) == 1
    assert re.fullmatch("TLS: [a-z ]+", other.above.lost[0])
    assert other.end.closed
    assert len(other.end.sent) < 100, "an alert, and nothing else"
    other.say(b"nothing more")
    assert not other.heard
    one.hear(other.taken())
    assert "alert" in one.above.lost[0]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.integers(1, 3000))
def test_a_damaged_record_brings_nothing(where: float, change: int, step: int) -> None:
    one, other = pair()
    one.say(b"first")
    one.say(bytes(range(256)) * 20)
    said = bytearray(one.taken())
    at = int(where * len(said))
    said[at] ^= change
    for begin in range(0, len(said), step):
        other.hear(bytes(said[begin : begin + step]))
    whole = b"first" + bytes(range(256)) * 20
    assert whole.startswith(other.heard)
    assert len(other.heard) < len(whole)
    assert len(other.above.lost) <= 1


def old_client(side: Side) -> SSL.Connection:
    """A foreign dialler that speaks TLS 1.2 and has shaken hands."""
    made = plain_context(authority().pem, *authority().issue(), version=SSL.TLS1_2_VERSION)
    connection = SSL.Connection(made)
    connection.set_tlsext_host_name(NAME.encode())
    connection.set_connect_state()
    for _ in range(3):
        try:
            connection.do_handshake()
            break
        except SSL.WantReadError:
            side.hear(connection.bio_read(1 << 16))
            connection.bio_write(side.taken())
    assert side.above.stream is not None
    return connection


def negotiate_anew(peer: SSL.Connection, side: Side) -> None:
    """Raises SSL.Error when that is refused."""
    peer.renegotiate()
    for _ in range(3):
        with contextlib.suppress(SSL.WantReadError):
            peer.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            side.hear(peer.bio_read(1 << 16))
        said = side.taken()
        if said:
            peer.bio_write(said)


def test_whoever_wants_to_negotiate_anew_is_refused() -> None:
    side = accepted()
    peer = old_client(side)
    side.end.writes.clear()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        negotiate_anew(peer, side)
    assert len(side.end.writes) <= 2
    assert not side.heard


def test_answers_to_who_never_reads_them_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = pair()
    other.end.takes = False
    other.end.writes.clear()
    records = other.stream._records
    monkeypatch.setattr(type(records), "said", lambda self: b"an alert")
    for _ in range(1000):
        if other.above.lost:
            break
        one.say(b"x")
        other.hear(one.taken())
    assert other.above.lost == ["TLS: the peer asks for one negotiation after the other"]
    assert other.end.aborted
    assert len(other.end.writes) <= MOST_SAID + 2
