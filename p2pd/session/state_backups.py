"""Backups of the state of a running session: making them, and taking in what is in one.

A restore only adds: torrents of the backup that are not here come back, as they were chosen, and
what is on the disk of them is checked; those that are here stay as they are.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Awaitable, Callable, Iterable, Mapping, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError, P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.formats.metainfo import Metainfo, parse_torrent
from p2pd.session.key_restoring import KeyRestoring
from p2pd.session.session import Session
from p2pd.session.settings.settings_rules import kept_settings
from p2pd.session.torrents.torrent_adding import TorrentAdding
from p2pd.state.accounts import Rows, rows_of
from p2pd.state.backups import Backup, BackupFolder
from p2pd.state.bans import node_ban
from p2pd.state.key_backup import SavedKeys
from p2pd.state.records import TorrentRecord
from p2pd.state.salvage import Salvage
from p2pd.state.trusted_nodes import trusted_nodes_of
from p2pd.swarm.bans import Ban
from p2pd.swarm.good_peers import GoodPeer
from p2pd.swarm.trusted_nodes import TrustedNode

T = TypeVar("T")

TakeAccounts = Callable[[Rows], Awaitable[None]]

AT_ONCE = 20
"""Records in memory at a time, with their metadata."""


class Restored(NamedTuple):
    """What a restore did: torrents that came, and those that were here.

    `keys` counts private keys that came; `problems` says in words what of those did not.
    """

    added: int
    here: int
    keys: int = 0
    problems: tuple[str, ...] = ()


class StateBackups:
    """What control may ask of backups. Every method may raise P2pdError."""

    log = Logger()

    def __init__(
        self,
        session: Session,
        adding: TorrentAdding,
        folder: BackupFolder,
        change_settings: Callable[[Mapping[str, Any]], Awaitable[None]],
        take_totals: Callable[[Mapping[str, int]], None],
        take_accounts: TakeAccounts | None = None,
    ) -> None:
        """`take_accounts` adds users of the control API that are not here, who are no business of
        the session's.
        """
        self._session = session
        self._adding = adding
        self._folder = folder
        self._change_settings = change_settings
        self._take_totals = take_totals
        self._take_accounts = take_accounts
        self._making = DeferredLock()
        self._restoring = False
        self._listeners: list[Callable[[], Awaitable[object]]] = []

    def listen(self, listener: Callable[[], Awaitable[object]]) -> None:
        """Have it hear that private keys and certificates came from a backup."""
        self._listeners.append(listener)

    async def make(self, passphrase: str = "") -> Backup:
        """A backup of the state as it is now, its private keys sealed with this, or as here."""
        await self._making.acquire()
        try:
            made = await self._run(self._folder.make, self._session.wall(), passphrase)
        finally:
            self._making.release()
        for sentence in filter(None, (made.without_keys, *made.problems)):
            self.log.warn("the backup {name}: {why}", name=made.name, why=sentence)
        return made

    async def read(self, name: str, offset: int) -> bytes:
        """A part of one; empty at its end."""
        return await self._run(self._folder.read, name, offset)

    async def write(self, name: str, offset: int, data: bytes) -> int:
        """Take in a part of one, in order; how long it is now."""
        return await self._run(self._folder.write, name, offset, data)

    async def forget(self, name: str) -> None:
        """Remove one."""
        await self._run(self._folder.forget, name)

    async def restore(self, name: str, passphrase: str = "", *, with_keys: bool = True) -> Restored:
        """Add what is in it and not here. Private keys are opened with this, or as those here."""
        if self._restoring:
            raise P2pdError("a backup is being restored already")
        self._restoring = True
        try:
            saved = SavedKeys()
            if with_keys:
                saved = await self._run(self._folder.saved_keys, name, passphrase)
            keys = KeyRestoring(self._session, self._folder.state_dir, self._folder.keys, self._run)
            state = await self._run(self._folder.open, name)
            try:
                await keys.take_lists(saved)
                added, here = await self._take_in(state)
            finally:
                await self._run(self._folder.close_restored, state)
            await keys.take_rest(saved)
            for listener in self._listeners:
                await listener()
            return Restored(added, here, keys.added, tuple(keys.problems))
        finally:
            self._restoring = False

    async def _take_in(self, state: Salvage) -> tuple[int, int]:
        added = here = 0
        peers = _by_torrent(await self._run(list, state.rows("good_peers")))
        records = state.torrents()
        while batch := await self._run(_some, records):
            for record, metainfo in batch:
                earlier = record.id
                if await self._adding.restore(record, metainfo):
                    added += 1
                    memory = self._session.peer_memory
                    if memory is not None and earlier in peers:
                        await memory.save(record.id, peers[earlier])
                else:
                    here += 1
        await self._take_settings(await self._run(list, state.rows("settings")))
        self._session.bans.add(*await self._run(_bans, state))
        self._session.bans.tick()
        self._session.nodes.restore(await self._run(_trusted, state))
        self._take_totals(dict(await self._run(list, state.rows("statistics"))))
        if self._take_accounts is not None:
            await self._take_accounts(await self._run(_accounts, state))
        return added, here

    async def _take_settings(self, rows: Iterable[tuple[str, str]]) -> None:
        for name, value in (await self._run(_decoded, rows)).items():
            try:
                await self._change_settings({name: value})
            except P2pdError:
                continue  # what no longer fits is left out, as at a start

    def _run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        return self._session.disks.aside.run("read", work, *args)


def _some(records: Any) -> list[tuple[TorrentRecord, Metainfo | None]]:
    """In a thread: the next records, each with its metadata; one that lacks it is a magnet."""
    found: list[tuple[TorrentRecord, Metainfo | None]] = []
    for record in islice(records, AT_ONCE):
        metainfo = None if record.torrent is None else parse_torrent(record.torrent)
        hashes = InfoHashes(record.hash_v1, record.hash_v2)
        if metainfo is not None and metainfo.info_hashes != hashes:
            raise FormatError(f"the metadata of torrent {record.id} in it is of another one")
        found.append((record, metainfo))
    return found


def _decoded(rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return kept_settings({name: json.loads(value) for name, value in rows})


def _bans(state: Salvage) -> list[Ban]:
    of_nodes = [node_ban(row) for row in state.rows("node_bans")]
    return [Ban(*row) for row in state.rows("bans")] + of_nodes


def _trusted(state: Salvage) -> list[TrustedNode]:
    return trusted_nodes_of(state.rows("trusted_nodes"))


def _accounts(state: Salvage) -> Rows:
    return rows_of(state.rows("users"), state.rows("api_keys"))


def _by_torrent(rows: Iterable[Any]) -> dict[int, list[GoodPeer]]:
    found: dict[int, list[GoodPeer]] = {}
    for torrent, host, port, *rest in rows:
        found.setdefault(torrent, []).append(GoodPeer(PeerAddress(host, port), *rest))
    return found
