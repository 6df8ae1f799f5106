"""p2pd's own: state_backup, state_read, state_write, state_restore, state_forget.

A backup travels in parts, as any call does: no other path, and no bigger body, is needed for it.
"""

from __future__ import annotations

import base64

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, Param, base64_of, boolean, integer, takes, text
from p2pd.formats.x509.keys_at_rest import MAX_PASSPHRASE
from p2pd.session.api import SessionApi

MOST_BYTES = 2**50
PART = 16 * 1024 * 1024
"""Bytes of data in a call at most."""

_NAME = Param("name", text(200))
_PASSPHRASE = Param("passphrase", text(MAX_PASSPHRASE), "")
_OFFSET = Param("offset", integer(0, MOST_BYTES))


class StateMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `state`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes(_PASSPHRASE, strict=True)
    async def jsonrpc_backup(self, passphrase: str) -> JsonObject:
        """Make a backup, to be read in parts."""
        made = await self._api.backups.make(passphrase)
        return {
            "key_count": made.keys,
            "without_keys": made.without_keys,
            "problems": list(made.problems),
            "name": made.name,
            "sha256": made.sha256,
            "size_bytes": made.size,
            "torrent_count": made.torrents,
        }

    @takes(_NAME, _OFFSET)
    async def jsonrpc_read(self, name: str, offset: int) -> JsonObject:
        """A part of a backup."""
        data = await self._api.backups.read(name, offset)
        return {"data": base64.b64encode(data).decode("ascii")}

    @takes(_NAME, _OFFSET, Param("data", base64_of(PART)))
    async def jsonrpc_write(self, name: str, offset: int, data: bytes) -> JsonObject:
        """Take in a part of a backup."""
        return {"size_bytes": await self._api.backups.write(name, offset, data)}

    @takes(_NAME, _PASSPHRASE, Param("with_keys", boolean, True), strict=True)
    async def jsonrpc_restore(self, name: str, passphrase: str, with_keys: bool) -> JsonObject:
        """Add what is in a backup and not here."""
        found = await self._api.backups.restore(name, passphrase, with_keys=with_keys)
        return {
            "torrents_added": found.added,
            "torrents_here": found.here,
            "keys_added": found.keys,
            "problems": list(found.problems),
        }

    @takes(_NAME)
    async def jsonrpc_forget(self, name: str) -> JsonObject:
        """Remove a backup from the daemon's folder."""
        await self._api.backups.forget(name)
        return {}
