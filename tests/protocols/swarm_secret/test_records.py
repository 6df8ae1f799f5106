"""Records: what is said is heard, in any slices, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    sent = b"".join(record for buffers in said for record in one.records(buffers))
    heard = b"".join(part for piece in cut(sent, sizes) for part in other.receive_data(piece))
    assert heard == b"".join(map(b"".join, said))


@pytest.mark.parametrize("size", [0, 1, MOST_CONTENT, MOST_CONTENT + 1, 3 * MOST_CONTENT + 7])
def test_no_more_records_are_made_than_hold_it(size: int) -> None:
    data = bytes(size)
    made = writer().records([memoryview(data)])
    assert len(made) == 2 * -(-size // MOST_CONTENT)
    assert sum(map(len, made)) == size + (HEADER_SIZE + 16) * len(made) // 2
    assert b"".join(reader().receive_data(b"".join(made))) == data


@given(st.data())
def test_no_bit_can_be_another(data: st.DataObject) -> None:
    sent = bytearray(b"".join(writer().records([b"some words", b" and more"])))
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoiseError):
        reader().receive_data(sent)


def test_nothing_can_be_dropped_said_again_or_said_before() -> None:
    one = writer()
    first, second = (b"".join(one.records([words])) for words in (b"one", b"two"))
    for said in (second, first + first, first[:HEADER_SIZE] + second[HEADER_SIZE:]):
        with pytest.raises(NoiseError):
            reader().receive_data(said)


def test_what_one_says_cannot_be_sent_back_to_it() -> None:
    """Each direction has a key of its own, which the handshake sees to; so here it is another."""
    sent = b"".join(writer().records([b"words"]))
    with pytest.raises(NoiseError):
        RecordReader(CipherState(b"o" * 32)).receive_data(sent)


@pytest.mark.parametrize("length", [0, MOST_CONTENT + 1, 65_535])
def test_who_knows_the_key_cannot_make_a_record_that_is_none(length: int) -> None:
    header = CipherState(KEY).seal(length.to_bytes(2, "big"))
    with pytest.raises(NoiseError, match="is none"):
        reader().receive_data(header)


def test_no_more_than_a_record_is_kept() -> None:
    other = reader()
    sent = b"".join(writer().records([bytes(MOST_CONTENT)]))
    assert other.receive_data(sent[:-1]) == []
    assert len(other._came) == MOST_CONTENT + 15
    assert other.receive_data(sent[-1:]) == [bytes(MOST_CONTENT)]
    assert not other._came


def test_what_is_in_a_shared_buffer_may_change_afterwards() -> None:
    sent = bytearray(b"".join(writer().records([b"words"])))
    other = reader()
    assert other.receive_data(memoryview(sent)[:20]) == []
    kept = sent[20:]
    sent[:] = bytes(len(sent))
    assert other.receive_data(memoryview(kept)) == [b"words"]
