"""What is kept of a password: scrypt's, with its salt and costs (RFC 7914).

Takes a fifth of a second of a core, and 16 MiB, each time: for a worker thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

COSTS = (1 << 14, 8, 5)
"""N, r and p."""
MOST_COSTS = (1 << 17, 16, 16)
SALT_BYTES = 16
HASH_BYTES = 32
MAX_MEMORY = 512 * 1024 * 1024

SHORTEST = 8
LONGEST = 1024
"""Characters of a password."""


def hashed(password: str) -> str:
    """The text to keep."""
    salt = secrets.token_bytes(SALT_BYTES)
    numbers = "$".join(map(str, COSTS))
    return f"scrypt${numbers}${_text(salt)}${_text(_scrypt(password, salt, COSTS))}"


def matches(password: str, kept: str) -> bool:
    """Whether it is the one. What is kept may be from elsewhere: nothing in it is believed."""
    found = _parsed(kept)
    if found is None:
        # As long as for one that there is, so that names cannot be found out.
        _scrypt(password, bytes(SALT_BYTES), COSTS)
        return False
    costs, salt, digest = found
    return hmac.compare_digest(_scrypt(password, salt, costs), digest)


def _parsed(kept: str) -> tuple[tuple[int, int, int], bytes, bytes] | None:
    try:
        kind, n, r, p, salt, digest = kept.split("$")
        costs = (int(n), int(r), int(p))
        known = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except (ValueError, binascii.Error):
        return None
    power = costs[0] > 1 and costs[0] & (costs[0] - 1) == 0
    bounded = all(1 <= cost <= most for cost, most in zip(costs, MOST_COSTS, strict=True))
    if kind != "scrypt" or not power or not bounded or len(known[1]) != HASH_BYTES:
        return None
    return costs, *known


def _scrypt(password: str, salt: bytes, costs: tuple[int, int, int]) -> bytes:
    n, r, p = costs
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, maxmem=MAX_MEMORY, dklen=HASH_BYTES
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
