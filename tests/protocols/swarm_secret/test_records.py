"""Records: what is said is heard, in any slices, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.swarm_secret import noise
from p2pd.protocols.swarm_secret.noise import CipherState, NoiseError
from p2pd.protocols.swarm_secret.records import (
    HEADER_SIZE,
    MOST_CONTENT,
    RecordReader,
    RecordWriter,
)

KEY = b"k" * 32


def writer() -> RecordWriter:
    return RecordWriter(CipherState(KEY))


def reader() -> RecordReader:
    return RecordReader(CipherState(KEY))


def opened(what: RecordReader, data: bytes | bytearray | memoryview) -> bytes:
    """What is complete with these bytes, in no more room than is promised."""
    place = memoryview(bytearray(len(data) + MOST_CONTENT))
    size = what.open_into(data, place)
    return bytes(place[:size])


def cut(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@given(
    st.lists(st.lists(st.binary(max_size=300), max_size=4), max_size=6),
    st.lists(st.integers(0, 200), max_size=60),
)
def test_what_is_said_is_heard(said: list[list[bytes]], sizes: list[int]) -> None:
    one, other = writer(), reader()
    sent = b"".join(map(one.records, said))
    assert b"".join(opened(other, piece) for piece in cut(sent, sizes)) == b"".join(
        map(b"".join, said)
    )


@pytest.mark.parametrize("size", [0, 1, MOST_CONTENT, MOST_CONTENT + 1, 3 * MOST_CONTENT + 7])
def test_no_more_records_are_made_than_hold_it(size: int) -> None:
    data = bytes(size)
    made = writer().records([memoryview(data)])
    assert len(made) == size + (HEADER_SIZE + 16) * -(-size // MOST_CONTENT)
    assert opened(reader(), made) == data


@given(st.data())
def test_no_bit_can_be_another(data: st.DataObject) -> None:
    sent = bytearray(writer().records([b"some words", b" and more"]))
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoiseError):
        opened(reader(), sent)


def test_nothing_can_be_dropped_said_again_or_said_before() -> None:
    one = writer()
    first, second = (one.records([words]) for words in (b"one", b"two"))
    for said in (second, first + first, first[:HEADER_SIZE] + second[HEADER_SIZE:]):
        with pytest.raises(NoiseError):
            opened(reader(), said)


def test_what_one_says_cannot_be_sent_back_to_it() -> None:
    """Each direction has a key of its own, which the handshake sees to; so here it is another."""
    sent = writer().records([b"words"])
    with pytest.raises(NoiseError):
        opened(RecordReader(CipherState(b"o" * 32)), sent)


@pytest.mark.parametrize("length", [0, MOST_CONTENT + 1, 65_535])
def test_who_knows_the_key_cannot_make_a_record_that_is_none(length: int) -> None:
    header = CipherState(KEY).seal(length.to_bytes(2, "big"))
    with pytest.raises(NoiseError, match="is none"):
        opened(reader(), header)


def test_no_more_than_a_record_is_kept() -> None:
    other = reader()
    sent = writer().records([bytes(MOST_CONTENT)])
    assert opened(other, sent[:-1]) == b""
    assert len(other._came) == MOST_CONTENT + 15
    assert opened(other, sent[-1:]) == bytes(MOST_CONTENT)
    assert not other._came


def test_what_is_in_a_shared_buffer_may_change_afterwards() -> None:
    sent = bytearray(writer().records([b"words"]))
    other = reader()
    assert opened(other, memoryview(sent)[:20]) == b""
    kept = sent[20:]
    sent[:] = bytes(len(sent))
    assert opened(other, memoryview(kept)) == b"words"


@pytest.mark.parametrize("has_places", [True, False])
def test_an_older_library_says_and_hears_the_same(
    has_places: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [b"some words", bytes(MOST_CONTENT), b"and more"]
    expected = writer().records(said)
    monkeypatch.setattr(noise, "_HAS_PLACES", has_places)
    sent = writer().records(said)
    assert sent == expected
    assert opened(reader(), sent) == b"".join(said)
    sent[-1] ^= 1
    with pytest.raises(NoiseError):
        opened(reader(), sent)
