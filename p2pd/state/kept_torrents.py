"""The torrents once more, as files beside the database: what is left when the database is not.

Of each a .torrent, if its metadata is known, and a .json with what the user chose (its folder first
of all). Each file is replaced as a whole. The database is what counts as long as it can be read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Any

from p2pd.base.errors import FormatError, P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.formats.metainfo import parse_torrent
from p2pd.state.damage import DamagedError
from p2pd.state.files import read_at_most, sync_folder, write_whole
from p2pd.state.records import CHOICES, JSON_COLUMNS, TorrentRecord, name_of, record_of, row_values
from p2pd.swarm.super_seeding import MODES

FOLDER = "torrents"
VERSION = 1
MAX_CHOICES = 64 * 1024 * 1024
MAX_TORRENT = 64 * 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{40}\Z")
_BYTES = ("hash_v1", "hash_v2", "priorities")


class KeptTorrents:
    """The folder of these files. Everything here blocks, and may raise OSError."""

    def __init__(self, state_dir: str) -> None:
        self.folder = os.path.join(state_dir, FOLDER)

    def make(self) -> None:
        """Make the folder."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def names(self) -> set[str]:
        """The torrents of which there is a file."""
        stems = (os.path.splitext(entry)[0] for entry in os.listdir(self.folder))
        return {stem for stem in stems if _NAME.match(stem)}

    def newest(self) -> float:
        """When one of them was written last, in Unix seconds; 0 if there is none."""
        with os.scandir(self.folder) as entries:
            return max((entry.stat(follow_symlinks=False).st_mtime for entry in entries), default=0)

    def write(self, record: TorrentRecord, *, metainfo: bool) -> None:
        """Write what the user chose, and the .torrent if it changed; `sync` is still to come."""
        name = name_of(record.hash_v1, record.hash_v2)
        if metainfo and record.torrent is not None:
            write_whole(self._path(name, "torrent"), record.torrent)
        row = row_values(record, ["id", *CHOICES]) | {"version": VERSION}
        row |= {each: row[each].hex() for each in _BYTES if row[each] is not None}
        row |= {each: json.loads(row[each]) for each in JSON_COLUMNS if each in row}
        del row["choices_sum"]
        write_whole(self._path(name, "json"), json.dumps(row, indent=1).encode())

    def remove(self, name: str) -> None:
        """A torrent is gone; `sync` is still to come."""
        for kind in ("torrent", "json"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(name, kind))

    def sync(self) -> None:
        """Bring names to the disk itself."""
        sync_folder(self.folder)

    def torrent(self, hash_v1: bytes | None, hash_v2: bytes | None) -> bytes | None:
        """The .torrent of these hashes, if there is one and it is the right one."""
        name = name_of(hash_v1, hash_v2)
        with contextlib.suppress(OSError, P2pdError):
            data = _content(self._path(name, "torrent"), MAX_TORRENT)
            hashes = parse_torrent(data).info_hashes
            if (hashes.v1 == hash_v1 or hash_v1 is None) and name_of(hashes.v1, hashes.v2) == name:
                return data
        return None

    def read(self, name: str, default_folder: str) -> TorrentRecord | None:
        """What is left of a torrent, None if that is nothing.

        A .torrent that nothing is known of goes to the default folder, and does not run until the
        user says so.
        """
        record = self.choices(name)
        torrent = hashes = None
        with contextlib.suppress(OSError, P2pdError):
            torrent = _content(self._path(name, "torrent"), MAX_TORRENT)
            metainfo = parse_torrent(torrent)
            hashes = metainfo.info_hashes
        if hashes is None or name_of(hashes.v1, hashes.v2) != name:
            return record if record is None else _as_magnet(record)
        if record is None:
            record = TorrentRecord(None, None, metainfo.name, default_folder, paused=True)
            record.trackers = metainfo.trackers
        record.hash_v1, record.hash_v2, record.torrent = hashes.v1, hashes.v2, torrent
        return record

    def choices(self, name: str) -> TorrentRecord | None:
        """What the user chose for a torrent, if that can be read."""
        try:
            row = json.loads(_content(self._path(name, "json"), MAX_CHOICES))
            return chosen_record(row, name)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        except DamagedError:
            return None

    def _path(self, name: str, kind: str) -> str:
        return os.path.join(self.folder, f"{name}.{kind}")


def chosen_record(row: dict[str, Any], name: str) -> TorrentRecord:
    """The record in a file of choices. Raises DamagedError, ValueError and the like."""
    values = {key: row[key] for key in ("id", *CHOICES) if key in row}
    for key in _BYTES:
        if values.get(key) is not None:
            values[key] = bytes.fromhex(values[key])
    for key in JSON_COLUMNS:
        if key in values:
            values[key] = json.dumps(values[key])
    record = record_of(values)
    check_record(record)
    if name_of(record.hash_v1, record.hash_v2) != name:
        raise DamagedError("it is of another torrent")
    return record


def check_record(record: TorrentRecord) -> None:
    """Whether a torrent can be begun anew with this record. Raises DamagedError."""
    try:
        InfoHashes(record.hash_v1, record.hash_v2)
    except FormatError as problem:
        raise DamagedError(str(problem)) from None
    if not os.path.isabs(record.download_dir) or "\0" in record.download_dir:
        raise DamagedError("its folder is not absolute")
    if record.final_dir and (not os.path.isabs(record.final_dir) or "\0" in record.final_dir):
        raise DamagedError("the folder that it goes to is not absolute")
    sizes = len(record.renaming) in (0, 2, 4) and len(record.finding) in (0, 3)
    if record.super_seeding not in MODES or record.id < 0 or not sizes:
        raise DamagedError("it makes no sense")


def _as_magnet(record: TorrentRecord) -> TorrentRecord:
    """Its metadata is lost, and has to come from peers again; what is here is kept for it."""
    if record.magnet is None:
        topics = []
        if record.hash_v1 is not None:
            topics.append(f"xt=urn:btih:{record.hash_v1.hex()}")
        if record.hash_v2 is not None:
            topics.append(f"xt=urn:btmh:1220{record.hash_v2.hex()}")
        record.magnet = "magnet:?" + "&".join(topics)
    return record


def _content(path: str, limit: int) -> bytes:
    data = read_at_most(path, limit + 1)
    if len(data) > limit:
        raise ValueError("too long")
    return data
