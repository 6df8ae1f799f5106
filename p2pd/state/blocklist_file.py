"""The blocklist as it was last read, compiled, and what is known of where it is from.

Two files of the state folder, each replaced as a whole: `blocklist.ranges`, checked when it is
read, and `blocklist.json`. Either may be lost: the list is got anew. All of it blocks.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

from p2pd.base.address_ranges import V4_SIZE, V6_SIZE, AddressRanges, RangeBytes
from p2pd.base.errors import FormatError, StateError
from p2pd.state.files import sync_folder, write_whole

RANGES, NOTE = "blocklist.ranges", "blocklist.json"
LATEST = 2.0**40
"""Unix seconds that make sense are less."""

MAX_NOTE = 64 * 1024
MAX_RANGES_FILE = 128 * 1024 * 1024

_MAGIC = b"p2pd blocklist 1"
_HEADER = struct.Struct("<16sQQ32s")


@dataclass(frozen=True, slots=True)
class BlocklistNote:
    """What is known of a list. Times are Unix seconds, 0 for never."""

    source: str = ""
    """The URL or path that the list which is kept is from."""
    etag: str = ""
    last_modified: str = ""
    came_at: float = 0.0
    checked_at: float = 0.0
    """When it was last seen to be the latest."""
    skipped: int = 0
    """Lines of it that made no sense."""
    tried: str = ""
    """The URL or path that was asked last."""
    tried_at: float = 0.0
    failures: int = 0
    """In a row, the last attempts."""
    problem: str = ""
    """Of the last attempt, in words; empty if all went well."""


class KeptBlocklist(NamedTuple):
    """What was kept: the ranges are None if there are none, `damage` says what is wrong with it."""

    ranges: AddressRanges | None
    note: BlocklistNote
    damage: str = ""


class BlocklistFile:
    """The files in a state folder."""

    def __init__(self, state_dir: str) -> None:
        self._folder = state_dir
        self._ranges = os.path.join(state_dir, RANGES)
        self._note = os.path.join(state_dir, NOTE)

    def load(self) -> KeptBlocklist:
        """What was kept last."""
        note = self._load_note()
        try:
            return KeptBlocklist(_ranges_of(_content(self._ranges, MAX_RANGES_FILE)), note)
        except FileNotFoundError:
            return KeptBlocklist(None, note)
        except (OSError, FormatError) as problem:
            words = problem.strerror if isinstance(problem, OSError) else str(problem)
            return KeptBlocklist(None, note, f"{self._ranges}: {words}")

    def save(self, ranges: AddressRanges, note: BlocklistNote) -> None:
        """Keep a list and its note. Raises StateError."""
        try:
            write_whole(self._ranges, _compiled(ranges))
        except OSError as problem:
            raise StateError(f"{self._ranges}: {problem.strerror}") from None
        self.save_note(note)

    def save_note(self, note: BlocklistNote) -> None:
        """Keep the note alone. Raises StateError."""
        try:
            write_whole(self._note, json.dumps(asdict(note), indent=1).encode())
            sync_folder(self._folder)
        except OSError as problem:
            raise StateError(f"{self._note}: {problem.strerror}") from None

    def _load_note(self) -> BlocklistNote:
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            kept = json.loads(_content(self._note, MAX_NOTE))
            known = {each.name: kept[each.name] for each in fields(BlocklistNote)}
            if all(_is_like(known[each.name], each.default) for each in fields(BlocklistNote)):
                return BlocklistNote(**known)
        return BlocklistNote()


def _is_like(value: object, default: object) -> bool:
    if isinstance(value, float):
        return isinstance(default, float) and 0 <= value < LATEST
    return type(value) is type(default)


def _compiled(ranges: AddressRanges) -> bytes:
    parts = ranges.to_bytes()
    counts = len(parts.v4_firsts) // V4_SIZE, len(parts.v6_firsts) // V6_SIZE
    digest = hashlib.sha256(struct.pack("<QQ", *counts))
    for part in parts:
        digest.update(part)
    return b"".join((_HEADER.pack(_MAGIC, *counts, digest.digest()), *parts))


def _ranges_of(data: bytes) -> AddressRanges:
    """Raises FormatError."""
    if len(data) < _HEADER.size:
        raise FormatError("it is broken off")
    magic, v4, v6, expected = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise FormatError("it is no compiled blocklist")
    digest = hashlib.sha256(struct.pack("<QQ", v4, v6))
    digest.update(memoryview(data)[_HEADER.size :])
    if digest.digest() != expected or len(data) != _HEADER.size + 2 * (v4 * V4_SIZE + v6 * V6_SIZE):
        raise FormatError("it is damaged")
    ends, parts = _HEADER.size, []
    for size in (v4 * V4_SIZE, v4 * V4_SIZE, v6 * V6_SIZE, v6 * V6_SIZE):
        parts.append(data[ends : ends + size])
        ends += size
    return AddressRanges(RangeBytes(*parts))


def _content(path: str, limit: int) -> bytes:
    """Raises OSError, FormatError."""
    # Without O_NONBLOCK, opening a named pipe would hold the thread for ever.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FormatError("it is not a file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FormatError("it is too long")
    return data
