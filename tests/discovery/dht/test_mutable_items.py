"""Signed items (BEP 44, BEP 46), with the vectors of both."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.discovery.dht.mutable_items import (
    MAX_SEQ,
    MutableItem,
    immutable_target,
    public_key_of,
    sign,
    signed_bytes,
    target_of,
    torrent_of,
    torrent_value,
)

KEY = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
HELLO = b"12:Hello World!"
PLAIN = MutableItem(
    KEY, 1, HELLO,
    bytes.fromhex(
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
        "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
    ),
)  # fmt: skip
SALTED = MutableItem(
    KEY, 1, HELLO,
    bytes.fromhex(
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
    ),
    b"foobar",
)  # fmt: skip
SECRET = bytes(range(32))


def test_the_first_vector_of_bep_44() -> None:
    assert signed_bytes(1, HELLO) == b"3:seqi1e1:v12:Hello World!"
    assert PLAIN.target().hex() == "4a533d47ec9c7d95b1ad75f576cffc641853b750"
    assert PLAIN.verify()


def test_the_second_vector_of_bep_44() -> None:
    assert signed_bytes(1, HELLO, b"foobar") == b"4:salt6:foobar3:seqi1e1:v12:Hello World!"
    assert SALTED.target().hex() == "411eba73b6f087ca51a3795d9c8c938d365e32c1"
    assert SALTED.verify()


def test_the_third_vector_of_bep_44() -> None:
    assert immutable_target(HELLO).hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"


@pytest.mark.parametrize(
    ("salt", "target"),
    [
        ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
        ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
    ],
)
def test_the_vectors_of_bep_46(salt: str, target: str) -> None:
    key = bytes.fromhex("8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e")
    assert target_of(key, bytes.fromhex(salt)).hex() == target


def test_the_first_vector_of_rfc_8032_is_the_key_of_its_secret() -> None:
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert public_key_of(secret).hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 2}, {"value": b"12:Hello World?"}, {"salt": b"foo"}, {"salt": b""},
        {"signature": bytes(64)}, {"signature": b""}, {"public_key": bytes(32)},
        {"public_key": KEY[:31]}, {"seq": -1}, {"seq": MAX_SEQ + 1}, {"salt": bytes(65)},
        {"value": b"996:" + bytes(997)},
    ],
)  # fmt: skip
def test_nothing_of_it_can_be_changed(changed: dict[str, object]) -> None:
    assert not dataclasses.replace(SALTED, **changed).verify()  # type: ignore[arg-type]


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, MAX_SEQ),
    st.binary(max_size=900),
    st.binary(max_size=64),
)
def test_what_is_signed_verifies(secret: bytes, seq: int, text: bytes, salt: bytes) -> None:
    item = sign(secret, seq, b"%d:%b" % (len(text), text), salt)
    assert item.verify()
    assert item.target() == target_of(public_key_of(secret), salt)


@pytest.mark.parametrize(
    ("secret", "seq", "value", "salt"),
    [
        (SECRET, -1, HELLO, b""),
        (SECRET, MAX_SEQ + 1, HELLO, b""),
        (SECRET, 1, b"997:" + bytes(997), b""),
        (SECRET, 1, b"Hello", b""),
        (SECRET, 1, HELLO, bytes(65)),
        (bytes(64), 1, HELLO, b""),
    ],
)
def test_what_no_node_would_take_is_not_signed(
    secret: bytes, seq: int, value: bytes, salt: bytes
) -> None:
    with pytest.raises(FormatError):
        sign(secret, seq, value, salt)


@given(st.binary(min_size=20, max_size=20))
def test_a_value_names_a_torrent(info_hash: bytes) -> None:
    assert torrent_of(torrent_value(info_hash)) == info_hash


@pytest.mark.parametrize(
    "value", [b"", b"de", b"i1e", b"d2:ihi1ee", b"d2:ih19:" + bytes(19) + b"e", b"le", b"d2:ih20:"]
)
def test_other_values_name_none(value: bytes) -> None:
    with pytest.raises(FormatError):
        torrent_of(value)
    with pytest.raises(FormatError):
        torrent_value(value)


@given(st.binary(max_size=100))
def test_any_value_from_outside_names_a_torrent_or_is_refused(value: bytes) -> None:
    with suppress(FormatError):
        assert len(torrent_of(value)) == 20
