"""Streams of sealed records: what was changed on its way, and what their users want."""

from __future__ import annotations

import random

import pytest

from p2pd.transports.tcp import READ_SIZE
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


def test_what_is_larger_than_one_read_is_heard_whole() -> None:
    one, other = both()
    said = random.Random(1).randbytes(3 * READ_SIZE + 7)
    one.say(said)
    carry(one, other)
    assert bytes(other.above.heard) == said


def test_what_is_written_at_once_leaves_in_one_piece() -> None:
    one, _ = both()
    wrote: list[int] = []
    one.end.write = lambda buffers: wrote.append(len(buffers))  # type: ignore[method-assign, assignment]
    one.stream.write([b"header", bytes(200_000), b"header", bytes(16_384)])
    assert wrote == [1]


def test_who_hangs_up_while_he_is_told_hears_no_more() -> None:
    one, other = both()
    one.say(bytes(2 * READ_SIZE))
    sent = bytes(one.end.sent)
    heard: list[int] = []

    def hears(data: memoryview) -> None:
        heard.append(len(data))
        other.stream.abort()

    other.above.stream_received = hears  # type: ignore[method-assign]
    other.hear(sent)
    assert len(heard) == 1
    assert other.end.aborted
    other.hear(sent)
    assert len(heard) == 1
