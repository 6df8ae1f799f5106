"""Sealed files: what is written is read, by who has the passphrase, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.sealed_file import MAGIC, NONCE, PIECE, SALT, TAG, SealedReader, SealedWriter
from p2pd.formats.x509 import keys_at_rest
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError

SEAL, OTHER = KeySeal(b"a passphrase"), KeySeal(b"another one")
HEADER = len(MAGIC) + SALT + NONCE
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7]


CHEAP = 16
"""What scrypt costs is no matter here."""


@pytest.fixture(autouse=True, scope="module")
def _cheap_scrypt() -> Iterator[None]:
    with patch.object(keys_at_rest, "SCRYPT_N", CHEAP):
        yield


def sealed(content: bytes, part: int = 10_000) -> bytes:
    file = io.BytesIO()
    with SealedWriter(file, SEAL) as writer:
        for at in range(0, len(content), part):
            writer.write(content[at : at + part])
    return file.getvalue()


def opened(data: bytes, *seals: KeySeal) -> bytes:
    return SealedReader(io.BytesIO(data), seals or (SEAL,)).readall() or b""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", [10_000, PIECE, 5 * PIECE])
def test_what_is_written_is_read(size: int, part: int) -> None:
    content = bytes(number % 251 for number in range(size))
    data = sealed(content, part)
    assert opened(data) == content
    assert opened(data, OTHER, SEAL) == content
    assert len(data) == HEADER + size + TAG * max(1, -(-size // PIECE))
    assert content == b"" or content[:32] not in data or size < 32


def test_another_passphrase_opens_nothing() -> None:
    for seals in ((OTHER,), (OTHER, KeySeal(b"a third"))):
        with pytest.raises(SealedKeyError, match="another passphrase"):
            opened(sealed(b"secret"), *seals)
    with pytest.raises(SealedKeyError):
        SealedReader(io.BytesIO(sealed(b"secret")), ())


def test_two_files_of_one_content_have_nothing_in_common() -> None:
    one, two = sealed(b"the same"), sealed(b"the same")
    assert one[len(MAGIC) :] != two[len(MAGIC) :]


PIECES = bytes(range(256)) * (PIECE // 256) * 2 + b"the end"
with patch.object(keys_at_rest, "SCRYPT_N", CHEAP):
    DATA = sealed(PIECES)


@given(st.data())
def test_nothing_that_was_changed_comes_out(data: st.DataObject) -> None:
    damaged = bytearray(DATA)
    at = data.draw(st.integers(0, len(DATA) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(P2pdError):
        opened(bytes(damaged))


@given(st.integers(0, len(DATA) - 1))
def test_nothing_is_cut_off_unseen(end: int) -> None:
    with pytest.raises(P2pdError):
        opened(DATA[:end])


def test_no_piece_is_moved_left_out_or_added() -> None:
    size = PIECE + TAG
    head, first, second = DATA[:HEADER], DATA[HEADER:][:size], DATA[HEADER + size :][:size]
    last = DATA[HEADER + 2 * size :]
    for pieces in (
        (second, first, last),
        (first, last),
        (first, second),
        (first, second, last, last),
    ):
        with pytest.raises(P2pdError):
            opened(head + b"".join(pieces))
    assert opened(head + first + second + last) == PIECES


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((FormatError, SealedKeyError)):
        opened(data)
