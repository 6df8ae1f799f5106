"""free_space: how much room a folder's file system has (Transmission's rpc-spec, 4.7)."""

from __future__ import annotations

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, Param, absolute_path, takes
from p2pd.session.api import SessionApi


class DiskMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `free`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes(Param("path", absolute_path))
    async def jsonrpc_space(self, path: str) -> JsonObject:
        """Free and total bytes where `path` is."""
        space = await self._api.free_space(path)
        return {"path": path, "size_bytes": space.free, "total_size": space.total}
