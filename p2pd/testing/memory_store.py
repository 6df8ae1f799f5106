"""The tables of torrents and of bans without a database; a blocklist and keys without files."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Sequence

from twisted.internet.defer import Deferred, succeed

from p2pd.base.address_ranges import AddressRanges
from p2pd.base.errors import P2pdError, StateError
from p2pd.protocols.peerwire.node_proofs import NodeKey
from p2pd.state.blocklist_file import BlocklistNote, KeptBlocklist
from p2pd.state.moves import MoveRow
from p2pd.state.removals import DoomedFiles, RemovalRow
from p2pd.state.resume import OF_FILES, PROGRESS, Opening, TorrentRecord
from p2pd.state.torrent_keys import KeptCertificate
from p2pd.swarm.bans import Ban
from p2pd.swarm.trusted_nodes import TrustedNode


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
        return succeed([_loaded(row) for row in self.rows.values()])

    async def openings(self, ids: Sequence[int]) -> list[Opening]:
        """What these torrents are opened with."""
        rows = [self.rows[id_] for id_ in ids]
        return [Opening(row.torrent, row.file_states) for row in rows]

    async def add(self, record: TorrentRecord) -> None:
        """Insert it; its `id` is set."""
        self.check()
        self._last_id += 1
        record.id = self._last_id
        self.rows[record.id] = replace(record)

    async def save(self, record: TorrentRecord) -> None:
        """Write the row, but for what is known of its files."""
        self.check()
        row = self.rows.get(record.id)
        if row is not None:
            kept = {name: getattr(row, name) for name in OF_FILES}
            self.rows[record.id] = replace(record, torrent=record.torrent or row.torrent, **kept)

    async def save_progress(self, record: TorrentRecord) -> None:
        """Write what changes while it runs."""
        self.check()
        row = self.rows.get(record.id)
        if row is not None:
            for name in PROGRESS:
                setattr(row, name, getattr(record, name))

    async def save_closed(self, records: Sequence[TorrentRecord]) -> None:
        """Write what changes when torrents are closed or brought to rest."""
        self.check()
        for row, record in [(self.rows.get(record.id), record) for record in records]:
            for name in (*PROGRESS, *OF_FILES) if row is not None else ():
                setattr(row, name, getattr(record, name))

    async def save_totals(self, records: Sequence[TorrentRecord]) -> None:
        """Write what changes while they run."""
        for record in records:
            await self.save_progress(record)

    async def remove(self, id_: int) -> None:
        """Forget a torrent."""
        self.check()
        self.rows.pop(id_, None)

    async def mark_running(self, ids: Sequence[int]) -> None:
        """These records are not clean until they are saved as such."""
        self.check()
        for id_ in ids:
            if id_ in self.rows:
                self.rows[id_].clean = False

    async def kept_torrent(self, record: TorrentRecord) -> bytes | None:
        """The copy of its .torrent beside the database, if there is one."""
        return self.copies.get(record.id)

    def check(self) -> None:
        """Raises `fault`, if it is set."""
        if self.fault is not None:
            raise self.fault


class MemoryJournal:
    """The journal of moves in memory, beside the torrents' table; see state.moves.MoveStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.rows: dict[int, MoveRow] = {}
        self.kept = True
        self._store = store

    async def load(self) -> list[MoveRow]:
        """All of them."""
        return list(self.rows.values())

    async def save(self, row: MoveRow) -> None:
        """Begin one, or say how far it is."""
        self._store.check()
        self.rows[row.torrent] = row

    async def switch(self, row: MoveRow, record: TorrentRecord) -> None:
        """Both or neither."""
        await self._store.save(record)
        await self._store.save_closed([record])
        self.rows[row.torrent] = row

    async def end(self, torrent: int) -> None:
        """It is over."""
        self._store.check()
        self.rows.pop(torrent, None)

    async def is_kept(self, record: TorrentRecord) -> bool:
        """As the test says."""
        return self.kept


class MemoryRemovals:
    """The journal of files that are to go, in memory; see state.removals.RemovalStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.rows: dict[int, RemovalRow] = {}
        self._store = store
        self._last_id = 0

    async def begin(self, torrent: int | None, doomed: Sequence[DoomedFiles]) -> list[RemovalRow]:
        """Both or neither."""
        self._store.check()
        if torrent is not None:
            await self._store.remove(torrent)
        rows = []
        for each in doomed:
            self._last_id += 1
            rows.append(RemovalRow(self._last_id, each))
        self.rows.update((row.id, row) for row in rows)
        return rows

    async def load(self) -> list[RemovalRow]:
        """All of them."""
        return list(self.rows.values())

    async def end(self, id_: int) -> None:
        """They are gone."""
        self._store.check()
        self.rows.pop(id_, None)


class MemoryBlocklist:
    """A blocklist that is kept in memory; see state.blocklist_file.BlocklistFile."""

    def __init__(self) -> None:
        self.kept = KeptBlocklist(None, BlocklistNote())

    def load(self) -> KeptBlocklist:
        """What was kept last."""
        return self.kept

    def save(self, ranges: AddressRanges, note: BlocklistNote) -> None:
        """Keep a list."""
        self.kept = KeptBlocklist(ranges, note)

    def save_note(self, note: BlocklistNote) -> None:
        """Keep the note alone."""
        self.kept = self.kept._replace(note=note)


def _loaded(row: TorrentRecord) -> TorrentRecord:
    """Those that are whole leave behind what they are opened with."""
    return replace(row, torrent=None, file_states=None) if row.is_whole else replace(row)


class MemoryNodeKey:
    """The key of a node, in memory; see state.node_key.NodeKeyFile."""

    def __init__(self, secret: bytes) -> None:
        self.key = NodeKey(secret)
        self.problem: P2pdError | None = None

    def load(self) -> NodeKey:
        """The key."""
        if self.problem is not None:
            raise self.problem
        return self.key

    def rotate(self, key: NodeKey, *, succession: bool) -> NodeKey:
        """Another one, by the hash of this one."""
        secret = sha256(key.secret).digest()
        self.key = key.succeeded_by(secret) if succession else NodeKey(secret)
        return self.key


class MemoryTrustedNodes:
    """Trusted nodes that are kept in memory; see state.trusted_nodes.TrustedNodeStore."""

    def __init__(self) -> None:
        self.rows: dict[bytes, TrustedNode] = {}

    def load(self) -> Deferred[list[TrustedNode]]:
        """All of them."""
        return succeed(list(self.rows.values()))

    def change(self, gone: Sequence[bytes], new: Sequence[TrustedNode]) -> Deferred[None]:
        """Forget some, keep others."""
        for key in gone:
            self.rows.pop(key, None)
        self.rows.update((node.key, node) for node in new)
        return succeed(None)


class MemoryBans:
    """Bans that are kept in memory; see state.bans.BanStore."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str | bytes, int, bytes], Ban] = {}

    def load(self) -> Deferred[list[Ban]]:
        """All of them."""
        return succeed(list(self.rows.values()))

    def change(self, gone: Sequence[Ban], new: Sequence[Ban]) -> Deferred[None]:
        """Forget some, keep others."""
        for ban in gone:
            self.rows.pop((ban.place, *ban[1:3]), None)
        self.rows.update(((ban.place, *ban[1:3]), ban) for ban in new)
        return succeed(None)


class MemoryKeys:
    """Certificates of torrents, and their keys; see state.torrent_keys.TorrentKeys."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptCertificate] = {}

    def load(self) -> dict[str, KeptCertificate]:
        """What is kept."""
        return dict(self.kept)

    def save(self, info_hash: str, kept: KeptCertificate) -> None:
        """Keep this."""
        self.kept[info_hash] = kept

    def forget(self, info_hash: str) -> None:
        """The torrent is gone."""
        self.kept.pop(info_hash, None)
