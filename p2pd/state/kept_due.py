"""Which copies beside the database are not as the table is, in a table of its own.

It is changed with the torrents in one transaction, and cleared when the copies are on the disk: a
copy that a kill or a full disk kept from being written is written later.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Any, Mapping

from p2pd.state.damage import DATABASE_ERRORS, DamagedError
from p2pd.state.kept_torrents import KeptTorrents
from p2pd.state.records import (
    CHOICES,
    TorrentRecord,
    ids_by_name,
    metainfo_of,
    name_of,
    record_of,
    row_values,
)

AT_ONCE = 100
"""Copies written before other work of the database has its turn."""

_NAMES = ["id", *CHOICES]


def torrent_added(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    """A torrent is new in the table."""
    _due(cursor, name_of(row["hash_v1"], row["hash_v2"]), id_, metainfo=True)


def torrent_removed(cursor: sqlite3.Cursor, id_: int) -> None:
    """A torrent is about to be deleted from the table."""
    found = cursor.execute("SELECT hash_v1, hash_v2 FROM torrents WHERE id = ?", [id_]).fetchone()
    if found is not None:
        _due(cursor, name_of(*found), id_, metainfo=True)


def choices_changed(cursor: sqlite3.Cursor, id_: int, row: Mapping[str, Any]) -> None:
    """A row is about to become this one: only what its copies show makes them due."""
    cursor.execute("SELECT hash_v1, hash_v2, choices_sum FROM torrents WHERE id = ?", [id_])
    found = cursor.fetchone()
    if found is None:
        return
    before, now = name_of(*found[:2]), name_of(row["hash_v1"], row["hash_v2"])
    if before != now:
        _due(cursor, before, id_, metainfo=True)
    if before != now or row["torrent"] not in (None, metainfo_of(cursor, id_)):
        _due(cursor, now, id_, metainfo=True)
    elif found[2] != row["choices_sum"]:
        _due(cursor, now, id_, metainfo=False)


def copy_due(cursor: sqlite3.Cursor, record: TorrentRecord, id_: int) -> None:
    """The copy of a torrent is not as the table is, whatever the table has heard."""
    _due(cursor, name_of(record.hash_v1, record.hash_v2), id_, metainfo=True)


def all_due(cursor: sqlite3.Cursor, kept: set[str]) -> None:
    """Copies that are not there have to be written."""
    for name, id_ in ids_by_name(cursor).items():
        if name not in kept:
            _due(cursor, name, id_, metainfo=True)


def take_changed(cursor: sqlite3.Cursor, kept: KeptTorrents, due: set[str]) -> int:
    """What the copies know better than the table; how many torrents that was.

    A copy that is not due was written after the table was: if they differ, commits were lost.
    """
    taken = 0
    for name, id_ in ids_by_name(cursor).items():
        record = None if name in due else kept.choices(name)
        if record is None:
            continue
        row = row_values(record, CHOICES)
        cursor.execute("SELECT choices_sum FROM torrents WHERE id = ?", [id_])
        if cursor.fetchone()[0] in (None, row["choices_sum"]):
            continue
        # What was recorded of its data is as old as the rest.
        row |= {"pieces": None, "clean": 0, "progress_sum": None}
        changes = ", ".join(f"{column} = ?" for column in row)
        cursor.execute(f"UPDATE torrents SET {changes} WHERE id = ?", [*row.values(), id_])
        taken += 1
    return taken


def catch_up(connection: sqlite3.Connection, kept: KeptTorrents) -> bool:
    """Write, or remove, copies that are due; whether more are. Raises OSError."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT name, torrent, metainfo FROM kept_due LIMIT ?", [AT_ONCE])
        due = cursor.fetchall()
        if not due:
            return False
        for name, id_, metainfo in due:
            record = _record(cursor, id_, bool(metainfo))
            if record is not None and name_of(record.hash_v1, record.hash_v2) == name:
                kept.write(record, metainfo=bool(metainfo))
            else:
                kept.remove(name)
        kept.sync()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany("DELETE FROM kept_due WHERE name = ?", [[name] for name, *_ in due])
        cursor.execute("COMMIT")
    return len(due) == AT_ONCE


def rescue(connection: sqlite3.Connection, kept: KeptTorrents) -> None:
    """Write copies that are due of a database that is damaged, as far as it can be read.

    The connection that met the damage still has pages in memory that are not on the disk any more,
    with what was answered just before. A row is as it was written, or is not believed. Nothing is
    removed, and nothing raised.
    """
    with suppress(*DATABASE_ERRORS, OSError), closing(connection.cursor()) as cursor:
        cursor.execute("SELECT name, torrent, metainfo FROM kept_due")
        for name, id_, metainfo in cursor.fetchall():
            for with_metainfo in {bool(metainfo), False}:
                with suppress(*DATABASE_ERRORS, DamagedError):
                    record = _record(cursor, id_, with_metainfo)
                    if record is not None and name_of(record.hash_v1, record.hash_v2) == name:
                        kept.write(record, metainfo=with_metainfo)
        kept.sync()


def _record(cursor: sqlite3.Cursor, id_: int, metainfo: bool) -> TorrentRecord | None:
    names = [*_NAMES, "choices_sum"]
    found = cursor.execute(f"SELECT {', '.join(names)} FROM torrents WHERE id = ?", [id_])
    row = found.fetchone()
    if row is None:
        return None
    record = record_of(dict(zip(names, row, strict=True)))
    record.torrent = metainfo_of(cursor, id_) if metainfo else None
    return record


def _due(cursor: sqlite3.Cursor, name: str, id_: int, *, metainfo: bool) -> None:
    if not name:
        return
    cursor.execute(
        "INSERT INTO kept_due VALUES (?, ?, ?) ON CONFLICT (name)"
        " DO UPDATE SET torrent = excluded.torrent, metainfo = max(metainfo, excluded.metainfo)",
        [name, id_, int(metainfo)],
    )
