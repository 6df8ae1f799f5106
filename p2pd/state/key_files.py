"""Private keys in files of the state folder: for their owner alone, and sealed if that can be.

All of them end in ``.key`` and are in one of the places that `key_paths` names, so that a
passphrase which appears later, or another one, finds them. What is in them is known to
formats/x509. Everything here blocks, scrypt above all: it is for threads, and for the start.
"""

from __future__ import annotations

import os
from typing import Callable, Iterator, Sequence

from p2pd.base.errors import P2pdError, StateError
from p2pd.formats.x509.keys_at_rest import (
    MAX_KEY,
    KeySeal,
    SealedKeyError,
    is_sealed,
    opened,
    sealed,
)
from p2pd.state.files import sync_folder, write_whole

KEY_SUFFIX = ".key"
CA_FOLDER, TORRENT_FOLDER, ENROLLED_FOLDER = "swarm-ca", "tls", "enrolled"
"""Folders of the state folder with a folder for each CA that is kept here, for each torrent, and
for each certificate that this node was given."""

Told = Callable[[str, str], None]
"""Hears of a path, and in words what became of the key there."""


class KeyFiles:
    """Writes and reads private keys, with what the passphrase of now, and those before it, open."""

    def __init__(self, seal: KeySeal | None = None, former: Sequence[KeySeal] = ()) -> None:
        self.seal = seal
        self.former = tuple(former)

    def write(self, path: str, key_pem: bytes) -> None:
        """Keep a key, in the place of what is there. Raises FormatError, StateError."""
        content = self.sealed(key_pem)
        try:
            write_whole(path, content)
            sync_folder(os.path.dirname(path))
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None

    def read(self, path: str) -> bytes:
        """The key in PEM (PKCS #8), as it can be used.

        Raises SealedKeyError: it is sealed, and what is given does not open it. Raises FormatError,
        StateError; each names the file.
        """
        content = read_key_file(path)
        try:
            return self.opened(content)
        except P2pdError as problem:
            raise type(problem)(f"{path}: {problem}") from None

    def seal_again(self, path: str) -> bool:
        """Have a key lie as it is to lie now; whether that changed it. Raises as `read` does."""
        content = read_key_file(path)
        key = self.read(path)
        if self.is_of_now(content):
            return False
        self.write(path, key)
        return True

    def sealed(self, key_pem: bytes) -> bytes:
        """A key as it is to lie somewhere. Raises FormatError."""
        return sealed(key_pem, self.seal)

    def is_of_now(self, content: bytes) -> bool:
        """Whether a key lies as it is to lie now."""
        if is_sealed(content) != (self.seal is not None):
            return False
        try:
            opened(content, self.seal)
        except SealedKeyError:
            return False
        return True

    def opened(self, content: bytes) -> bytes:
        """The key in PEM (PKCS #8), as it can be used. Raises SealedKeyError, FormatError."""
        try:
            return opened(content, self.seal)
        except SealedKeyError:
            for seal in self.former:
                try:
                    return opened(content, seal)
                except SealedKeyError:
                    continue
            raise


def read_key_file(path: str) -> bytes:
    """What the file of a key holds, which from now on only its owner reads. Raises StateError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as readable:
            if os.fstat(file).st_mode & 0o077:
                os.fchmod(file, 0o600)
            return readable.read(MAX_KEY + 1)
    except OSError as problem:
        raise StateError(f"{path}: {problem.strerror}") from None


def key_paths(state_folder: str) -> Iterator[str]:
    """Where private keys lie in a state folder: its own, those of CAs and of torrents."""
    folders = [state_folder]
    for name in (CA_FOLDER, TORRENT_FOLDER, ENROLLED_FOLDER):
        folders += _entries(
            os.path.join(state_folder, name), lambda entry: entry.is_dir(follow_symlinks=False)
        )
    for folder in folders:
        yield from _entries(
            folder,
            lambda entry: entry.name.endswith(KEY_SUFFIX) and entry.is_file(follow_symlinks=False),
        )


def seal_all(files: KeyFiles, state_folder: str, told: Told, failed: Told) -> None:
    """Have all keys lie as they are to lie now; what cannot be opened stays as it is."""
    for path in key_paths(state_folder):
        try:
            if files.seal_again(path):
                told(path, "is sealed" if files.seal else "is no longer sealed")
        except P2pdError as problem:
            failed(path, str(problem))


def _entries(folder: str, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if wanted(entry))
    except OSError:
        return []
