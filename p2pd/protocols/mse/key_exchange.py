"""The Diffie-Hellman exchange of message stream encryption, with its 768-bit prime.

The specification is Vuze's "Message Stream Encryption". Each power takes some hundred microseconds:
whoever has a reactor has them made elsewhere.
"""

from __future__ import annotations

import random
from functools import lru_cache
from hashlib import sha256

from p2pd.base.errors import FormatError

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    16,
)
GENERATOR = 2
KEY_SIZE = 96
"""Bytes of a public key, and of the secret."""

PRIVATE_BITS = 160

_DIGIT_BITS = 5
_DIGITS = 1 << _DIGIT_BITS

_BINDING = b"p2pd binding"


class MseError(FormatError):
    """The other side does not speak message stream encryption, or not as it may."""


class KeyPair:
    """A key for one handshake; `public` is what the other side is sent."""

    __slots__ = ("_private", "public")

    def __init__(self, private: int) -> None:
        self._private = private
        self.public = _power(private).to_bytes(KEY_SIZE, "big")

    @classmethod
    def new(cls, rng: random.Random) -> KeyPair:
        """One of 160 random bits; `rng` has to be one that nobody can predict."""
        return cls(rng.getrandbits(PRIVATE_BITS) | 1 << (PRIVATE_BITS - 1))

    def secret(self, their_public: bytes) -> bytes:
        """What both sides know then. Raises MseError for a key that anybody knows the secret of."""
        check_key(their_public)
        theirs = int.from_bytes(their_public, "big")
        return pow(theirs, self._private, PRIME).to_bytes(KEY_SIZE, "big")


def check_key(public: bytes) -> None:
    """Raises MseError for a key that anybody knows the secret of: there is no need to make it."""
    if not 1 < int.from_bytes(public, "big") < PRIME - 1:
        raise MseError("the peer's key is one that hides nothing")


@lru_cache(maxsize=1)
def _powers() -> list[list[int]]:
    """Of the generator, for each digit of a private key, the lowest first, and each value of it."""
    table, base = [], GENERATOR
    for _ in range(0, PRIVATE_BITS, _DIGIT_BITS):
        row = [1]
        for _ in range(_DIGITS - 1):
            row.append(row[-1] * base % PRIME)
        table.append(row)
        base = row[-1] * base % PRIME
    return table


def _power(private: int) -> int:
    """The generator to this power: a fifth of what pow() takes, which begins anew each time."""
    made, left = 1, private
    for row in _powers():
        made = made * row[left % _DIGITS] % PRIME
        left >>= _DIGIT_BITS
    return made * pow(GENERATOR, left << PRIVATE_BITS, PRIME) % PRIME if left else made


def binding(initiators_public: bytes, responders_public: bytes, secret: bytes) -> bytes:
    """What the two ends of one connection have in common with nobody: 32 bytes.

    The keys are part of it, so that it is another one whenever either of them was made anew, even
    if somebody between the two has both find the same secret, or could find it himself.
    """
    return sha256(b"".join((_BINDING, initiators_public, responders_public, secret))).digest()
