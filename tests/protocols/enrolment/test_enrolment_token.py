"""Enrolment tokens: as they are handed on, cut off, typed wrongly and made up."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats import bencode
from p2pd.protocols.enrolment.token import (
    LONGEST_TOKEN,
    PREFIX,
    Token,
    TokenError,
    new_token,
    read_token,
    token_text,
)

FINGERPRINT = bytes(range(32))
ADDRESSES = ("http://10.0.0.5:9091", "https://[2001:db8::1]:9091", "https://nas.example/p2pd")


def made(value: Any) -> str:
    """A token that is whole, whatever is in it."""
    content = bencode.encode(value)
    whole = content + sha256(content).digest()[:4]
    return PREFIX + urlsafe_b64encode(whole).decode().rstrip("=")


def test_what_is_handed_on_is_what_was_made() -> None:
    token = new_token(ADDRESSES, FINGERPRINT)
    text = token_text(token)
    assert read_token(text) == token
    assert text.isascii()
    assert " " not in text
    assert read_token(f"  {text[:50]}\n  {text[50:]}\r\n") == token


def test_secrets_differ_and_are_not_shown() -> None:
    one, other = new_token(ADDRESSES, FINGERPRINT), new_token(ADDRESSES, FINGERPRINT)
    assert one.secret != other.secret
    assert one.id != other.id
    assert one.secret.hex() not in repr(one)
    assert one.secret not in one.proof + one.id


@given(st.integers(0, 400), st.characters())
def test_what_was_changed_on_the_way_is_refused(place: int, letter: str) -> None:
    text = token_text(Token(ADDRESSES, FINGERPRINT, bytes(20)))
    changed = text[:place] + letter + text[place + 1 :]
    if "".join(changed.split()) != text:
        with pytest.raises(TokenError):
            read_token(changed)
    with pytest.raises(TokenError):
        read_token(text[: min(place, len(text) - 1)])


GOOD = {b"a": [b"http://h:1"], b"f": FINGERPRINT, b"s": bytes(20)}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({**GOOD, b"a": []}, "a token has 1 to 6 addresses"),
        ({**GOOD, b"a": [b"http://h:1"] * 7}, "a token has 1 to 6 addresses"),
        ({**GOOD, b"a": [b"ftp://h:1"]}, "this is no address of a node: 'ftp://h:1'"),
        ({**GOOD, b"a": [b"http://"]}, "this is no address of a node"),
        ({**GOOD, b"a": [b"http://u:p@h"]}, "this is no address of a node"),
        ({**GOOD, b"a": [b"http://h:99999"]}, "this is no address of a node"),
        ({**GOOD, b"a": [b"http://h/\n"]}, "this is no address of a node"),
        ({**GOOD, b"a": [b"http://" + b"h" * 300]}, "this is no address of a node"),
        ({**GOOD, b"a": [b"\xff"]}, "says nothing that can be understood"),
        ({**GOOD, b"a": 5}, "says nothing that can be understood"),
        ({**GOOD, b"a": [[]]}, "says nothing that can be understood"),
        ({**GOOD, b"f": b"short"}, "says nothing that can be understood"),
        ({**GOOD, b"s": 7}, "says nothing that can be understood"),
        ({b"a": [b"http://h"]}, "says nothing that can be understood"),
        ([], "says nothing that can be understood"),
        ({**GOOD, b"x": bytes(LONGEST_TOKEN)}, "is not whole"),
    ],
)
def test_what_says_nothing_of_use_is_refused_in_words(value: Any, words: str) -> None:
    assert read_token(made(GOOD)).addresses == ("http://h:1",)
    with pytest.raises(TokenError, match=words):
        read_token(made(value))


@pytest.mark.parametrize("text", ["", "hello", "magnet:?xt=urn:btih:00", PREFIX.upper() + "AAAA"])
def test_what_is_none_is_told_apart(text: str) -> None:
    with pytest.raises(TokenError, match="this is no enrolment token: one begins with p2pd-enrol"):
        read_token(text)


def test_addresses_are_checked_when_a_token_is_made() -> None:
    with pytest.raises(TokenError, match="no address of a node: 'nas:9091'"):
        new_token(["nas:9091"], FINGERPRINT)
