"""The files that the demo shares, and telling whether a copy of them is equal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

MIB = 1024 * 1024
CHUNK = 4 * MIB

SHARES = {
    "film.bin": 60,
    "album/01 first song.bin": 12,
    "album/02 second song.bin": 14,
    "pictures/summer/lake.bin": 9,
    "pictures/summer/wood.bin": 4,
}
"""Files by their share of the content in percent; what remains to the whole is the last file's."""

LAST = "the rest.bin"
SMALL = {"read me.txt": b"Made by p2pd's demo; all else is random.\n", "empty.txt": b""}


def make_content(folder: Path, size: int) -> int:
    """Fill a new folder with random files of `size` bytes in all; returns how many files."""
    lengths = {name: size * share // 100 | 1 for name, share in SHARES.items()}
    small = sum(map(len, SMALL.values()))
    lengths[LAST] = max(0, size - sum(lengths.values()) - small)
    for name, length in lengths.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, length, CHUNK):
                file.write(os.urandom(min(CHUNK, length - start)))
    for name, text in SMALL.items():
        (folder / name).write_bytes(text)
    return len(lengths) + len(SMALL)


def file_sums(folder: Path) -> dict[str, str]:
    """SHA-256 in hex of every file below `folder`, by its relative path."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sums[path.relative_to(folder).as_posix()] = _sum(file.fileno())
    return sums


def _sum(descriptor: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is wrong with the copy, a sentence a file; empty when it is equal."""
    wrong = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            wrong.append(f"{name!r} is missing")
        elif name not in expected:
            wrong.append(f"{name!r} should not be there")
        elif found[name] != expected[name]:
            wrong.append(f"{name!r} is different")
    return wrong
