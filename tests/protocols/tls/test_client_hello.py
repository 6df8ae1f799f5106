"""The server name of a ClientHello: in any slices, from OpenSSL itself, and where there is none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from p2pd.protocols.tls.client_hello import (
    MAX_HELLO,
    HelloError,
    HelloReader,
    whole_records,
)
from tests.fuzz.targets.tls_client_hello import SEEDS

NAME = "0123456789abcdef0123456789abcdef01234567"


def hello(name: str, version: int = SSL.TLS1_3_VERSION) -> bytes:
    """As OpenSSL says it."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(version)
    connection = SSL.Connection(context)
    if name:
        connection.set_tlsext_host_name(name.encode())
    connection.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(1 << 16)


@pytest.mark.parametrize("name", [NAME, "localhost", ""])
@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("step", [1, 5, 100, 100_000])
def test_the_name_is_found_in_any_slices(name: str, version: int, step: int) -> None:
    said, reader = hello(name, version), HelloReader()
    for at in range(0, len(said), step):
        is_whole = reader.receive(said[at : at + step])
        assert is_whole is (at + step >= len(said))
    assert reader.server_name() == name
    assert bytes(reader.data) == said


@given(st.lists(st.integers(1, 200), max_size=40))
def test_a_hello_may_be_cut_into_several_records(sizes: list[int]) -> None:
    message, said = SEEDS[0][6:], b""
    for size in [*sizes, len(message)]:
        part, message = message[:size], message[size:]
        if part:
            said += b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
    reader = HelloReader()
    assert whole_records(said) == len(said)
    assert reader.receive(said)
    assert reader.server_name() == "a0" * 20


@pytest.mark.parametrize("cut", range(40, 120, 7))
def test_a_hello_whose_lengths_lie_is_refused(cut: int) -> None:
    body = SEEDS[0][10:][:cut]
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    reader = HelloReader()
    assert reader.receive(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
    if cut >= len(SEEDS[0][10:]):
        assert reader.server_name() == "a0" * 20
    else:
        with pytest.raises(HelloError, match="ends too early"):
            reader.server_name()


def test_a_hello_that_is_too_long_is_refused_before_it_came() -> None:
    head = b"\x16\x03\x01\x40\x00\x01" + (MAX_HELLO + 1).to_bytes(3, "big")
    with pytest.raises(HelloError, match="more than 16384"):
        HelloReader().receive(head + bytes(16 * 1024 - 4))


def test_records_count_that_have_come_in_full() -> None:
    one = b"\x17\x03\x03\x00\x02ab"
    assert whole_records(b"") == 0
    assert whole_records(one[:4]) == whole_records(one[:6]) == 0
    assert whole_records(one) == whole_records(one + one[:3]) == len(one)
    assert whole_records(one + one) == 2 * len(one)
    garbage = b"\x13BitTorrent protocol"
    assert whole_records(garbage) == len(garbage)
