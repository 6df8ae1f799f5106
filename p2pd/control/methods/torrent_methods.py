"""torrent_get and what is done to torrents (Transmission's rpc-spec, 3.1 to 3.6)."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from itertools import chain
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.answers import EncodedList, Pacer, dumps, encode_rows, join_rows
from p2pd.control.methods.certificate_fields import CERTIFICATE_PARAMS, set_certificate
from p2pd.control.methods.column import Column
from p2pd.control.methods.kept_rows import KeptRows
from p2pd.control.methods.selection import RECENTLY_ACTIVE, Ids, Selection, ids
from p2pd.control.methods.torrent_add import ADD_PARAMS, TorrentAdder
from p2pd.control.methods.torrent_create import CREATE_PARAMS, create_torrent
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.control.methods.torrent_import import IMPORT_PARAMS, import_torrent
from p2pd.control.methods.torrent_set import SET_PARAMS, change_torrents
from p2pd.control.schema import (
    JsonObject,
    Param,
    absolute_path,
    boolean,
    declares,
    list_of,
    one_of,
    refuse,
    takes,
    text,
)
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.tls.tls_api import GivenCertificate

Row = list[Any] | JsonObject

MAX_PATH = 32 * 1024
MAX_NAME = 1024
"""Characters: what is longer no file system takes."""

_ALL_UNLESS_IDS = Param("ids", ids, None)


class TorrentMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `torrent`."""

    def __init__(
        self,
        api: SessionApi,
        selection: Selection,
        adder: TorrentAdder,
        kept: KeptRows,
        reactor: Any,
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._api = api
        self._selection = selection
        self._adder = adder
        self._kept = kept
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._columns = TORRENT_COLUMNS

    def showing(self, columns: Mapping[str, Column]) -> TorrentMethods:
        """The same methods with other columns of torrents."""
        other = copy.copy(self)
        other._columns = columns
        return other

    @takes(
        _ALL_UNLESS_IDS,
        Param("fields", list_of(text(100), 1000)),
        Param("format", one_of("objects", "table"), "objects"),
    )
    async def jsonrpc_get(
        self, ids: Ids | None, fields: tuple[str, ...], format: str
    ) -> JsonObject:
        """The fields asked for of the torrents asked for; unknown fields are left out."""
        if not fields:
            raise refuse("fields is empty: it names what to tell of each torrent")
        asked = dict.fromkeys(fields)
        columns = [self._columns[name] for name in asked if name in self._columns]
        torrents = self._selection.torrents(ids)
        answer: JsonObject = {"torrents": await self._listed(torrents, columns, format == "table")}
        if ids == (RECENTLY_ACTIVE,):
            answer["removed"] = self._selection.removed()
        return answer

    async def _listed(
        self, torrents: list[TorrentView], columns: list[Column], table: bool
    ) -> EncodedList:
        pacer, now = Pacer(self._reactor), self._wall_clock()
        if any(column.of_files for column in columns):
            return await encode_rows(self._detailed(torrents, columns, now, table), pacer)
        names = [dumps([column.name for column in columns])] if table else []
        rows = self._kept.rows(torrents, columns, now, table=table)
        return await join_rows(chain(names, rows), pacer)

    def _detailed(
        self, torrents: list[TorrentView], columns: list[Column], now: float, table: bool
    ) -> Iterator[list[str] | Coroutine[Any, Any, Row]]:
        async def row(torrent: TorrentView) -> Row:
            detailed = await self._api.detailed(torrent)
            if table:
                return [column.get(detailed, now) for column in columns]
            return {column.name: column.get(detailed, now) for column in columns}

        if table:
            yield [column.name for column in columns]
        yield from map(row, torrents)

    @declares(*ADD_PARAMS)
    async def jsonrpc_add(self, params: Mapping[str, object]) -> JsonObject:
        """Add a torrent, or find that it is there."""
        return await self._adder.add(params)

    @declares(*CREATE_PARAMS)
    async def jsonrpc_create(self, params: Mapping[str, object]) -> JsonObject:
        """Make a torrent of what is on the daemon's machine; answers the number of the task."""
        return await create_torrent(self._api, params, self._wall_clock())

    @declares(*IMPORT_PARAMS)
    async def jsonrpc_import(self, params: Mapping[str, object]) -> JsonObject:
        """Add a torrent with what another program knew of it."""
        return await import_torrent(self._api, params)

    @takes(*SET_PARAMS, strict=True)
    async def jsonrpc_set(self, ids: Ids | None, **changes: Any) -> JsonObject:
        """Change torrents: files, priorities, labels, trackers, limits."""
        await change_torrents(self._api, self._selection.one_by_one(ids), changes)
        return {}

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_start(self, ids: Ids | None) -> JsonObject:
        """Start torrents, when it is their turn."""
        return await self._each(ids, self._api.start)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_start_now(self, ids: Ids | None) -> JsonObject:
        """Start torrents, whoever is before them in the queue."""
        return await self._each(ids, self._api.start_now)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_stop(self, ids: Ids | None) -> JsonObject:
        """Stop torrents."""
        return await self._each(ids, self._api.stop)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_verify(self, ids: Ids | None) -> JsonObject:
        """Check the torrents' data on disk anew."""
        return await self._each(ids, self._api.verify)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_reannounce(self, ids: Ids | None) -> JsonObject:
        """Ask the trackers for peers now."""
        for torrent in self._selection.torrents(ids):
            self._api.reannounce(torrent)
        return {}

    @takes(
        _ALL_UNLESS_IDS,
        Param("location", absolute_path),
        Param("move", boolean, False),
    )
    async def jsonrpc_set_location(self, ids: Ids | None, location: str, move: bool) -> JsonObject:
        """Have the torrents' files in another folder: moved there, or found there."""
        return await self._each(
            ids, lambda torrent: self._api.set_location(torrent, location, move=move)
        )

    @takes(Param("ids", ids), Param("path", text(MAX_PATH)), Param("name", text(MAX_NAME)))
    async def jsonrpc_rename_path(self, ids: Ids, path: str, name: str) -> JsonObject:
        """Give a file or folder of one torrent another name, on the disk too."""
        found = self._selection.torrents(ids)
        if len(found) != 1:
            raise refuse("rename_path takes the id of one torrent that is there")
        await self._api.rename(found[0], path, name)
        return {"id": found[0].id, "path": path, "name": name}

    @takes(Param("ids", ids), *CERTIFICATE_PARAMS)
    async def jsonrpc_set_certificate(
        self, ids: Ids, certificate: str, private_key: str, ca: str
    ) -> JsonObject:
        """Have torrents use a certificate by which their peers let us in, or none."""
        given = GivenCertificate(certificate, private_key, ca)
        torrents = self._selection.torrents(ids)
        return {"torrents": await set_certificate(self._api, torrents, given)}

    # Left out, ids means everything elsewhere. Not here: a slip would lose all torrents.
    @takes(Param("ids", ids), Param("delete_local_data", boolean, False))
    async def jsonrpc_remove(self, ids: Ids, delete_local_data: bool) -> JsonObject:
        """Remove torrents, and their data if asked to."""
        for torrent in self._selection.one_by_one(ids):
            await self._api.remove(torrent, delete_data=delete_local_data)
        return {}

    async def _each(
        self, ids: Ids | None, act: Callable[[TorrentView], Awaitable[None]]
    ) -> JsonObject:
        for torrent in self._selection.one_by_one(ids):
            await act(torrent)
        return {}
