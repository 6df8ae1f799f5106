"""p2pd's own: node_identity, node_rotate; nodes_trust, nodes_untrust, nodes_list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, Param, boolean, described, list_of, refuse, takes, text
from p2pd.session.api import SessionApi
from p2pd.session.nodes.nodes_api import NodeIdentity, TrustedView
from p2pd.swarm.trusted_nodes import LIMIT, NAME_LIMIT

_KEY_DIGITS = 64


@described({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})
def node_key(name: str, value: object) -> bytes:
    """A node's key, in hex."""
    if isinstance(value, str) and len(value) == _KEY_DIGITS and value.isascii():
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise refuse(f"{name} must be the key of a node, {_KEY_DIGITS} hexadecimal digits")


def _identity_row(identity: NodeIdentity) -> JsonObject:
    return {
        "former_key": identity.former_key.hex(),
        "key": identity.key.hex(),
        "problem": identity.trouble,
        "shown_to": identity.shown_to,
    }


def _node_row(view: TrustedView) -> dict[str, Any]:
    return {
        "address": view.node.host,
        "connections": view.connections,
        "key": view.node.key.hex(),
        "name": view.node.name,
        "since": int(view.node.since),
    }


class NodeMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `node`: who this one is."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes()
    async def jsonrpc_identity(self) -> JsonObject:
        """This node's key, and to whom it is shown."""
        return _identity_row(self._api.nodes.identity())

    @takes(Param("succession", boolean, True))
    async def jsonrpc_rotate(self, succession: bool) -> JsonObject:
        """Another key; with `succession` the one of now vouches for it, so that trust goes on."""
        return _identity_row(await self._api.nodes.rotate(succession=succession))


class NodesMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `nodes`: those that are trusted."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes(Param("key", node_key), Param("name", text(NAME_LIMIT), ""))
    async def jsonrpc_trust(self, key: bytes, name: str) -> JsonObject:
        """Trust a node, or call it something else."""
        self._api.nodes.trust(key, name)
        return {}

    @takes(Param("keys", list_of(node_key, LIMIT)))
    async def jsonrpc_untrust(self, keys: Sequence[bytes]) -> JsonObject:
        """Trust these no more; says how many were."""
        return {"removed": self._api.nodes.untrust(keys)}

    @takes()
    async def jsonrpc_list(self) -> JsonObject:
        """The trusted ones, the oldest first."""
        return {"nodes": [_node_row(view) for view in self._api.nodes.list()]}
