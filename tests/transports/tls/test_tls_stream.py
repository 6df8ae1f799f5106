"""TLS streams behind their handshake, in memory: batches, landings, pauses."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from p2pd.transports.tls.records import SLICE
from tests.transports.tls.places import Places
from tests.transports.tls.swarm import (
    NAME,
    accepted,
    authority,
    carry,
    pair,
    plain_context,
)

BLOCK = 16 * 1024
HEAD_AND_TAG = 22


pytestmark = pytest.mark.usefixtures("either_way")


def blocks(count: int) -> tuple[list[Any], bytes]:
    """Messages with blocks, as an upload writes them, and the bytes that they are."""
    data = random.Random(count).randbytes(count * BLOCK)
    buffers: list[Any] = []
    for at in range(0, len(data), BLOCK):
        buffers += [b"a header of 13", memoryview(data)[at : at + BLOCK]]
    return buffers, b"".join(buffers)


# -- batches -------------------------------------------------------------------------------------


def test_what_is_written_at_once_leaves_as_few_records_in_one_piece() -> None:
    one, other = pair()
    buffers, said = blocks(16)
    one.end.writes.clear()
    one.say(*buffers)
    slices = -(-len(said) // SLICE)
    most = -(-len(said) // BLOCK) + slices
    assert len(one.end.writes) == 1
    assert len(one.end.sent) <= len(said) + most * HEAD_AND_TAG
    carry(one, other)
    assert other.heard == said


def test_what_comes_at_once_is_heard_at_once() -> None:
    one, other = pair()
    for number in range(32):
        one.say(bytes([number]) * 20_000)
    other.hear(one.taken())
    assert other.above.sizes == [640_000]


def test_a_mebibyte_and_more_is_heard_in_full() -> None:
    one, other = pair()
    said = random.Random(1).randbytes(3 << 20)
    one.say(said)
    other.hear(one.taken())
    assert other.heard == said
    assert max(other.above.sizes) <= 1 << 20


def test_nothing_is_no_record() -> None:
    one, other = pair()
    one.taken()
    for nothing in ([], [b""], [b"", memoryview(b"")]):
        one.stream.write(nothing)
    assert not one.end.sent
    one.say(b"", b"something", b"")
    carry(one, other)
    assert other.heard == b"something"


def test_what_was_written_may_change_afterwards() -> None:
    one, other = pair()
    buffer = bytearray(b"as it was")
    one.stream.write([memoryview(buffer)])
    buffer[:] = b"different"
    carry(one, other)
    assert other.heard == b"as it was"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40_000), max_size=4), max_size=6),
    st.lists(st.integers(1, 30_000), max_size=20),
    st.booleans(),
)
def test_any_writes_come_in_any_slices(
    writes: list[list[int]], sizes: list[int], writable: bool
) -> None:
    one, other = pair()
    rng, said = random.Random(1), b""
    for write in writes:
        buffers = [rng.randbytes(size) for size in write]
        said += b"".join(buffers)
        one.say(*buffers)
        other.say(b"and back")
    carry(one, other, sizes, writable=writable)
    assert other.heard == said
    assert one.heard == b"and back" * len(writes)


# -- landings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5, 6, 11, 60])
def test_what_lands_is_decrypted_to_where_it_belongs(size: int) -> None:
    one, other = pair()
    places = other.stream.landing = Places(5, 6, 50)
    said = bytes(range(1, size + 1))
    one.say(said)
    other.hear(one.taken())
    assert bytes(places.landed) == said
    assert places.sizes == [size]
    assert not other.heard
    assert other.stream.landing is places


def test_many_records_land_in_one_go() -> None:
    one, other = pair()
    buffers, said = blocks(20)
    places = other.stream.landing = Places(*[len(buffer) for buffer in buffers])
    for buffer in buffers:
        one.say(buffer)
    other.hear(one.taken())
    assert places.sizes == [len(said)]
    assert bytes(places.landed) == said


def test_places_are_asked_for_once_for_what_came() -> None:
    """To prepare them takes longer than to decrypt a block."""
    one, other = pair()
    places = other.stream.landing = Places(100, 100, times=5)
    one.say(bytes(150))
    other.hear(one.taken())
    assert (places.sizes, places.times) == ([150], 4)
    one.say(bytes(150))
    other.hear(one.taken()[:50])
    assert (places.sizes, places.times) == ([150], 3)


def test_what_has_no_place_is_heard_in_its_order() -> None:
    one, other = pair()
    places = other.stream.landing = Places(3, 7, times=2)
    one.say(bytes(range(1, 51)))
    other.hear(one.taken())
    assert bytes(places.landed) == bytes(range(1, 21))
    assert other.heard == bytes(range(21, 51))


def test_a_part_of_a_record_fills_nothing() -> None:
    one, other = pair()
    places = other.stream.landing = Places(5, 6)
    one.say(b"hello")
    said = one.taken()
    other.hear(said[:-1])
    assert places.sizes == []
    other.hear(said[-1:])
    assert places.sizes == [5]


# -- pauses and back-pressure --------------------------------------------------------------------


def test_nothing_is_heard_while_paused_and_everything_afterwards() -> None:
    one, other = pair()
    places = other.stream.landing = Places(3, times=4)
    places.then = other.stream.pause
    one.say(b"abcdefghi")
    one.say(b"jkl")
    other.hear(one.taken())
    assert (bytes(places.landed), other.end.paused) == (b"abc", True)
    other.clock.advance(1)
    assert bytes(places.landed) == b"abc"
    other.stream.resume()
    assert bytes(places.landed) == b"abc", "not while the user resumes, but in a later turn"
    other.clock.advance(0)
    assert bytes(places.landed) == b"abcdef"
    places.then = lambda: None
    other.stream.resume()
    other.clock.advance(0)
    assert bytes(places.landed) == b"abcdefghijkl"
    assert not other.end.paused


def test_what_was_left_by_a_pause_is_kept_though_its_buffer_is_used_again() -> None:
    one, other = pair()
    places = other.stream.landing = Places(10, times=1)
    places.then = other.stream.pause
    for _ in range(5):
        one.say(b"0123456789" * 2000)
    data = bytearray(one.taken())
    other.end.receiver.stream_received(memoryview(data))
    data[:] = bytes(len(data))
    one.say(b"and more")
    other.stream.resume()
    other.hear(one.taken())
    other.clock.advance(0)
    assert bytes(places.landed) + other.heard == b"0123456789" * 10000 + b"and more"


def test_what_comes_although_paused_waits() -> None:
    one, other = pair()
    other.stream.pause()
    for word in (b"one ", b"two ", b"three"):
        one.say(word)
        other.hear(one.taken())
    assert not other.heard
    other.stream.resume()
    other.clock.advance(0)
    assert other.heard == b"one two three"


def test_a_paused_stream_still_sends() -> None:
    one, other = pair()
    one.stream.pause()
    one.say(b"request")
    carry(one, other)
    assert other.heard == b"request"


def test_a_pause_before_the_handshake_is_through_holds_afterwards() -> None:
    other = accepted()
    dialler = SSL.Connection(plain_context(authority().pem, *authority().issue()))
    dialler.set_tlsext_host_name(NAME.encode())
    dialler.set_connect_state()
    other.opening.pause()
    for _ in range(2):
        with contextlib.suppress(SSL.WantReadError):
            dialler.do_handshake()
            dialler.send(b"at once")
        other.hear(dialler.bio_read(1 << 16))
        dialler.bio_write(other.taken())
    assert other.above.stream is not None
    assert (other.heard, other.end.paused) == (b"", True)
    other.stream.resume()
    other.clock.advance(0)
    assert other.heard == b"at once"


def test_who_never_reads_is_seen_in_what_is_pending() -> None:
    one, _ = pair()
    one.taken()
    one.end.takes = False
    assert one.stream.pending == 0
    one.say(bytes(100_000))
    assert one.stream.pending == len(one.end.sent) > 100_000
    one.stream.call_when_writable()
    assert one.end.asked == 1
    one.end.receiver.stream_writable()
    assert one.above.writable == 1
