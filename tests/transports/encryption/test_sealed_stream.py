"""Streams of sealed records: what was changed on its way, and what their users want."""

from __future__ import annotations

import pytest

from tests.transports.encryption.test_openings import carry
from tests.transports.encryption.test_secret_openings import both


@pytest.mark.parametrize("at", [0, 17, 18, 40, -1])
def test_what_was_changed_on_its_way_ends_the_connection(at: int) -> None:
    one, other = both()
    one.say(b"some words that matter")
    one.end.sent[at] ^= 1
    carry(one, other)
    assert not other.above.heard
    assert other.end.aborted
    assert other.above.lost == ["what came was not sealed with the key of this connection"]
    other.end.receiver.stream_received(memoryview(b"more"))
    assert len(other.above.lost) == 1


def test_what_comes_in_one_read_is_handed_on_at_once() -> None:
    one, other = both()
    calls: list[int] = []
    hears = other.above.stream_received
    other.above.stream_received = lambda data: (calls.append(len(data)), hears(data))[0]  # type: ignore[assignment]
    for words in (b"one", b"two", b"three"):
        one.say(words)
    carry(one, other)
    assert calls == [11]


def test_nothing_is_written_of_nothing() -> None:
    one, _ = both()
    one.stream.write([])
    one.stream.write([b""])
    assert not one.end.sent


def test_what_the_user_of_a_stream_wants_reaches_the_one_beneath() -> None:
    one, _ = both()
    one.stream.landing = landing = object()
    assert one.stream.landing is landing
    one.stream.pause()
    one.stream.resume()
    one.stream.call_when_writable()
    one.end.receiver.stream_writable()
    one.stream.close()
    assert one.end.said == ["pause", "resume", "call", "close"]
    assert one.above.writable == 1
    assert one.stream.pending == 0
    one.end.receiver.stream_lost("closed")
    assert one.above.lost == ["closed"]
