"""Files that certificates are read from and written to; those of keys are for their owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import JsonObject

MAX_FILE = 2 * 1024 * 1024
"""Bytes; the longest is a revocation list."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW


@dataclass(frozen=True)
class Written:
    """The files of one certificate."""

    prefix: str
    force: bool
    with_key: bool

    @property
    def paths(self) -> dict[str, str]:
        """Where each is."""
        key = {"private_key": f"{self.prefix}.key"} if self.with_key else {}
        return {"certificate": f"{self.prefix}.crt", **key, "ca": f"{self.prefix}-ca.crt"}

    def check(self) -> None:
        """Raises P2pdError before anything is issued that could not be written."""
        for path in self.paths.values():
            if os.path.lexists(path) and not self.force:
                raise P2pdError(f"{path} is there already: --force writes over it")

    def told(self) -> list[tuple[str, str]]:
        """Each with what it holds, for people."""
        words = {
            "certificate": "the certificate",
            "private_key": "its private key, for nobody else",
            "ca": "the CA's certificate",
        }
        return [(path, words[kind]) for kind, path in self.paths.items()]


def write_given(files: Written, given: JsonObject) -> None:
    """Write what was issued. Raises P2pdError."""
    for kind, path in files.paths.items():
        secret = kind == "private_key"
        write_text(path, given[kind], force=files.force, mode=0o600 if secret else 0o644)


def write_text(path: str, text: str, *, force: bool, mode: int = 0o644) -> None:
    """Write a file. Raises P2pdError, also when there is one already, unless that is wished."""
    try:
        if force and os.path.lexists(path):
            os.unlink(path)  # or it would keep the mode that it has
        descriptor = os.open(path, _NEW | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise P2pdError(f"{path} is there already: --force writes over it") from None
    except OSError as problem:
        raise P2pdError(f"{path} cannot be written: {problem.strerror}") from None


def read_text(path: str) -> str:
    """What a file holds. Raises P2pdError."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as problem:
        raise P2pdError(f"{path} cannot be read: {problem.strerror}") from None
    if len(text) > MAX_FILE:
        raise P2pdError(f"{path} is too long for a certificate or a revocation list")
    return text
