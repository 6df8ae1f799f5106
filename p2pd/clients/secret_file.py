"""Files with the secret of an ed25519 key: 32 bytes in hex, for their owner alone (BEP 44)."""

from __future__ import annotations

import os
import secrets
import stat

from p2pd.base.errors import P2pdError

SECRET_SIZE = 32


def make_secret(path: str) -> bytes:
    """A new secret in a new file with mode 0600. Raises P2pdError; nothing is written over."""
    secret = secrets.token_bytes(SECRET_SIZE)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise P2pdError(f"{path} cannot be made: {problem.strerror}") from None
    return secret


def read_secret(path: str) -> bytes:
    """What such a file holds. Raises P2pdError, also when others could read it."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(1024).strip()
    except OSError as problem:
        raise P2pdError(f"{path} cannot be read: {problem.strerror}") from None
    if not stat.S_ISREG(mode):
        raise P2pdError(f"{path} is no file")
    if mode & 0o077:
        raise P2pdError(f"{path} can be read by others: chmod 600 {path}")
    try:
        secret = bytes.fromhex(content)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_SIZE:
        raise P2pdError(f"{path} holds no key: {SECRET_SIZE} bytes in hex")
    return secret
