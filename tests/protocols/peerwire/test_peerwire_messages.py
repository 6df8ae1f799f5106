"""Messages: their bytes as the BEPs give them, and there and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.requests import Request
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.connection import PeerWire
from p2pd.protocols.peerwire.handshake import Handshake, our_reserved
from p2pd.protocols.peerwire.messages import Message, block_header, encode, encode_requests

SHAKE = Handshake(bytes(20), bytes(20), our_reserved())
ROOT = bytes(range(32))

VECTORS: list[tuple[Message, str]] = [
    (wire.KeepAlive(), "00000000"),
    (wire.Choke(), "00000001 00"),
    (wire.Unchoke(), "00000001 01"),
    (wire.Interested(), "00000001 02"),
    (wire.NotInterested(), "00000001 03"),
    (wire.Have(258), "00000005 04 00000102"),
    (wire.Bitfield(b"\xf0\x01"), "00000003 05 f001"),
    (Request(1, 16384, 16384), "0000000d 06 00000001 00004000 00004000"),
    (wire.Block(1, 16384, b"abc"), "0000000c 07 00000001 00004000 616263"),
    (wire.Cancel(1, 16384, 16384), "0000000d 08 00000001 00004000 00004000"),
    (wire.Port(6881), "00000003 09 1ae1"),
    (wire.Suggest(7), "00000005 0d 00000007"),
    (wire.HaveAll(), "00000001 0e"),
    (wire.HaveNone(), "00000001 0f"),
    (wire.Reject(1, 2, 3), "0000000d 10 00000001 00000002 00000003"),
    (wire.AllowedFast(7), "00000005 11 00000007"),
    (wire.Extended(3, b"de"), "00000004 14 03 6465"),
    (wire.HashRequest(ROOT, 0, 512, 512, 9),
     f"00000031 15 {ROOT.hex()} 00000000 00000200 00000200 00000009"),
    (wire.Hashes(ROOT, 4, 0, 2, 1, ROOT + ROOT),
     f"00000071 16 {ROOT.hex()} 00000004 00000000 00000002 00000001 {ROOT.hex()}{ROOT.hex()}"),
    (wire.HashReject(ROOT, 0, 512, 512, 9),
     f"00000031 17 {ROOT.hex()} 00000000 00000200 00000200 00000009"),
]  # fmt: skip

U32 = st.integers(0, 2**32 - 1)
BLOCKS = st.tuples(U32, U32, U32)
RANGES = st.tuples(st.binary(min_size=32, max_size=32), U32, U32, U32, U32)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.sampled_from([wire.KeepAlive(), wire.Choke(), wire.Unchoke(), wire.Interested(),
                     wire.NotInterested()]),
    st.builds(wire.Have, U32),
    st.builds(wire.Suggest, U32),
    st.builds(wire.AllowedFast, U32),
    BLOCKS.map(lambda fields: Request(*fields)),
    BLOCKS.map(lambda fields: wire.Cancel(*fields)),
    BLOCKS.map(lambda fields: wire.Reject(*fields)),
    st.builds(wire.Block, U32, U32, st.binary(min_size=1, max_size=50)),
    st.builds(wire.Port, st.integers(0, 65535)),
    st.builds(wire.Extended, st.integers(0, 255), st.binary(max_size=50)),
    RANGES.map(lambda fields: wire.HashRequest(*fields)),
    RANGES.map(lambda fields: wire.HashReject(*fields)),
    st.builds(lambda fields, n: wire.Hashes(*fields, ROOT * n), RANGES, st.integers(1, 4)),
)  # fmt: skip
"""Any message that may come at any time between two sides with BEP 6."""


def read(raw: bytes) -> list[object]:
    """What a connection makes of these bytes, with views copied."""
    connection = PeerWire(initiator=True, now=0.0)
    connection.send_handshake(SHAKE)
    connection.receive_data(SHAKE.encode(), 0.0)
    return [
        event._replace(data=bytes(event.data)) if isinstance(event, wire.Block) else event
        for event in connection.receive_data(raw, 0.0)
    ]


def same(got: object, sent: object) -> bool:
    """NamedTuples of two types can be equal: the type counts too."""
    return type(got) is type(sent) and got == sent


@pytest.mark.parametrize(("message", "raw"), VECTORS, ids=lambda v: type(v).__name__)
def test_each_message_has_its_bytes(message: Message, raw: str) -> None:
    assert encode(message) == bytes.fromhex(raw)


@pytest.mark.parametrize(("message", "raw"), VECTORS, ids=lambda v: type(v).__name__)
def test_each_message_is_read_from_its_bytes(message: Message, raw: str) -> None:
    (got,) = read(bytes.fromhex(raw))
    assert same(got, message)


@given(st.lists(MESSAGES, max_size=8))
def test_messages_survive_the_wire(messages: list[Message]) -> None:
    got = read(b"".join(map(encode, messages)))
    assert len(got) == len(messages)
    assert all(map(same, got, messages))


@given(st.lists(BLOCKS.map(lambda fields: Request(*fields)), max_size=20))
def test_requests_in_a_run_are_the_single_ones_joined(requests: list[Request]) -> None:
    assert encode_requests(requests) == b"".join(map(encode, requests))


def test_a_block_header_and_its_payload_are_a_block() -> None:
    assert block_header(3, 32768, 5) + b"12345" == encode(wire.Block(3, 32768, b"12345"))
    assert len(block_header(0, 0, 16384)) == 13


def test_a_received_view_can_be_sent_on() -> None:
    data = memoryview(b"xxabc")[2:]
    assert encode(wire.Block(1, 0, data)) == encode(wire.Block(1, 0, b"abc"))
