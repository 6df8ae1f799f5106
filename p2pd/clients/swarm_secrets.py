"""The secrets of swarms in files for their owner alone, or as somebody types them."""

from __future__ import annotations

import os
import random
import stat

from p2pd.base.errors import P2pdError
from p2pd.protocols.swarm_secret.secret import SwarmSecret, read_secret

MAX_FILE = 4096


def new_secret() -> str:
    """A secret that nobody has, as people pass it on."""
    return SwarmSecret.new(random.SystemRandom()).text()


def write_secret(path: str, secret: str) -> None:
    """A new file with mode 0600. Raises P2pdError; nothing is written over."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise P2pdError(f"{path} cannot be made: {problem.strerror}") from None


def secret_in(path: str) -> str:
    """What such a file holds. Raises P2pdError, also when others could read it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE + 1)
    except OSError as problem:
        raise P2pdError(f"{path} cannot be read: {problem.strerror}") from None
    if stat.S_ISREG(mode) and mode & 0o077:
        raise P2pdError(f"{path} can be read by others: chmod 600 {path}")
    if len(content) > MAX_FILE:
        raise P2pdError(f"{path} is too long for a secret")
    return checked(content)


def checked(text: str) -> str:
    """The same text, if it is a secret or can be a passphrase. Raises P2pdError."""
    read_secret(text)
    return text.strip()
