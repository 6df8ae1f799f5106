"""p2pd's own: audit_get, who changed what."""

from __future__ import annotations

import json

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.access.audit import AuditLog
from p2pd.control.schema import JsonObject, Param, integer, takes, text
from p2pd.state.audit import AuditEntry, AuditQuestion

MOST_AT_ONCE = 1000


class AuditMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `audit`."""

    def __init__(self, audit: AuditLog) -> None:
        super().__init__()
        self._audit = audit

    @takes(
        Param("count", integer(1, MOST_AT_ONCE), 100),
        Param("before", integer(0, 2**62), None),
        Param("user", text(64), ""),
        Param("method", text(64), ""),
    )
    async def jsonrpc_get(
        self, count: int, before: int | None, user: str, method: str
    ) -> JsonObject:
        """The calls that changed something, the latest first."""
        wanted = AuditQuestion(count, before, user, method)
        return {"entries": [_row(entry) for entry in await self._audit.read(wanted)]}


def _row(entry: AuditEntry) -> JsonObject:
    return {
        "id": entry.id,
        "time": int(entry.at),
        "user": entry.user,
        "key": entry.key,
        "address": entry.address,
        "method": entry.method,
        "ids": json.loads(entry.ids) if entry.ids else None,
        "params": entry.params,
        "result": entry.result,
    }
