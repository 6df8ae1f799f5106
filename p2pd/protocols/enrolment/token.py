"""Enrolment tokens: what somebody hands to a new node, so that it gets a certificate by itself.

A token is one word of text. It says where the node with the CA can be asked, which CA it is, and a
secret. The secret is never sent: what it makes is a key that signs, and the node with the CA knows
of that the public half alone. Whether a token is still good is not known here.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from p2pd.base.errors import FormatError
from p2pd.formats import bencode

PREFIX = "p2pd-enrol-1."
SECRET_SIZE = 20
FINGERPRINT_SIZE = 32
ID_SIZE = 8
MOST_ADDRESSES = 6
LONGEST_ADDRESS = 300
LONGEST_TOKEN = 4096

_CHECK_SIZE = 4
_SEED = b"p2pd enrolment token key"
_ADDRESS = re.compile(r"[\x21-\x7e]+")


class TokenError(FormatError):
    """This is no enrolment token; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class Token:
    """Where to ask (URLs of control APIs, to be tried in order), of which CA, and the secret."""

    addresses: tuple[str, ...]
    fingerprint: bytes
    """The SHA-256 of the CA's certificate."""
    secret: bytes

    @property
    def key(self) -> Ed25519PrivateKey:
        """What proves that somebody has the secret."""
        return Ed25519PrivateKey.from_private_bytes(sha256(_SEED + self.secret).digest())

    @property
    def proof(self) -> bytes:
        """What the node with the CA keeps: the key's public half."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def id(self) -> bytes:
        """By what the node with the CA knows it."""
        return token_id(self.proof)

    def __repr__(self) -> str:
        return f"<Token {self.id.hex()}>"


def new_token(addresses: Sequence[str], fingerprint: bytes) -> Token:
    """A token with a new secret. Raises TokenError for addresses that are none."""
    token = Token(tuple(addresses), fingerprint, secrets.token_bytes(SECRET_SIZE))
    _check(token)
    return token


def token_id(proof: bytes) -> bytes:
    """By what a token is known that is proved so."""
    return sha256(proof).digest()[:ID_SIZE]


def token_text(token: Token) -> str:
    """The token as people hand it on."""
    content = bencode.encode(
        {
            b"a": [address.encode() for address in token.addresses],
            b"f": token.fingerprint,
            b"s": token.secret,
        }
    )
    whole = content + sha256(content).digest()[:_CHECK_SIZE]
    return PREFIX + urlsafe_b64encode(whole).decode().rstrip("=")


def read_token(text: str) -> Token:
    """The token that is in a text; space around and within it is none of it. Raises TokenError."""
    word = "".join(text[: 2 * LONGEST_TOKEN].split())
    if not word.startswith(PREFIX):
        raise TokenError(f"this is no enrolment token: one begins with {PREFIX}")
    whole = _decoded(word.removeprefix(PREFIX))
    content, check = whole[:-_CHECK_SIZE], whole[-_CHECK_SIZE:]
    if len(word) > LONGEST_TOKEN or sha256(content).digest()[:_CHECK_SIZE] != check:
        raise TokenError("the token is not whole: some of its letters are missing, or wrong")
    try:
        value = bencode.decode(content)
        addresses = tuple(address.decode("ascii") for address in value[b"a"])
        token = Token(addresses, value[b"f"], value[b"s"])
        _check(token)
    except TokenError:
        raise
    except (FormatError, KeyError, TypeError, AttributeError, ValueError):
        raise TokenError("the token says nothing that can be understood") from None
    return token


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def _check(token: Token) -> None:
    for value, size in ((token.fingerprint, FINGERPRINT_SIZE), (token.secret, SECRET_SIZE)):
        if not isinstance(value, bytes) or len(value) != size:
            raise TokenError("the token says nothing that can be understood")
    if not 0 < len(token.addresses) <= MOST_ADDRESSES:
        raise TokenError(f"a token has 1 to {MOST_ADDRESSES} addresses")
    for address in token.addresses:
        check_address(address)


def check_address(address: str) -> None:
    """Raises TokenError unless it is the URL of a control API."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and parts.username is None and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good or len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        shown = address[:100].encode("ascii", "backslashreplace").decode()
        raise TokenError(f"this is no address of a node: {shown!r} (like http://10.0.0.5:9091)")
