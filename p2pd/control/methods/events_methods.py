"""events_subscribe and events_unsubscribe, which are called over the WebSocket at /rpc/events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.events.subscription import SUBSCRIBE_PARAMS, UNSUBSCRIBE_PARAMS
from p2pd.control.schema import declares, refuse


class EventsMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `events`, for those who call them elsewhere."""

    @declares(*SUBSCRIBE_PARAMS)
    async def jsonrpc_subscribe(self, params: Mapping[str, object]) -> NoReturn:
        """Follow what changes of torrents and of the session (over /rpc/events alone)."""
        raise refuse("events_subscribe is for the WebSocket at /rpc/events")

    @declares(*UNSUBSCRIBE_PARAMS)
    async def jsonrpc_unsubscribe(self, params: Mapping[str, object]) -> NoReturn:
        """Follow no more (over /rpc/events alone)."""
        raise refuse("events_unsubscribe is for the WebSocket at /rpc/events")
