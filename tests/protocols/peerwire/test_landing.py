"""Scattered reads: whatever comes, and however it is cut, it is read as by an ordinary read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import PeerWire
from p2pd.protocols.peerwire.handshake import Handshake
from p2pd.protocols.peerwire.landing import MOST_BLOCKS, Landing, block_begun

BLOCK = 64
HASH, PEER_ID = b"h" * 20, b"p" * 20
Key = tuple[int, int, int]


def shaken() -> PeerWire:
    connection = PeerWire(initiator=True, now=0.0)
    connection.send_handshake(Handshake(HASH, PEER_ID, b"\0" * 8))
    connection.receive_data(Handshake(HASH, PEER_ID, b"\0" * 8).encode(), 0.0)
    return connection


def content(key: Key) -> bytes:
    piece, begin, length = key
    return random.Random(f"{piece} {begin}").randbytes(length)


def message(key: Key) -> bytes:
    return wire.block_header(*key) + content(key)


class Receiver:
    """Takes a stream by reads of given sizes, scattered wherever that is possible."""

    def __init__(self, asked: list[Key]) -> None:
        self.asked = dict.fromkeys(asked)
        self.memory = {key: bytearray(b"?" * key[2]) for key in asked}
        self.others: list[object] = []
        self.got: list[Key] = []
        self.wire = shaken()
        self.scattered = 0

    def take(self, data: bytes) -> None:
        """One read: as much of `data` as it holds."""
        while data:
            expected = list(self.asked)[:MOST_BLOCKS]
            begun = block_begun(self.wire.unfinished)
            if begun in expected:
                expected = expected[expected.index(begun) :]
            places = [memoryview(self.memory[key]) for key in expected]
            try:
                landing = Landing(expected, places, self.wire.unfinished)
            except ValueError:
                self.handle(self.wire.receive_data(data, 1.0))
                return
            if not landing.buffers:
                self.handle(self.wire.receive_data(data, 1.0))
                return
            size = 0
            for place in landing.buffers:
                part = data[: len(place)]
                place[: len(part)] = part
                data = data[len(part) :]
                size += len(part)
            self.scattered += 1
            found = landing.landed(size)
            for key in found.in_place:
                self.received(key)
            for block in found.displaced:
                self.block(block)
            self.handle(self.wire.receive_anew(found.rest, 1.0))

    def handle(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, wire.Block):
                self.block(event)
            else:
                self.others.append(event)

    def block(self, block: wire.Block) -> None:
        key = (block.piece, block.begin, len(block.data))
        if key in self.asked:
            self.memory[key][:] = block.data
            self.received(key)
        else:
            self.others.append((key, bytes(block.data)))

    def received(self, key: Key) -> None:
        del self.asked[key]
        self.got.append(key)


KEYS = [(piece, begin * BLOCK, BLOCK) for piece in range(3) for begin in range(8)]
KEYS[-1] = (2, 7 * BLOCK, 17)
NOISE = [
    wire.Have(7), wire.KeepAlive(), wire.Choke(), wire.Extended(3, b"xx"),
    wire.Block(9, 0, memoryview(b"unasked" * 3)), wire.Block(1, 5, memoryview(b"u" * BLOCK)),
]  # fmt: skip


def encoded(item: object) -> bytes:
    if isinstance(item, tuple) and type(item) is tuple:
        return message(item)
    if isinstance(item, wire.Block):
        return wire.block_header(item.piece, item.begin, len(item.data)) + bytes(item.data)
    return wire.encode(item)  # type: ignore[arg-type]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[object], list[int]]:
    items: list[object] = list(draw(st.permutations(KEYS) | st.just(KEYS)))
    items = items[: draw(st.integers(0, len(items)))]
    for noise in draw(st.lists(st.sampled_from(NOISE), max_size=4)):
        items.insert(draw(st.integers(0, len(items))), noise)
    cuts = draw(st.lists(st.integers(1, 700), max_size=30))
    return items, cuts


@given(streams())
@settings(max_examples=400, deadline=None)
def test_any_stream_is_read_as_without_landing(stream: tuple[list[object], list[int]]) -> None:
    items, cuts = stream
    data = b"".join(encoded(item) for item in items)
    receiver = Receiver(KEYS)
    for cut in cuts:
        receiver.take(data[:cut])
        data = data[cut:]
    receiver.take(data)
    blocks = [item for item in items if type(item) is tuple]
    assert sorted(receiver.got) == sorted(blocks)
    for key in receiver.got:
        assert receiver.memory[key] == content(key)
    plain = shaken().receive_data(b"".join(encoded(i) for i in items if type(i) is not tuple), 1.0)
    expected = [
        ((event.piece, event.begin, len(event.data)), bytes(event.data))
        if isinstance(event, wire.Block)
        else event
        for event in plain
    ]
    assert receiver.others == expected
    assert not receiver.wire.unfinished


def test_what_comes_in_order_is_in_its_place_without_a_copy() -> None:
    memory = [bytearray(BLOCK) for _ in KEYS[:4]]
    landing = Landing(KEYS[:4], [memoryview(place) for place in memory])
    data = b"".join(map(message, KEYS[:4]))[: 3 * (13 + BLOCK) + 20]
    for place in landing.buffers:
        part, data = data[: len(place)], data[len(place) :]
        place[: len(part)] = part
    found = landing.landed(3 * (13 + BLOCK) + 20)
    assert found.in_place == KEYS[:3]
    assert found.displaced == []
    assert found.as_expected
    assert found.rest == message(KEYS[3])[:20]
    assert [bytes(place) for place in memory[:3]] == [content(key) for key in KEYS[:3]]


@pytest.mark.parametrize("size", [1, 5, 13, 14, 40])
def test_a_block_that_has_begun_goes_on_where_it_was(size: int) -> None:
    memory = bytearray(BLOCK)
    start, rest = message(KEYS[0])[:size], message(KEYS[0])[size:]
    landing = Landing(KEYS[:1], [memoryview(memory)], start)
    assert sum(map(len, landing.buffers)) == len(rest)
    for place in landing.buffers:
        part, rest = rest[: len(place)], rest[len(place) :]
        place[:] = part
    assert landing.landed(13 + BLOCK - size).in_place == KEYS[:1]
    assert memory == content(KEYS[0])


@pytest.mark.parametrize("lead", [b"\0\0\0\5\4", message(KEYS[1])[:30], message(KEYS[0])])
def test_another_start_than_the_first_blocks_is_refused(lead: bytes) -> None:
    with pytest.raises(ValueError, match="the first block"):
        Landing(KEYS[:1], [memoryview(bytearray(BLOCK))], lead)
