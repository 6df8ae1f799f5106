"""blocklist_update (Transmission's rpc-spec, 4.4), and how the blocklist stands."""

from __future__ import annotations

from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, takes
from p2pd.session.api import SessionApi
from p2pd.session.blocklist.blocklist_api import BlocklistApi


class BlocklistMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `blocklist`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes()
    async def jsonrpc_update(self) -> JsonObject:
        """Get the list anew, now; answers when it is in force."""
        return {"blocklist_size": await self._api.blocklist.update()}


def blocklist_fields(blocklist: BlocklistApi) -> dict[str, Any]:
    """What session_get tells of it besides its settings (session_fields.BLOCKLIST_FIELDS)."""
    return {"blocklist_size": blocklist.size, "blocklist_status": _status(blocklist)}


def _status(blocklist: BlocklistApi) -> dict[str, Any]:
    """Dates are Unix seconds, 0 for never."""
    status = blocklist.status()
    note = status.note
    return {
        "checked_date": int(note.checked_at),
        "failures": note.failures,
        "next_date": int(status.next_at),
        "problem": note.problem,
        "skipped_lines": note.skipped,
        "source": note.source,
        "tried_date": int(note.tried_at),
        "turned_away": status.turned_away,
        "updated_date": int(note.came_at),
        "updating": status.updating,
    }
