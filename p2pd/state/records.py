"""What is kept of a torrent, and its form as a row of the database.

A row carries two checksums, of what the user chose and of what was verified: SQLite finds pages
that make no sense, not letters or bits in them that changed.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import sys
from dataclasses import dataclass, field, fields
from typing import Any, Callable, Mapping, NamedTuple, get_args, get_origin, get_type_hints
from zlib import crc32

from p2pd.state.damage import DamagedError
from p2pd.state.share_limits import limits_from_text, limits_text
from p2pd.state.summaries import TorrentSummary, from_text, full_bitfield, to_text
from p2pd.swarm.share_limits import ShareLimits

Tiers = tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class TorrentRecord:
    """One row. Times are Unix seconds, 0 where it has not happened; sizes are bytes."""

    hash_v1: bytes | None
    hash_v2: bytes | None
    name: str
    download_dir: str
    id: int = 0
    """Stable and never used again; 0 until it is added."""
    torrent: bytes | None = None
    """The .torrent as it came, or rebuilt around a magnet's metadata. None while it is in the
    database alone: what is written of a record leaves it there."""
    magnet: str | None = None
    paused: bool = False
    metadata_only: bool = False
    """Of a magnet: when its metadata is here it is to be paused."""
    file_choices: Tiers = ()
    """Of a magnet: what was said of its files (session.torrents.file_choices)."""
    added_at: float = 0.0
    completed_at: float = 0.0
    active_at: float = 0.0
    """When payload moved last."""
    edited_at: float = 0.0
    """When a client changed something last."""
    pieces: bytes | None = None
    """Bitfield of what is verified and on disk; None while nothing was ever recorded."""
    priorities: bytes | None = None
    """One byte a visible file (session.file_selection); None: all wanted, all normal."""
    trackers: Tiers = ()
    web_seeds: tuple[str, ...] | None = None
    """Those that a user chose (BEP 19); None: those that the torrent has."""
    http_seeds: tuple[str, ...] | None = None
    """The same of those of BEP 17."""
    labels: tuple[str, ...] = ()
    owner: str = ""
    """The user of the control API who added it, or was given it; empty: nobody's."""
    sequential: bool = False
    sequential_from: int = 0
    """The piece that is the first then."""
    super_seeding: str = "auto"
    """Or "on", or "off"."""
    seed_choking: str = "session"
    """Whom it serves when it is complete: as the session does, or by a rule of its own."""
    final_dir: str = ""
    """Where it goes when all that is wanted is here, from the folder for incomplete ones."""
    file_names: Tiers = ()
    """Names that are not those in the torrent (formats.file_names.Names)."""
    renaming: tuple[str, ...] = ()
    """While a rename is under way: the path of what is renamed, and the one that it gets; and both
    once more as they are on the disk, if that is something else."""
    finding: tuple[str, ...] = ()
    """While it is checked whether its data is in another folder than the one that it was added for:
    that one, how it is shared, and `paused` or nothing (session.finding.cross_check)."""
    peer_limit: int | None = None
    queue_place: int | None = None
    """Who has a lower one comes before it in the queue; None: it stands by its id."""
    bandwidth_group: str = ""
    """The group whose speed limits it is under; empty: none."""
    bandwidth_priority: int = 0
    """-1 low, 1 high: its share where torrents are under one speed limit."""
    download_limit: int = 100
    """In kB/s (1000 bytes), as `upload_limit`; each counts while its `limited` is set."""
    download_limited: bool = False
    upload_limit: int = 100
    upload_limited: bool = False
    honors_session_limits: bool = True
    secret: str = field(default="", repr=False)
    """That of its swarm (state.kept_secrets); empty: it is for everybody."""
    by_tls: bool = False
    """Whether it was given a certificate once: its peers are reached by TLS alone, also when its
    metadata, which says so, is not here, or the CA (state.torrent_keys) is lost."""
    trusted_only: bool = False
    """Whether only nodes that the user trusts are let in."""
    share_limits: ShareLimits | None = None
    """None: it leaves all to its labels, its trackers and the session."""
    file_states: str | None = None
    """Sizes and times of change at the last clean stop."""
    clean: bool = False
    """Whether it was closed properly: then `file_states` says whether the files changed."""
    uploaded: int = 0
    downloaded: int = 0
    corrupt: int = 0
    seconds_downloading: int = 0
    seconds_seeding: int = 0
    limits_reached: tuple[str, ...] = ()
    """Of share limits the kinds that were acted on."""
    summary: TorrentSummary | None = None
    """Of a torrent that had everything when it was written."""

    @property
    def is_whole(self) -> bool:
        """Whether all pieces are recorded, and what lists show is known without the metadata.

        Not while it is in doubt what its files are called.
        """
        summary = self.summary
        if summary is None or self.renaming:
            return False
        return self.pieces == full_bitfield(summary.pieces)


class Opening(NamedTuple):
    """What a torrent is opened with, which a record need not have in memory."""

    torrent: bytes | None
    file_states: str | None


TYPES = get_type_hints(TorrentRecord)
COLUMNS = [each.name for each in fields(TorrentRecord)]
SAVED = [name for name in COLUMNS if name != "id"]
JSON_COLUMNS = (
    "trackers", "labels", "file_names", "renaming", "finding", "limits_reached", "file_choices"
)  # fmt: skip
PROGRESS = [
    "pieces", "uploaded", "downloaded", "corrupt", "seconds_downloading", "seconds_seeding",
    "completed_at", "active_at", "limits_reached",
]  # fmt: skip
"""What changes while a torrent runs."""

OWN_LISTS = ("web_seeds", "http_seeds")
"""JSON, or nothing."""

_NOT_CHOSEN = ("id", "torrent", "file_states", "clean", "summary", *PROGRESS)
CHOICES = [name for name in COLUMNS if name not in _NOT_CHOSEN]
"""What the user chose, and what the torrent is called by."""

_LATER: Mapping[str, Any] = {
    "queue_place": None,
    "bandwidth_group": "",
    "bandwidth_priority": 0,
    "file_names": "[]",
    "renaming": "[]",
    "finding": "[]",
    "owner": "",
    "final_dir": "",
    "share_limits": None,
    "limits_reached": "[]",
    "metadata_only": 0,
    "file_choices": "[]",
    "secret": "",
    "by_tls": 0,
    "web_seeds": None,
    "http_seeds": None,
    "trusted_only": 0,
}
"""Columns that rows did not have when they were written: where they have the value that an upgrade
gave them they are no part of the checksum."""

_SUMS = {"choices_sum": CHOICES, "progress_sum": PROGRESS, "summary_sum": ["summary"]}
_HELD = [name for name in COLUMNS if name not in ("torrent", "file_states")]
"""What every record has in memory."""


def name_of(hash_v1: bytes | None, hash_v2: bytes | None) -> str:
    """What the files of a torrent are called: its info-hash in hex, of v2 the first 20 bytes."""
    return (hash_v1 or (hash_v2 or b"")[:20]).hex()


def ids_by_name(cursor: sqlite3.Cursor) -> dict[str, int]:
    """Every torrent. Raises DamagedError."""
    found = {}
    for id_, *hashes in cursor.execute("SELECT id, hash_v1, hash_v2 FROM torrents"):
        if not all(one is None or isinstance(one, bytes) for one in hashes):
            raise DamagedError(f"the info-hash of torrent {id_} makes no sense")
        found[name_of(*hashes)] = id_
    return found


def row_values(record: TorrentRecord, columns: list[str]) -> dict[str, Any]:
    """The values of these columns as the database has them, with the checksums they complete."""
    row = {name: _stored(name, getattr(record, name)) for name in columns}
    for name, of in _SUMS.items():
        if set(of) <= row.keys():
            row[name] = _checksum(row, of)
    return row


def record_of(row: Mapping[str, Any]) -> TorrentRecord:
    """The record in a row; columns that it lacks get their defaults. Raises DamagedError."""
    for name, of in _SUMS.items():
        if row.get(name) is not None and row[name] != _checksum(row, of):
            raise DamagedError(f"the record of torrent {row.get('id')} is not as it was written")
    try:
        return TorrentRecord(**{name: _read(name, row[name]) for name in COLUMNS if name in row})
    except (TypeError, ValueError, RecursionError):
        raise DamagedError(f"the record of torrent {row.get('id')} makes no sense") from None


def load_all(cursor: sqlite3.Cursor) -> list[TorrentRecord]:
    """Every torrent, by id. Raises DamagedError.

    Those that are whole leave in the database what they are opened with.
    """
    names = [*_HELD, *_SUMS]
    cursor.execute(f"SELECT {', '.join(names)} FROM torrents ORDER BY id")
    records = [record_of(dict(zip(names, row, strict=True))) for row in cursor]
    for record in records:
        if record.is_whole and record.summary is not None:
            record.pieces = record.summary.all_pieces
        else:
            record.torrent, record.file_states = opening_of(cursor, record.id)
    return records


def opening_of(cursor: sqlite3.Cursor, id_: int) -> Opening:
    """What a torrent is opened with. Raises DamagedError."""
    cursor.execute("SELECT file_states FROM torrents WHERE id = ?", [id_])
    (states,) = cursor.fetchone() or (None,)
    return Opening(metainfo_of(cursor, id_), _read("file_states", states))


def metainfo_of(cursor: sqlite3.Cursor, id_: int) -> bytes | None:
    """The .torrent of a torrent, if its metadata is known. Raises DamagedError."""
    row = cursor.execute("SELECT data FROM metainfos WHERE torrent = ?", [id_]).fetchone()
    if row is not None and not isinstance(row[0], bytes):
        raise DamagedError(f"the metadata of torrent {id_} makes no sense")
    return None if row is None else row[0]


def insert(cursor: sqlite3.Cursor, row: Mapping[str, Any]) -> int:
    """A new row; its id."""
    columns = {name: value for name, value in row.items() if name != "torrent"}
    marks = ", ".join("?" * len(columns))
    names = ", ".join(columns)
    cursor.execute(f"INSERT INTO torrents ({names}) VALUES ({marks})", [*columns.values()])
    assert cursor.lastrowid is not None
    id_ = cursor.lastrowid
    _put_metainfo(cursor, id_, row)
    return id_


def update(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    """These columns of a row; metadata that is None stays as it is."""
    columns = {name: value for name, value in row.items() if name != "torrent"}
    changes = ", ".join(f"{name} = ?" for name in columns)
    cursor.execute(f"UPDATE torrents SET {changes} WHERE id = ?", [*columns.values(), id_])
    if cursor.rowcount:
        _put_metainfo(cursor, id_, row)


def _put_metainfo(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    if row.get("torrent") is not None:
        cursor.execute("INSERT OR REPLACE INTO metainfos VALUES (?, ?)", [id_, row["torrent"]])


def _checksum(row: Mapping[str, Any], columns: list[str]) -> int:
    values = [row.get(name) for name in columns if name not in _LATER]
    later = [(name, row[name]) for name in columns if name in _LATER and name in row]
    values += [each for each in later if each[1] != _LATER[each[0]]]
    return crc32(repr(values).encode("utf-8", "replace"))


def _stored(name: str, value: Any) -> Any:
    if name in JSON_COLUMNS:
        return json.dumps(value)
    if name == "summary":
        return to_text(value)
    if name == "share_limits":
        return limits_text(value)
    if name in OWN_LISTS:
        return None if value is None else json.dumps(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    # SQLite gives a whole number back as it wants: the checksum needs it to be the same.
    return float(value) if TYPES[name] is float else value


def _read(name: str, value: Any) -> Any:
    return _READERS[name](value)


def _reader(name: str) -> Callable[[Any], Any]:
    """What makes of a column the value of a field. It raises TypeError or ValueError."""
    hint = TYPES[name]
    if name == "summary":
        return from_text
    if name == "share_limits":
        return _shared(limits_from_text)
    if name in OWN_LISTS:
        return _shared(_own_list)
    if get_origin(hint) is tuple:
        return _shared(lambda text: _strings(json.loads(text), hint))
    wanted = get_args(hint) or ((int, float) if hint is float else (hint,))

    def read(value: Any) -> Any:
        if hint is bool and value in (0, 1):
            return bool(value)
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise TypeError(name)
        return sys.intern(value) if name in _REPEATED else value

    return read


def _shared(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Equal texts of thousands of torrents become one value."""
    return functools.lru_cache(maxsize=1024)(read)


def _own_list(text: str | None) -> Any:
    return None if text is None else _strings(json.loads(text), tuple[str, ...])


def _strings(value: Any, hint: Any) -> Any:
    """Tuples of tuples of strings, as deep as the type has it."""
    inner = get_args(hint)[0] if get_origin(hint) is tuple else None
    if inner is None:
        if not isinstance(value, str):
            raise TypeError
        return value
    if not isinstance(value, list):
        raise TypeError
    return tuple(_strings(one, inner) for one in value)


_REPEATED = (
    "bandwidth_group", "download_dir", "final_dir", "owner", "super_seeding", "seed_choking"
)  # fmt: skip
_READERS = {name: _reader(name) for name in COLUMNS}
