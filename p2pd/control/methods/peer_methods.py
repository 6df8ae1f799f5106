"""peer_add: p2pd's own method, to have a torrent dial peers that somebody knows of."""

from __future__ import annotations

from collections.abc import Sequence

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.base.addresses import PeerAddress, parse_address
from p2pd.base.errors import FormatError
from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import JsonObject, Param, list_of, refuse, takes
from p2pd.session.api import SessionApi

MAX_ADDRESSES = 2000


def _address(name: str, value: object) -> PeerAddress:
    if not isinstance(value, str):
        raise refuse(f"{name} must be a string like 192.0.2.1:6881 or [2001:db8::1]:6881")
    try:
        return parse_address(value)
    except FormatError as error:
        raise refuse(f"{name}: {error}") from None


class PeerMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `peer`."""

    def __init__(self, api: SessionApi, selection: Selection) -> None:
        super().__init__()
        self._api = api
        self._selection = selection

    @takes(Param("ids", ids), Param("addresses", list_of(_address, MAX_ADDRESSES)))
    async def jsonrpc_add(self, ids: Ids, addresses: Sequence[PeerAddress]) -> JsonObject:
        """Dial the addresses at once for each torrent; says how many were new."""
        torrents = self._selection.torrents(ids)
        if not torrents:
            raise refuse("none of the ids is a torrent here")
        return {"added": sum(self._api.add_peers(torrent, addresses) for torrent in torrents)}
