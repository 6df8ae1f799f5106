"""What a peer may not do: each is refused in its own words, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import PeerWire, PeerWireError
from p2pd.protocols.peerwire.decoding import MAX_BITFIELD, MAX_MESSAGE
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.messages import MAX_BLOCK, Message, encode

OURS = Handshake(b"h" * 20, b"-PD0100-ourselves000", our_reserved())
NO_FAST = bytes.fromhex("0000000000100000")


def head(length: int, id_: int) -> bytes:
    return length.to_bytes(4, "big") + bytes((id_,))


def shaken(*, theirs: bytes = our_reserved(), ours: bytes = our_reserved()) -> PeerWire:
    connection = PeerWire(initiator=True, now=0.0)
    connection.send_handshake(Handshake(b"h" * 20, b"o" * 20, ours))
    connection.receive_data(Handshake(b"h" * 20, b"t" * 20, theirs).encode(), 0.0)
    return connection


def refusal(connection: PeerWire, raw: bytes, size: int) -> str:
    """The words with which `raw`, received in chunks of `size`, is refused."""
    try:
        for at in range(0, len(raw), size):
            connection.receive_data(raw[at : at + size], 0.0)
    except PeerWireError as problem:
        return str(problem)
    pytest.fail("the bytes were not refused")


BAD = [
    (head(2, 0), "choke message of 2 bytes is too long"),
    (head(2, 1), "unchoke message of 2 bytes is too long"),
    (head(9, 2), "interested message of 9 bytes is too long"),
    (head(2, 3), "not interested message of 2 bytes is too long"),
    (head(4, 4), "have message of 4 bytes is too short"),
    (head(6, 4), "have message of 6 bytes is too long"),
    (head(MAX_BITFIELD + 1, 5), f"bitfield message of {MAX_BITFIELD + 1} bytes is too long"),
    (head(12, 6), "request message of 12 bytes is too short"),
    (head(14, 6), "request message of 14 bytes is too long"),
    (head(8, 7), "piece message of 8 bytes is too short"),
    (head(9, 7), "piece message of 9 bytes is too short"),
    (head(MAX_BLOCK + 10, 7), f"piece message of {MAX_BLOCK + 10} bytes is too long"),
    (head(1, 8), "cancel message of 1 bytes is too short"),
    (head(5, 9), "port message of 5 bytes is too long"),
    (head(4, 13), "suggest message of 4 bytes is too short"),
    (head(2, 14), "have all message of 2 bytes is too long"),
    (head(2, 15), "have none message of 2 bytes is too long"),
    (head(17, 16), "reject message of 17 bytes is too long"),
    (head(4, 17), "allowed fast message of 4 bytes is too short"),
    (head(1, 20), "extended message of 1 bytes is too short"),
    (head(MAX_MESSAGE + 1, 20), f"extended message of {MAX_MESSAGE + 1} bytes is too long"),
    (head(48, 21), "hash request message of 48 bytes is too short"),
    (head(49, 22), "hashes message of 49 bytes is too short"),
    (head(MAX_MESSAGE + 1, 22), f"hashes message of {MAX_MESSAGE + 1} bytes is too long"),
    (head(100, 22) + bytes(99), "hashes message ends within a hash: 51 bytes of hashes"),
    (head(50, 23), "hash reject message of 50 bytes is too long"),
    (head(MAX_MESSAGE + 1, 99), f"unknown message of {MAX_MESSAGE + 1} bytes is too long"),
    (b"\xff\xff\xff\xff\x07", "piece message of 4294967295 bytes is too long"),
]


@pytest.mark.parametrize("size", [1, 4, 5, 7, 1000])
@pytest.mark.parametrize(("raw", "words"), BAD, ids=[words for _, words in BAD])
def test_a_wrong_length_is_refused_from_the_header_on(raw: bytes, words: str, size: int) -> None:
    assert refusal(shaken(), raw, size) == words
    # In the middle of a chunk of blocks it makes no difference.
    block = encode(wire.Block(0, 0, b"x" * 50))
    assert refusal(shaken(), block + raw + block, 1000) == words


@pytest.mark.parametrize(
    "message",
    [wire.Suggest(1), wire.HaveAll(), wire.HaveNone(), wire.Reject(1, 2, 3), wire.AllowedFast(1)],
    ids=lambda message: type(message).__name__,
)
@pytest.mark.parametrize("side", ["theirs", "ours"])
def test_fast_messages_need_both_sides(message: Message, side: str) -> None:
    words = refusal(shaken(**{side: NO_FAST}), encode(message), 1000)
    assert words.endswith("message although the fast extension is not agreed on")
    assert len(shaken().receive_data(encode(message), 0.0)) == 1


def test_a_listener_judges_fast_messages_by_the_peers_bit_until_it_has_answered() -> None:
    connection = PeerWire(initiator=False, now=0.0)
    events = connection.receive_data(OURS.encode() + encode(wire.HaveAll()), 0.0)
    assert [type(event) for event in events] == [Handshake, wire.HaveAll]
    connection.send_handshake(Handshake(b"h" * 20, b"o" * 20, NO_FAST))
    with pytest.raises(PeerWireError, match="not agreed on"):
        connection.receive_data(encode(wire.Suggest(1)), 0.0)


OPENINGS = [wire.Bitfield(b"\xf0"), wire.HaveAll(), wire.HaveNone()]
ABOUT_PIECES = [
    wire.Have(1),
    wire.Block(1, 2, b"x"),
    wire.Request(1, 2, 3),
    wire.Cancel(1, 2, 3),
    wire.Suggest(1),
    wire.Reject(1, 2, 3),
]


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize(
    "before", [*ABOUT_PIECES, *OPENINGS], ids=lambda message: type(message).__name__
)
def test_all_pieces_may_be_told_again(before: Message, opening: Message) -> None:
    """Aria2 sends a bitfield again where it would have many haves to send."""
    wire_ = shaken()
    events = wire_.receive_data(encode(before) + encode(opening), 0.0)
    assert [type(event) for event in events] == [type(before), type(opening)]


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda message: type(message).__name__)
def test_clients_in_use_say_other_things_before_it(opening: Message) -> None:
    others = [
        wire.KeepAlive(), wire.Extended(0, b"de"), wire.Port(1), wire.Unchoke(), wire.Choke(),
        wire.Interested(), wire.NotInterested(), wire.AllowedFast(3),
    ]  # fmt: skip
    raw = b"".join(map(encode, [*others, opening, *ABOUT_PIECES]))
    assert len(shaken().receive_data(raw, 0.0)) == len(others) + 1 + len(ABOUT_PIECES)


def test_what_came_before_a_violation_is_told_with_it() -> None:
    connection = shaken()
    with pytest.raises(PeerWireError) as caught:
        connection.receive_data(encode(wire.Have(1)) + encode(wire.Unchoke()) + head(2, 0), 0.0)
    assert [type(event) for event in caught.value.events] == [wire.Have, wire.Unchoke]


def test_after_a_violation_nothing_is_read_any_more() -> None:
    connection = shaken()
    with pytest.raises(PeerWireError) as first:
        connection.receive_data(head(2, 0), 0.0)
    with pytest.raises(PeerWireError) as second:
        connection.receive_data(encode(wire.Have(1)), 0.0)
    assert str(second.value) == str(first.value)
    assert second.value.events == ()


@pytest.mark.parametrize("raw", [b"GET /", b"\x12", b"\x13bit", b"\x13BitTorrent protocoL"])
@pytest.mark.parametrize("size", [1, 1000])
def test_another_protocol_is_refused_at_once(raw: bytes, size: int) -> None:
    connection = PeerWire(initiator=False, now=0.0)
    assert refusal(connection, raw, size) == "it does not begin with the BitTorrent handshake"


def test_longest_messages_are_read() -> None:
    connection = shaken()
    raw = encode(wire.Bitfield(b"\xff" * (MAX_BITFIELD - 1)))
    raw += encode(wire.Block(0, 0, b"x" * MAX_BLOCK))
    raw += encode(wire.Extended(1, b"x" * (MAX_MESSAGE - 2)))
    raw += head(MAX_MESSAGE, 99) + bytes(MAX_MESSAGE - 1)
    events = []
    for at in range(0, len(raw), 500_000):
        events += [type(event) for event in connection.receive_data(raw[at : at + 500_000], 0.0)]
    assert events == [wire.Bitfield, wire.Block, wire.Extended]
    assert connection.unknown_messages == 1


def test_the_bound_is_the_owners_to_choose() -> None:
    connection = PeerWire(initiator=False, now=0.0, max_message=100)
    connection.receive_data(OURS.encode(), 0.0)
    assert len(connection.receive_data(encode(wire.Extended(1, b"x" * 98)), 0.0)) == 1
    with pytest.raises(PeerWireError, match="extended message of 101 bytes is too long"):
        connection.receive_data(encode(wire.Extended(1, b"x" * 99)), 0.0)


def outcome(raw: bytes, cuts: list[int]) -> tuple[list[object], str]:
    """Events, copied, and the words of the end, if there was one."""
    connection, events = PeerWire(initiator=False, now=0.0), []
    try:
        for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True):
            events += [copied(event) for event in connection.receive_data(raw[a:b], 0.0)]
    except PeerWireError as problem:
        return events + [copied(event) for event in problem.events], str(problem)
    return events, ""


def copied(event: object) -> object:
    data = bytes(event.data) if isinstance(event, wire.Block) else b""
    return type(event), event if not data else (*event[:2], data)  # type: ignore[index]


PIECES = st.one_of(
    st.sampled_from([*ABOUT_PIECES, *OPENINGS, wire.Choke(), wire.KeepAlive()]).map(encode),
    st.builds(
        lambda length, id_, rest: head(length, id_) + rest,
        st.integers(0, 120), st.integers(0, 25), st.binary(max_size=120),
    ),
    st.binary(max_size=20),
)  # fmt: skip


@given(st.lists(PIECES, max_size=8).map(b"".join), st.data())
def test_hostile_bytes_come_to_the_same_however_they_are_cut(
    junk: bytes, draw: st.DataObject
) -> None:
    raw = OURS.encode() + junk
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    assert outcome(raw, cuts) == outcome(raw, [])
