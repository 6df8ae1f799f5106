"""A power cut, played after a kill: takes back what was not synced, as a disk might.

A kill alone leaves everything in the page cache. Here each page of each file that was written since
it was synced goes back to some earlier state, for pages reach the disk in any order, or by sectors;
sizes and times of change likewise. Names (files and folders made, renamed, removed) that their
folder's sync did not cover are taken back from some moment on, as journals of file systems lose
them. All by a seeded random.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.torture.broken_disk import BrokenDisk, attic

_RECORD = struct.Struct("<IccHHHI4Q3Qq")
PAGE, SECTOR = 4096, 512


@dataclass(frozen=True)
class Change:
    """One record of the journal; see shim/journal.c."""

    kind: str
    place: int
    number: int
    inode: int
    folders: tuple[int, int]
    offset: int
    length: int
    old_size: int
    old_time: int
    path: str
    second: str
    old: bytes

    @property
    def names(self) -> bool:
        """Whether it is about names, and not about what is in a file."""
        return self.kind in "clrud"


@dataclass
class Loss:
    """What a power cut took."""

    changes: int = 0
    """Writes and sizes that were not synced, and of which something was taken back."""
    bytes: int = 0
    names: int = 0


def read_journal(path: Path) -> Iterator[Change]:
    """The changes in order; one that a kill cut off was never made."""
    data = path.read_bytes() if path.exists() else b""
    at = 0
    while at + _RECORD.size <= len(data):
        size, kind, place, first, second, _, holes, *numbers = _RECORD.unpack_from(data, at)
        if at + size > len(data):
            break
        number, inode, folder, second_folder, offset, length, old_size, old_time = numbers
        names = data[at + _RECORD.size :][: first + second]
        old = data[at + _RECORD.size + first + second : at + size]
        if holes or kind == b"w":  # beyond its old end a file would hold zeros
            old = old.ljust(length, b"\0")
        yield Change(
            kind.decode(), place[0], number, inode, (folder, second_folder), offset, length,
            old_size, old_time, os.fsdecode(names[:first]), os.fsdecode(names[first:]), old,
        )  # fmt: skip
        at += size


def not_synced(changes: Iterable[Change], devices: Sequence[int]) -> list[Change]:
    """Those that a power cut may take, the latest first; `devices` are those of the places."""
    up_to: dict[tuple[int, int], int] = defaultdict(int)
    pending = []
    for change in reversed(list(changes)):
        device = devices[change.place]
        if change.kind == "s":
            file = device, change.inode
            up_to[file] = max(up_to[file], change.offset)
            continue
        inodes = change.folders if change.names else (change.inode,)
        if all(change.number > up_to[device, inode] for inode in inodes if inode):
            pending.append(change)
    return pending


class PowerCut:
    """Plays one, on the places of a disk; the daemon must have ended."""

    def __init__(self, disk: BrokenDisk, rng: random.Random) -> None:
        self._disk = disk
        self._rng = rng
        self.loss = Loss()

    def play(self) -> Loss:
        """Take back what was not synced, or some of it."""
        devices = [place.stat().st_dev for place in self._disk.places]
        pending = not_synced(read_journal(self._disk.journal), [devices[0], *devices])
        everything = self._rng.random() < 0.4
        keep = 0.0 if everything else self._rng.random()
        self._undo_contents([change for change in pending if not change.names], keep)
        self._undo_names([change for change in pending if change.names], everything)
        self._disk.forget_journal()
        return self.loss

    # -- what is in files ----------------------------------------------------------------------

    def _undo_contents(self, pending: list[Change], keep: float) -> None:
        by_file: dict[Path, list[Change]] = defaultdict(list)
        for place, paths in enumerate(map(_files, self._disk.places), 1):
            for change in pending:
                if max(1, change.place) == place and change.inode in paths:
                    by_file[paths[change.inode]].append(change)
        for path, changes in by_file.items():
            self._undo_file(path, changes, keep)

    def _undo_file(self, path: Path, changes: list[Change], keep: float) -> None:
        grain = self._rng.choice((PAGE, SECTOR))
        settled: set[int] = set()
        size, size_settled = path.stat().st_size, False
        with path.open("r+b") as file:
            for change in changes:
                self.loss.changes += 1
                size_settled = size_settled or self._rng.random() < keep
                if not size_settled:
                    size = change.old_size
                for at, old in _pieces(change, grain):
                    if at // grain not in settled and self._rng.random() >= keep:
                        file.seek(at)
                        file.write(old)
                        self.loss.bytes += len(old)
                    else:
                        settled.add(at // grain)
            file.truncate(size)
        if self._rng.random() < 0.5:
            os.utime(path, ns=(changes[-1].old_time, changes[-1].old_time))

    # -- names ---------------------------------------------------------------------------------

    def _undo_names(self, pending: list[Change], everything: bool) -> None:
        count = len(pending) if everything else self._rng.randint(0, len(pending))
        for change in pending[:count]:
            self._undo_name(change)
            self.loss.names += 1

    def _undo_name(self, change: Change) -> None:
        path = Path(change.path)
        kept = attic(self._disk.places[max(0, change.place - 1)]) / str(change.number)
        if change.kind in "cl":
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        elif change.kind == "d":
            if path.parent.is_dir():
                path.mkdir(exist_ok=True)
        elif change.kind == "u":
            # In a folder that is gone for good nothing comes back.
            if kept.exists() and path.parent.is_dir() and not path.exists():
                kept.rename(path)
        elif _is(Path(change.second), change.inode) and path.parent.is_dir():
            Path(change.second).rename(path)
            if kept.exists():
                kept.rename(change.second)


def _pieces(change: Change, grain: int) -> Iterator[tuple[int, bytes]]:
    """The old bytes by pages (or sectors), with their offsets in the file."""
    at, old = change.offset, change.old
    while old:
        part = min(grain - at % grain, len(old))
        yield at, old[:part]
        at, old = at + part, old[part:]


def _files(place: Path) -> dict[int, Path]:
    """The files of a place by inode, also those that were removed."""
    return {
        path.lstat().st_ino: path
        for folder in (attic(place), place)
        for path in folder.rglob("*")
        if stat.S_ISREG(path.lstat().st_mode)
    }


def _is(path: Path, inode: int) -> bool:
    try:
        return path.lstat().st_ino == inode
    except OSError:
        return False
