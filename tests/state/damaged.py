"""A state folder with torrents in it, and ways to read it again after something happened to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from p2pd.formats.metainfo import parse_torrent
from p2pd.state.database import Database
from p2pd.state.records import TorrentRecord, load_all
from p2pd.state.resume import TorrentStore
from p2pd.testing.torrents import make_torrent

FOLDER = "/default"


class HereAndNow:
    """A reactor for a database whose work is done in the test's own thread."""

    def callFromThread(self, call: Callable[..., Any], *args: Any, **more: Any) -> None:
        """Now."""
        call(*args, **more)


class OneThread:
    """In the place of the database's thread."""

    def callInThread(self, call: Callable[[], None]) -> None:
        """Now."""
        call()

    def stop(self) -> None:
        """There is none."""


def opened(folder: Path, wall: float = 1_700_000_000.0) -> Database:
    """The database of this folder, without a thread. Raises StateError."""
    database = Database(HereAndNow(), str(folder), default_folder=FOLDER, wall=lambda: wall)  # type: ignore[arg-type]
    database.open()
    database._thread = OneThread()  # type: ignore[assignment]
    return database


def result(waited_for: Any) -> Any:
    """What a Deferred, or a coroutine over such, came to."""
    deferred = waited_for if isinstance(waited_for, Deferred) else ensureDeferred(waited_for)
    found: list[Any] = []
    failed: list[Any] = []
    deferred.addCallbacks(found.append, failed.append)
    if failed:
        failed[0].raiseException()
    return found[0]


def torrent_record(number: int, **changes: Any) -> TorrentRecord:
    """A torrent of its own, with a folder of its own."""
    data = make_torrent({"a": bytes([number]) * 40_000}, "hybrid", name=f"torrent {number}")
    hashes = parse_torrent(data).info_hashes
    record = TorrentRecord(hashes.v1, hashes.v2, f"torrent {number}", f"/data/{number}")
    record.torrent, record.pieces, record.clean = data, b"\x80", True
    record.file_states = "[[40000, 5]]"
    record.labels, record.trackers = (f"label {number}",), ((f"http://t.test/{number}",),)
    record.uploaded, record.added_at = 1000 + number, 5.0
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def magnet_record(number: int) -> TorrentRecord:
    """A link of which the metadata is still to come."""
    digest = bytes([number]) * 20
    link = f"magnet:?xt=urn:btih:{digest.hex()}"
    return TorrentRecord(digest, None, "", f"/data/{number}", magnet=link, paused=True)


def filled(folder: Path, records: Sequence[TorrentRecord]) -> None:
    """A state folder with these torrents, settings, totals and bans."""
    database = opened(folder)
    store = TorrentStore(database)
    for record in records:
        result(store.add(record))
    result(database.run(_fill))
    database.close()


def _fill(cursor: sqlite3.Cursor) -> None:
    cursor.execute("INSERT INTO settings VALUES ('upload_slots', '7')")
    cursor.execute("INSERT INTO statistics VALUES ('uploaded', 12345)")
    cursor.execute("INSERT INTO bans VALUES ('192.0.2.1', 0, x'', 'it lied', 1.5, NULL)")
    cursor.execute("INSERT INTO good_peers VALUES (1, '192.0.2.2', 6881, 1.5, 7, 8, 9.5)")


def reloaded(folder: Path) -> tuple[list[TorrentRecord], str]:
    """What a start finds, and what it reports. Raises StateError."""
    database = opened(folder)
    try:
        return result(database.run(load_all)), database.notice
    finally:
        database.close()


def chosen(record: TorrentRecord) -> tuple[Any, ...]:
    """What must not be lost of a torrent, whatever happens."""
    return (
        record.id, record.hash_v1, record.hash_v2, record.name, record.download_dir,
        record.torrent, record.magnet, record.paused, record.labels, record.trackers,
    )  # fmt: skip
