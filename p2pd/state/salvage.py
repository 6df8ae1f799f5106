"""What can still be read of a database, of which any page may be damaged.

Of torrents only rows that are as they were written. Nothing here changes the file.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any, Iterator, Sequence
from urllib.parse import quote

from p2pd.base.errors import StateError
from p2pd.state.damage import DATABASE_ERRORS, DamagedError
from p2pd.state.kept_torrents import check_record
from p2pd.state.records import TorrentRecord, metainfo_of, record_of
from p2pd.state.row_types import checked


class Salvage:
    """Reads a damaged database; every method gives what there is and never raises for the rest."""

    def __init__(self, path: str) -> None:
        self._connection: sqlite3.Connection | None = None
        with suppress(*DATABASE_ERRORS):
            uri = f"file:{quote(path)}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._connection.execute("PRAGMA trusted_schema=OFF")

    def close(self) -> None:
        """Done with it."""
        if self._connection is not None:
            self._connection.close()

    def torrents(self) -> Iterator[TorrentRecord]:
        """Every torrent that can be read whole."""
        for id_ in self._ids():
            record = self._torrent(id_)
            if record is not None:
                yield record

    def rows(self, table: str) -> Iterator[Sequence[Any]]:
        """The rows of one of the other tables, up to where it is damaged."""
        for row in self._query(f"SELECT * FROM {table}"):
            with suppress(DamagedError):
                yield checked(table, row)

    def due(self) -> set[str]:
        """The torrents whose rows are newer than their copies."""
        rows = self._query("SELECT name FROM kept_due")
        return {name for (name,) in rows if isinstance(name, str)}

    def last_id(self) -> int:
        """The highest id that a torrent ever had, as far as is known."""
        found = [0]
        for (value,) in self._query("SELECT seq FROM sqlite_sequence WHERE name = 'torrents'"):
            if isinstance(value, int) and 0 <= value < 2**53:
                found.append(value)
        return max(found)

    def _ids(self) -> list[int]:
        """From both ends: a damaged page in the middle hides nothing but itself."""
        found: dict[int, None] = {}
        for order in ("ASC", "DESC"):
            for (id_,) in self._query(f"SELECT id FROM torrents ORDER BY id {order}"):
                if isinstance(id_, int) and id_ > 0:
                    found[id_] = None
        return sorted(found)

    def _torrent(self, id_: int) -> TorrentRecord | None:
        if self._connection is None:
            return None
        try:
            cursor = self._connection.execute("SELECT * FROM torrents WHERE id = ?", [id_])
            row = cursor.fetchone()
            if row is None:
                return None
            names = [column[0] for column in cursor.description]
            record = record_of(dict(zip(names, row, strict=True)))
            if "torrent" not in names:  # versions before 11 have it among the columns
                record.torrent = metainfo_of(cursor, id_)
            check_record(record)
        except (*DATABASE_ERRORS, StateError):
            return None
        return record

    def _query(self, sql: str) -> Iterator[Any]:
        if self._connection is None:
            return
        with suppress(*DATABASE_ERRORS):
            yield from self._connection.execute(sql)
