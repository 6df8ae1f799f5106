"""The tables of torrents and of bans without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from twisted.internet.defer import Deferred, succeed

from p2pd.base.errors import StateError
from p2pd.state.resume import PROGRESS, TorrentRecord
from p2pd.swarm.bans import Ban


class MemoryStore:
    """A TorrentStore that keeps copies of the records in memory; see state.resume.TorrentStore.

    `fault`, when set, is what every write fails with.
    """

    def __init__(self) -> None:
        self.rows: dict[int, TorrentRecord] = {}
        self.copies: dict[int, bytes] = {}
        self.fault: StateError | None = None
        self._last_id = 0

    def load_all(self) -> Deferred[list[TorrentRecord]]:
        """Every torrent, by id."""
        return succeed([replace(row) for row in self.rows.values()])

    async def add(self, record: TorrentRecord) -> None:
        """Insert it; its `id` is set."""
        self._check()
        self._last_id += 1
        record.id = self._last_id
        self.rows[record.id] = replace(record)

    async def save(self, record: TorrentRecord) -> None:
        """Write the whole row."""
        self._check()
        if record.id in self.rows:
            self.rows[record.id] = replace(record)

    async def save_progress(self, record: TorrentRecord) -> None:
        """Write what changes while it runs."""
        self._check()
        row = self.rows.get(record.id)
        if row is not None:
            for name in PROGRESS:
                setattr(row, name, getattr(record, name))

    async def save_closed(self, records: Sequence[TorrentRecord]) -> None:
        """Write the rows at the end."""
        for record in records:
            await self.save(record)

    async def remove(self, id_: int) -> None:
        """Forget a torrent."""
        self._check()
        self.rows.pop(id_, None)

    async def mark_running(self) -> None:
        """No record is clean until it is saved as such."""
        for row in self.rows.values():
            row.clean = False

    async def kept_torrent(self, record: TorrentRecord) -> bytes | None:
        """The copy of its .torrent beside the database, if there is one."""
        return self.copies.get(record.id)

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault


class MemoryBans:
    """Bans that are kept in memory; see state.bans.BanStore."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, bytes], Ban] = {}

    def load(self) -> Deferred[list[Ban]]:
        """All of them."""
        return succeed(list(self.rows.values()))

    def change(self, gone: Sequence[Ban], new: Sequence[Ban]) -> Deferred[None]:
        """Forget some, keep others."""
        for ban in gone:
            self.rows.pop(ban[:3], None)
        self.rows.update((ban[:3], ban) for ban in new)
        return succeed(None)
