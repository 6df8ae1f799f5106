"""The passphrase that private keys are sealed with: from a file, or from the service manager.

Its first line seals keys, and opens them. Lines after it are passphrases of before: what they open
is sealed anew at the start. An empty first line before such lines has keys lie open again.
"""

from __future__ import annotations

import os
from typing import Mapping

from twisted.logger import Logger

from p2pd.base.errors import ConfigError, P2pdError
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.state.key_files import KeyFiles, seal_all

CREDENTIAL_NAME = "p2pd-keys"
"""As systemd's LoadCredential= names it."""
MAX_FILE = 16 * 1024
MOST_FORMER = 8

log = Logger()


def key_files(passphrase_file: str, environment: Mapping[str, str] = os.environ) -> KeyFiles:
    """What reads and writes private keys. Raises ConfigError: the passphrase cannot be had."""
    if passphrase_file:
        return _with_lines(passphrase_file, "keys.passphrase_file: ", closed=True)
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    path = os.path.join(folder, CREDENTIAL_NAME)
    if os.path.isabs(folder) and os.path.lexists(path):
        return _with_lines(path, "", closed=False)
    return KeyFiles()


def seal_keys(files: KeyFiles, state_folder: str) -> None:
    """Have all keys lie as the passphrase wants it, and say of each what was done, or why not."""

    def told(path: str, what: str) -> None:
        log.info("private key {path} {what}", path=path, what=what)

    def failed(path: str, why: str) -> None:
        log.error("a private key cannot be used: {why}", path=path, why=why)

    seal_all(files, state_folder, told, failed)


def _with_lines(path: str, name: str, *, closed: bool) -> KeyFiles:
    lines = _read(path, name, closed=closed)
    try:
        first, *former = [KeySeal(line) if line else None for line in lines]
    except P2pdError as problem:
        raise ConfigError(f"{name}{path}: {problem}") from None
    return KeyFiles(first, [seal for seal in former if seal is not None])


def _read(path: str, name: str, *, closed: bool) -> list[bytes]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as readable:
            if closed and os.fstat(file).st_mode & 0o007:
                raise ConfigError(f"{name}{path} is open to everybody: chmod 600 {path}")
            data = readable.read(MAX_FILE + 1)
    except OSError as problem:
        raise ConfigError(f"{name}{path}: {problem.strerror}") from None
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines or len(data) > MAX_FILE or len(lines) > 1 + MOST_FORMER:
        raise ConfigError(f"{name}{path} holds no passphrase, or too many")
    return lines
