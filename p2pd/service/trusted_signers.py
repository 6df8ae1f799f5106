"""The certificates that signatures of torrents are judged by (BEP 35), from their files."""

from __future__ import annotations

from typing import Sequence

from cryptography.x509 import Certificate

from p2pd.base.errors import ConfigError, FormatError
from p2pd.formats.x509.pem import MAX_PEM, read_certificate


def read_signers(paths: Sequence[str]) -> Sequence[Certificate]:
    """The first certificate of each file. Blocks. Raises ConfigError naming the file."""
    return [_read(path) for path in paths]


def _read(path: str) -> Certificate:
    try:
        with open(path, "rb") as file:
            return read_certificate(file.read(MAX_PEM + 1))
    except (OSError, FormatError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise ConfigError(f"keys.trusted_signers: {path}: {why}") from None
