"""p2pd's own: peer_add, to have a torrent dial peers; peer_ban, peer_unban, peer_banned."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.base.addresses import PeerAddress, canonical_host, parse_address
from p2pd.base.errors import FormatError
from p2pd.control.methods.node_methods import node_key
from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import JsonObject, Param, described, integer, list_of, refuse, takes, text
from p2pd.session.api import SessionApi
from p2pd.swarm.bans import REASON_LIMIT, Ban

MAX_ADDRESSES = 2000
MOST_HOURS = 24 * 3660


@described({"type": "string"})
def _address(name: str, value: object) -> PeerAddress:
    if not isinstance(value, str):
        raise refuse(f"{name} must be a string like 192.0.2.1:6881 or [2001:db8::1]:6881")
    try:
        return parse_address(value)
    except FormatError as error:
        raise refuse(f"{name}: {error}") from None


@described({"type": "string"})
def _host_or_peer(name: str, value: object) -> PeerAddress:
    """A whole host has the port 0."""
    if not isinstance(value, str):
        raise refuse(f"{name} must be a string like 192.0.2.1, or 192.0.2.1:6881 for one peer")
    try:
        return PeerAddress(canonical_host(value), 0)
    except FormatError as error:
        if ":" not in value:
            raise refuse(f"{name}: {error}") from None
        return _address(name, value)


def _ban_row(ban: Ban) -> dict[str, Any]:
    return {
        "address": ban.host,
        "node_key": ban.node_key.hex(),
        "peer_id": base64.b64encode(ban.peer_id).decode("ascii"),
        "port": ban.port,
        "reason": ban.reason,
        "since": int(ban.since),
        "until": -1 if ban.until is None else int(ban.until),
    }


def _somebody(addresses: Sequence[PeerAddress], keys: Sequence[bytes]) -> None:
    if not addresses and not keys:
        raise refuse("neither addresses nor keys say who is meant")


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

    @takes(
        Param("addresses", list_of(_host_or_peer, MAX_ADDRESSES), ()),
        Param("keys", list_of(node_key, MAX_ADDRESSES), ()),
        Param("reason", text(REASON_LIMIT), "by hand"),
        Param("hours", integer(0, MOST_HOURS), None),
    )
    async def jsonrpc_ban(
        self,
        addresses: Sequence[PeerAddress],
        keys: Sequence[bytes],
        reason: str,
        hours: int | None,
    ) -> JsonObject:
        """Hang up on hosts, peers or nodes, in every torrent, and keep them away."""
        _somebody(addresses, keys)
        self._api.ban(addresses, reason, None if hours is None else hours * 3600.0, keys)
        return {}

    @takes(
        Param("addresses", list_of(_host_or_peer, MAX_ADDRESSES), ()),
        Param("keys", list_of(node_key, MAX_ADDRESSES), ()),
    )
    async def jsonrpc_unban(
        self, addresses: Sequence[PeerAddress], keys: Sequence[bytes]
    ) -> JsonObject:
        """Lift bans; says how many there were."""
        _somebody(addresses, keys)
        return {"lifted": self._api.lift_bans(addresses, keys)}

    @takes()
    async def jsonrpc_banned(self) -> JsonObject:
        """The bans in force, the oldest first."""
        return {"bans": [_ban_row(ban) for ban in self._api.bans()]}
