"""The state machine of a connection: any chunking gives the same events, and time passes."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import Request
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import (
    HANDSHAKE_SECONDS,
    KEEP_ALIVE_SECONDS,
    SILENCE_SECONDS,
    Event,
    PeerTimedOut,
    PeerWire,
    PeerWireError,
)
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.messages import Message, encode

OURS = Handshake(b"h" * 20, b"-PD0100-ourselves000", our_reserved())
THEIRS = Handshake(b"h" * 20, b"-XX0100-themselves00", our_reserved())

# A message of every shape, in an order that is allowed, with blocks around them.
STREAM: list[Message] = [
    wire.Extended(0, b"d1:md11:ut_metadatai1eee"),
    wire.KeepAlive(),
    wire.Bitfield(b"\xff\x80"),
    wire.Unchoke(),
    wire.Block(0, 0, bytes(range(256)) * 64),
    wire.KeepAlive(),
    wire.KeepAlive(),
    wire.Request(1, 2, 3),
    wire.Block(7, 16384, b"x"),
    wire.Block(1, 16384, b"y" * 700),
    wire.Have(9),
    wire.Hashes(bytes(32), 0, 0, 2, 0, b"h" * 64),
    wire.Port(6881),
    wire.Choke(),
]
RAW = THEIRS.encode() + b"".join(map(encode, STREAM)) + b"\0\0\0\5\x63\1\2\3\4" + encode(STREAM[-1])


def seen(event: Event) -> tuple[type, object]:
    """An event with its type, its bytes copied: views are valid only until the next call."""
    if isinstance(event, wire.Block):
        return wire.Block, (event.piece, event.begin, bytes(event.data))
    return type(event), event


EXPECTED = [seen(THEIRS), *map(seen, STREAM), seen(STREAM[-1])]


def shaken(*, reserved: bytes | None = None, max_message: int | None = None) -> PeerWire:
    """A connection after both handshakes, at time 0."""
    bounds = {} if max_message is None else {"max_message": max_message}
    connection = PeerWire(initiator=True, now=0.0, **bounds)
    connection.send_handshake(OURS)
    connection.data_to_send()
    theirs = THEIRS if reserved is None else Handshake(b"h" * 20, b"p" * 20, reserved)
    connection.receive_data(theirs.encode(), 0.0)
    return connection


def read_in(connection: PeerWire, chunks: list[bytes]) -> list[tuple[type, object]]:
    """The events of all chunks; each chunk's buffer is overwritten after its call."""
    events = []
    for chunk in chunks:
        scratch = bytearray(chunk)
        events += [seen(event) for event in connection.receive_data(memoryview(scratch), 0.0)]
        scratch[:] = b"\xee" * len(scratch)
    return events


def test_the_stream_in_one_piece() -> None:
    connection = PeerWire(initiator=True, now=0.0)
    assert read_in(connection, [RAW]) == EXPECTED
    assert connection.remote == THEIRS
    assert connection.unknown_messages == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 14, 68, 69, 1000, 16397])
def test_the_stream_in_pieces_of_one_size(size: int) -> None:
    chunks = [RAW[at : at + size] for at in range(0, len(RAW), size)]
    connection = PeerWire(initiator=True, now=0.0)
    assert read_in(connection, chunks) == EXPECTED
    assert connection.unknown_messages == 1


@given(st.lists(st.integers(0, len(RAW)), max_size=12).map(sorted))
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    chunks = [RAW[a:b] for a, b in zip([0, *cuts], [*cuts, len(RAW)], strict=True)]
    assert read_in(PeerWire(initiator=True, now=0.0), chunks) == EXPECTED


def test_every_single_cut_gives_the_same_events() -> None:
    short = [m for m in STREAM if len(encode(m)) < 1000]
    raw = THEIRS.encode() + b"".join(map(encode, short))
    expected = [seen(THEIRS), *map(seen, short)]
    for cut in range(len(raw) + 1):
        connection = PeerWire(initiator=True, now=0.0)
        assert read_in(connection, [raw[:cut], raw[cut:]]) == expected


def test_blocks_are_views_into_what_was_received() -> None:
    raw = bytearray(encode(wire.Block(1, 2, b"abc")) * 2)
    first, second = shaken().receive_data(raw, 0.0)
    assert isinstance(first, wire.Block)
    assert isinstance(second, wire.Block)
    raw[13:16] = b"ABC"
    assert bytes(first.data) == b"ABC"
    assert bytes(second.data) == b"abc"


def test_a_block_that_was_cut_keeps_its_bytes_until_the_next_call() -> None:
    connection = shaken()
    raw = encode(wire.Block(1, 2, b"abcdef"))
    assert connection.receive_data(raw[:15], 0.0) == []
    (block,) = connection.receive_data(raw[15:] + raw[:15], 0.0)
    assert isinstance(block, wire.Block)
    assert bytes(block.data) == b"abcdef"
    (again,) = connection.receive_data(raw[15:], 0.0)
    assert isinstance(again, wire.Block)
    assert bytes(again.data) == b"abcdef"


class Side:
    """One end of a pipe: answers a handshake, counts what comes."""

    def __init__(self, handshake: Handshake, *, initiator: bool) -> None:
        self.wire = PeerWire(initiator=initiator, now=0.0)
        self.handshake = handshake
        self.events: list[Event] = []
        if initiator:
            self.wire.send_handshake(handshake)

    def receive(self, data: bytes) -> None:
        for event in self.wire.receive_data(data, 0.0):
            self.events.append(event)
            if isinstance(event, Handshake) and self.wire.local is None:
                self.wire.send_handshake(self.handshake)
            elif isinstance(event, Request):
                self.wire.send(wire.Block(event.piece, event.begin, b"z" * event.length))


def pump(one: Side, other: Side, size: int) -> None:
    """Carry bytes both ways in chunks until there are none left."""
    waiting = deque([(one, other), (other, one)])
    idle = 0
    while idle < 2:
        sender, receiver = waiting[0]
        waiting.rotate(1)
        data = sender.wire.data_to_send()
        idle = 0 if data else idle + 1
        for at in range(0, len(data), size):
            receiver.receive(data[at : at + size])


@pytest.mark.parametrize("size", [1, 7, 16384, 1 << 20])
def test_two_of_them_talk(size: int) -> None:
    dialler, listener = Side(OURS, initiator=True), Side(THEIRS, initiator=False)
    pump(dialler, listener, size)
    assert dialler.wire.remote == THEIRS
    assert listener.wire.remote == OURS
    listener.wire.send(wire.HaveAll())
    listener.wire.send(wire.Unchoke())
    requests = [Request(0, begin, 512) for begin in range(0, 8192, 512)]
    dialler.wire.send_bytes(wire.encode_requests(requests))
    pump(dialler, listener, size)
    assert listener.events == [OURS, *requests]
    assert list(map(type, dialler.events))[:3] == [Handshake, wire.HaveAll, wire.Unchoke]
    blocks = dialler.events[3:]
    assert [(b.piece, b.begin, len(b.data)) for b in blocks if isinstance(b, wire.Block)] == [
        tuple(request) for request in requests
    ]


def test_what_is_queued_leaves_once_and_in_order() -> None:
    connection = PeerWire(initiator=True, now=0.0)
    connection.send_handshake(OURS)
    connection.send(wire.Have(1))
    connection.send_bytes(b"raw")
    assert connection.data_to_send() == OURS.encode() + encode(wire.Have(1)) + b"raw"
    assert connection.data_to_send() == b""


def test_the_handshake_goes_first_and_once() -> None:
    connection = PeerWire(initiator=True, now=0.0)
    with pytest.raises(RuntimeError, match="before every message"):
        connection.send(wire.Choke())
    connection.send_handshake(OURS)
    with pytest.raises(RuntimeError, match="sent once"):
        connection.send_handshake(OURS)


# -- time -----------------------------------------------------------------------------------------


def test_a_handshake_that_does_not_come_ends_it() -> None:
    connection = PeerWire(initiator=True, now=100.0)
    connection.send_handshake(OURS)
    assert connection.next_deadline() == 100.0 + HANDSHAKE_SECONDS
    # Bytes of it do not give more time: it is the whole handshake that has to come.
    connection.receive_data(THEIRS.encode()[:67], 119.0)
    assert connection.next_deadline() == 100.0 + HANDSHAKE_SECONDS
    assert connection.handle_timer(119.9) == []
    assert connection.handle_timer(120.0) == [PeerTimedOut("the handshake")]
    assert connection.next_deadline() is None
    assert connection.handle_timer(500.0) == []


def test_silence_of_ours_is_broken_by_keep_alives() -> None:
    connection = shaken()
    assert connection.next_deadline() == KEEP_ALIVE_SECONDS
    assert connection.handle_timer(KEEP_ALIVE_SECONDS - 1) == []
    assert connection.data_to_send() == b""
    assert connection.handle_timer(KEEP_ALIVE_SECONDS) == []
    assert connection.data_to_send() == bytes(4)
    assert connection.next_deadline() == SILENCE_SECONDS


def test_what_is_sent_puts_the_keep_alive_off() -> None:
    connection = shaken()
    connection.receive_data(encode(wire.Unchoke()), 60.0)
    connection.send(wire.Interested())
    connection.data_to_send()
    assert connection.next_deadline() == 60.0 + KEEP_ALIVE_SECONDS
    assert connection.handle_timer(KEEP_ALIVE_SECONDS) == []
    assert connection.data_to_send() == b""


def test_no_keep_alive_is_added_to_what_waits() -> None:
    connection = shaken()
    connection.send(wire.Interested())
    connection.handle_timer(KEEP_ALIVE_SECONDS)
    assert connection.data_to_send() == encode(wire.Interested())


def test_no_keep_alive_goes_before_our_handshake() -> None:
    connection = PeerWire(initiator=False, now=0.0)
    connection.receive_data(THEIRS.encode(), 0.0)
    assert connection.next_deadline() == SILENCE_SECONDS
    assert connection.handle_timer(KEEP_ALIVE_SECONDS) == []
    assert connection.data_to_send() == b""


def test_silence_of_theirs_ends_it() -> None:
    connection = shaken()
    connection.receive_data(bytes(4), 50.0)
    connection.handle_timer(170.0)
    assert connection.next_deadline() == 50.0 + SILENCE_SECONDS
    assert connection.handle_timer(50.0 + SILENCE_SECONDS) == [PeerTimedOut("a message")]
    assert connection.next_deadline() is None
    assert connection.handle_timer(1000.0) == []


def test_no_bytes_are_no_sign_of_life() -> None:
    connection = shaken()
    connection.receive_data(b"", 100.0)
    assert connection.handle_timer(SILENCE_SECONDS) == [PeerTimedOut("a message")]


def test_a_broken_connection_has_no_deadline() -> None:
    connection = shaken()
    with pytest.raises(PeerWireError):
        connection.receive_data(b"\xff" * 5, 0.0)
    assert connection.next_deadline() is None
    assert connection.handle_timer(SILENCE_SECONDS) == []
