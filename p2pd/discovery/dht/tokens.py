"""Write tokens (BEP 5, BEP 44): who wants to store something here was just asked at its address.

A token is a keyed hash of the address and of what is to be stored, so nothing is kept for those
that never come back. The secret changes every five minutes; what the one before it made still
counts.
"""

from __future__ import annotations

import random
from hashlib import blake2s
from hmac import compare_digest

from p2pd.base.addresses import PeerAddress

SECRET_SECONDS = 300.0
"""A token is good for this long at the least, and for twice that at most."""

TOKEN_SIZE = 8
_SECRET_SIZE = 16


class WriteTokens:
    """Makes tokens and knows them again. `rng` should be one that nobody can predict."""

    __slots__ = ("_changes_at", "_former", "_rng", "_secret")

    def __init__(self, rng: random.Random, now: float) -> None:
        self._rng = rng
        self._secret = _new_secret(rng)
        self._former = _new_secret(rng)
        self._changes_at = now + SECRET_SECONDS

    def make(self, address: PeerAddress, target: bytes, now: float) -> bytes:
        """The token with which this address may store something under `target` (20 bytes)."""
        if now >= self._changes_at:
            self._change(now)
        return _token(self._secret, address.host, target)

    def check(self, token: bytes, address: PeerAddress, target: bytes, now: float) -> bool:
        """Whether the token was made for this address and target, from whatever port it comes."""
        if now >= self._changes_at:
            self._change(now)
        host = address.host
        return compare_digest(token, _token(self._secret, host, target)) or compare_digest(
            token, _token(self._former, host, target)
        )

    def _change(self, now: float) -> None:
        """Make a new secret; after a long silence, two."""
        rests = now < self._changes_at + SECRET_SECONDS
        self._former = self._secret if rests else _new_secret(self._rng)
        self._secret = _new_secret(self._rng)
        self._changes_at = now + SECRET_SECONDS


def _new_secret(rng: random.Random) -> blake2s:
    """A hash that was given its key already: each token begins with a copy of it."""
    return blake2s(key=rng.randbytes(_SECRET_SIZE), digest_size=TOKEN_SIZE)


def _token(secret: blake2s, host: str, target: bytes) -> bytes:
    made = secret.copy()
    made.update(target + host.encode())
    return made.digest()
