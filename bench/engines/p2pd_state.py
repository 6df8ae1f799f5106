"""The state of a p2pd that has verified a whole library, written by hand."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

from bench.library import Library, LibraryTorrent
from p2pd.formats.metainfo import parse_torrent
from p2pd.state.database_file import DatabaseFile
from p2pd.state.kept_torrents import KeptTorrents
from p2pd.state.records import SAVED, TorrentRecord, insert, row_values


def furnish(state: Path, library: Library) -> None:
    """Make the database, and the copies of torrents that it keeps beside it."""
    database = DatabaseFile(str(state), "/", time.time, print)
    database.open()
    kept = KeptTorrents(str(state))
    with closing(database.connected()) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        for torrent in library.torrents:
            record = _record(torrent, library.data)
            record.id = insert(cursor, row_values(record, SAVED))
            kept.write(record, metainfo=True)
        cursor.execute("COMMIT")


def _record(torrent: LibraryTorrent, data: Path) -> TorrentRecord:
    metainfo = parse_torrent(torrent.path.read_bytes())
    looks = [(data / path).stat() for path, _ in torrent.files]
    whole, rest = divmod(torrent.pieces, 8)
    return TorrentRecord(
        metainfo.info_hashes.v1,
        None,
        torrent.name,
        str(data),
        torrent=torrent.path.read_bytes(),
        added_at=time.time() - 86_400.0,
        completed_at=time.time() - 80_000.0,
        active_at=time.time() - 3_600.0,
        pieces=b"\xff" * whole + (bytes([0xFF00 >> rest & 0xFF]) if rest else b""),
        trackers=metainfo.trackers,
        file_states=json.dumps([[look.st_size, look.st_mtime_ns] for look in looks]),
        clean=True,
        downloaded=sum(length for _, length in torrent.files),
        uploaded=3 * sum(length for _, length in torrent.files),
        seconds_seeding=80_000,
    )
