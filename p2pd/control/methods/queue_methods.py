"""queue_move_top, _up, _down, _bottom (Transmission's rpc-spec, 4.6)."""

from __future__ import annotations

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import JsonObject, Param, takes
from p2pd.session.api import SessionApi
from p2pd.session.queueing.queue_order import QueueMove

_ALL_UNLESS_IDS = Param("ids", ids, None)


class QueueMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `queue`. Torrents that are moved stay in their order."""

    def __init__(self, api: SessionApi, selection: Selection) -> None:
        super().__init__()
        self._api = api
        self._selection = selection

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_move_top(self, ids: Ids | None) -> JsonObject:
        """Move torrents before all others."""
        return await self._move(ids, QueueMove.TOP)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_move_up(self, ids: Ids | None) -> JsonObject:
        """Move each torrent before the one that is before it."""
        return await self._move(ids, QueueMove.UP)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_move_down(self, ids: Ids | None) -> JsonObject:
        """Move each torrent behind the one that is behind it."""
        return await self._move(ids, QueueMove.DOWN)

    @takes(_ALL_UNLESS_IDS)
    async def jsonrpc_move_bottom(self, ids: Ids | None) -> JsonObject:
        """Move torrents behind all others."""
        return await self._move(ids, QueueMove.BOTTOM)

    async def _move(self, ids: Ids | None, where: QueueMove) -> JsonObject:
        await self._api.move_in_queue(self._selection.torrents(ids), where)
        return {}
