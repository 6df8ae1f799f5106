"""p2pd's own: system_methods, the API's description of itself (OpenRPC 1.3), made of the code.

Which methods there are, what each takes and which errors it may give. What the fields of torrents
and of the session mean is in docs/api.rst.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.access.caller import current_caller
from p2pd.control.access.roles import roles_for, rule_of
from p2pd.control.errors import MESSAGES
from p2pd.control.methods.history_methods import SESSION_HISTORY, TORRENT_HISTORY
from p2pd.control.methods.session_fields import SESSION_FIELDS
from p2pd.control.methods.torrent_fields import TORRENT_FIELDS
from p2pd.control.schema import REQUIRED, JsonObject, Param, params_of, schema_of, takes

OPENRPC = "1.3.2"

FIELDS = {
    "history_get": sorted({*SESSION_HISTORY, *TORRENT_HISTORY}),
    "session_get": sorted(SESSION_FIELDS),
    "torrent_get": sorted(TORRENT_FIELDS),
}
"""What may be asked for in the `fields` of a method."""


class SystemMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `system`."""

    def __init__(self, groups: Mapping[str, BaseSubhandler], version: str) -> None:
        """`groups` are all the others."""
        super().__init__()
        self._groups = groups
        self._version = version

    @takes()
    async def jsonrpc_methods(self) -> JsonObject:
        """Describe every method: an OpenRPC document."""
        groups = {**self._groups, "system": self}
        return {
            "openrpc": OPENRPC,
            "info": {"title": "p2pd", "version": self._version},
            "servers": [{"url": f"{current_caller().base_url}/rpc"}],
            "methods": [_described(name, method) for name, method in sorted(_methods(groups))],
            "components": {
                "errors": {
                    str(int(code)): {"code": int(code), "message": message}
                    for code, message in MESSAGES.items()
                }
            },
        }


def _methods(groups: Mapping[str, BaseSubhandler]) -> Iterator[tuple[str, Any]]:
    for prefix, group in groups.items():
        for name in group._listFunctions():
            yield f"{prefix}_{name}", group._getFunction(name)


def _described(name: str, method: Any) -> JsonObject:
    described = {
        "name": name,
        "summary": (method.__doc__ or "").partition("\n")[0],
        "paramStructure": "by-name",
        "params": [_param(param) for param in params_of(method)],
        "result": {"name": "result", "schema": {"type": "object"}},
        "x-roles": [str(role) for role in roles_for(rule_of(name).need)],
    }
    return described | ({"x-fields": FIELDS[name]} if name in FIELDS else {})


def _param(param: Param) -> JsonObject:
    required = param.default is REQUIRED
    return {"name": param.name, "required": required, "schema": schema_of(param.check)}
