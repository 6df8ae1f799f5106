"""A new database in the place of one that is damaged, which is set aside and never deleted.

The new one is made beside it and finished by a rename: whenever this is cut off, the next start
finds the old one, or goes on with the new one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from contextlib import closing
from typing import NamedTuple

from p2pd.base.errors import FormatError, StateError
from p2pd.formats.metainfo import parse_torrent
from p2pd.state.damage import DATABASE_ERRORS, is_disk_fault
from p2pd.state.files import sync_file, sync_folder, write_whole
from p2pd.state.kept_due import copy_due
from p2pd.state.kept_torrents import KeptTorrents
from p2pd.state.records import (
    CHOICES,
    PROGRESS,
    SAVED,
    TorrentRecord,
    ids_by_name,
    insert,
    name_of,
    row_values,
)
from p2pd.state.row_types import TABLES
from p2pd.state.salvage import Salvage
from p2pd.state.upgrades import upgrade

ASIDE = "damaged"
MOST_ASIDE = 10
"""A disk that damages so many needs a person, and its room."""

JOURNALS = ("-wal", "-shm")


class Found(NamedTuple):
    """Where the torrents of a new database came from."""

    kept: int = 0
    """From the copies beside the database."""
    salvaged: int = 0
    """From rows of the old one, without a copy; they wait for their user."""


def rebuild(path: str, kept: KeptTorrents, default_folder: str, reason: str, date: str) -> str:
    """Set the database at `path` aside and make a new one of what is left; a sentence about it.

    `date` names what is set aside. Raises StateError; then the old one is where it was.
    """
    building = f"{path}.building"
    try:
        aside = _aside_name(path, date)
        forget(building)
        found = _build(building, path, kept, default_folder)
        _set_aside(path, aside)
        sentence = _sentence(reason, aside, found)
        write_whole(f"{os.path.splitext(aside)[0]}.txt", f"{sentence}\n".encode())
        sync_folder(os.path.dirname(aside))
        put_in_place(building, path)
    except (OSError, *DATABASE_ERRORS) as problem:
        with contextlib.suppress(OSError):
            forget(building)
        words = getattr(problem, "strerror", None) or str(problem)
        if is_disk_fault(problem):  # nor is it believed what else it gives
            raise StateError(f"{path} cannot be read or written: {words}") from None
        raise StateError(
            f"{path} is damaged ({reason}), and cannot be set aside and made anew: {words}"
        ) from None
    return sentence


def put_in_place(building: str, path: str) -> None:
    """Have a finished database take the place of the one at `path`. Raises OSError."""
    os.replace(building, f"{path}.new")
    sync_folder(os.path.dirname(path))
    finish_replacing(path)


def finish_replacing(path: str) -> None:
    """Go on with a replacement that was cut off, if there is one. Raises OSError."""
    if os.path.lexists(f"{path}.new"):
        # The old one's journal would be taken for the new one's.
        for journal in JOURNALS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + journal)
        os.replace(f"{path}.new", path)
        sync_folder(os.path.dirname(path))
    forget(f"{path}.building")


def adopt_kept(
    cursor: sqlite3.Cursor, kept: KeptTorrents, names: set[str], default_folder: str
) -> int:
    """Take in torrents that the database does not have; how many there were to take in."""
    taken = 0
    for name in sorted(names):
        record = kept.read(name, default_folder)
        if record is not None:
            id_ = insert_anew(cursor, record)
            if id_ != record.id or kept.choices(name) is None:
                copy_due(cursor, record, id_)
            taken += 1
    return taken


def insert_anew(cursor: sqlite3.Cursor, record: TorrentRecord) -> int:
    """A record of which nothing is believed of the data; under its old id if that is free."""
    record.pieces = record.file_states = record.summary = None
    record.clean = False
    row = row_values(record, SAVED)
    cursor.execute("SELECT 1 FROM torrents WHERE id = ?", [record.id])
    if record.id and cursor.fetchone() is None:
        row["id"] = record.id
    return insert(cursor, row)


def notices(state_dir: str) -> str:
    """What happened to databases that lie set aside, the last one last."""
    folder = os.path.join(state_dir, ASIDE)
    lines = []
    with contextlib.suppress(OSError):
        for entry in sorted(os.listdir(folder)):
            if entry.endswith(".txt"):
                with open(os.path.join(folder, entry), encoding="utf-8", errors="replace") as file:
                    lines.append(file.read(4096).strip())
    return "\n".join(lines)


def forget(path: str) -> None:
    """Remove a database that was not finished."""
    for name in (path, *(path + journal for journal in (*JOURNALS, "-journal"))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _build(building: str, path: str, kept: KeptTorrents, default_folder: str) -> Found:
    os.close(os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    salvage = Salvage(path)
    try:
        with closing(sqlite3.connect(building, isolation_level=None)) as connection:
            # Nobody reads it before it is whole, so it needs no journal, and one sync.
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            upgrade(connection)
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            names = kept.names()
            taken = adopt_kept(cursor, kept, names, default_folder)
            salvaged = _insert_salvaged(cursor, salvage)
            _copy_tables(cursor, salvage)
            cursor.execute("COMMIT")
    finally:
        salvage.close()
    sync_file(building)
    return Found(taken, salvaged)


def _insert_salvaged(cursor: sqlite3.Cursor, salvage: Salvage) -> int:
    """The old rows: of torrents that have a copy what it lacks, the others as they are."""
    here, due = ids_by_name(cursor), salvage.due()
    salvaged = 0
    for record in salvage.torrents():
        name = name_of(record.hash_v1, record.hash_v2)
        if name in here:
            _add_to_copy(cursor, here[name], record, newer=name in due)
        elif _is_whole(record):
            # Nothing vouches for its folder: a letter that changed must not fill another one.
            record.paused = True
            copy_due(cursor, record, insert_anew(cursor, record))
            salvaged += 1
    last = salvage.last_id()
    cursor.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'torrents'", [last])
    return salvaged


def _add_to_copy(cursor: sqlite3.Cursor, id_: int, record: TorrentRecord, *, newer: bool) -> None:
    """Totals are in the row alone; what the user chose where the copy did not follow it yet."""
    cursor.execute("SELECT edited_at FROM torrents WHERE id = ?", [id_])
    newer = newer or record.edited_at > cursor.fetchone()[0]
    record.pieces = None
    row = row_values(record, [*PROGRESS, *CHOICES] if newer else PROGRESS)
    changes = ", ".join(f"{column} = ?" for column in row)
    cursor.execute(f"UPDATE torrents SET {changes} WHERE id = ?", [*row.values(), id_])
    if newer:
        copy_due(cursor, record, id_)


def _is_whole(record: TorrentRecord) -> bool:
    if record.torrent is None:
        return record.magnet is not None
    try:
        hashes = parse_torrent(record.torrent).info_hashes
    except FormatError:
        return False
    return (hashes.v1, hashes.v2) == (record.hash_v1, record.hash_v2)


def _copy_tables(cursor: sqlite3.Cursor, salvage: Salvage) -> None:
    for table, types in TABLES.items():
        marks = ", ".join("?" * len(types))
        cursor.executemany(
            f"INSERT OR IGNORE INTO {table} VALUES ({marks})", list(salvage.rows(table))
        )
    for table in ("good_peers", "moves"):
        cursor.execute(f"DELETE FROM {table} WHERE torrent NOT IN (SELECT id FROM torrents)")


def _aside_name(path: str, date: str) -> str:
    folder = os.path.join(os.path.dirname(path), ASIDE)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    there = [entry for entry in os.listdir(folder) if entry.endswith(".db")]
    if len(there) >= MOST_ASIDE:
        raise StateError(
            f"{path} is damaged, like {len(there)} before it in {folder}: look at the disk, and "
            "remove what is there when it is of no use any more"
        )
    for number in range(1, MOST_ASIDE + 2):
        name = os.path.join(folder, f"state-{date}{'' if number == 1 else f'-{number}'}.db")
        if not any(os.path.lexists(name + ending) for ending in ("", *JOURNALS)):
            break
    return name


def _set_aside(path: str, aside: str) -> None:
    """Under a second name, so that until the new one is there this one is not gone."""
    for ending in (*JOURNALS, ""):
        if os.path.lexists(path + ending):
            try:
                os.link(path + ending, aside + ending)
            except OSError:
                # A file system without links.
                shutil.copyfile(path + ending, aside + ending)
                os.chmod(aside + ending, 0o600)


def _sentence(reason: str, aside: str, found: Found) -> str:
    count = found.kept + found.salvaged
    text = (
        f"the state database was damaged ({reason}) and is set aside as {aside}; "
        f"{count} torrent{'' if count == 1 else 's'} came back from what is left, and what is on "
        "the disk of them is checked again"
    )
    if found.salvaged:
        text += f"; {found.salvaged} of them wait to be started, for their folders may be wrong"
    return text
