"""p2pd's own: task_get and task_cancel, for what takes its time: torrents in the making."""

from __future__ import annotations

import base64

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, Param, boolean, integer, list_of, refuse, takes
from p2pd.session.api import SessionApi
from p2pd.session.creating.creation_api import TaskView

_NUMBER = integer(1, 2**53)


class TaskMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `task`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes(Param("ids", list_of(_NUMBER, 1000), None), Param("metainfo", boolean, False))
    async def jsonrpc_get(self, ids: tuple[int, ...] | None, metainfo: bool) -> JsonObject:
        """How far tasks are, and what came of those that are over."""
        if metainfo and (ids is None or len(ids) != 1):
            raise refuse("metainfo is told of one task at a time: name it in ids")
        found = [task for task in self._api.creating.tasks() if ids is None or task.id in ids]
        return {"tasks": [_row(task, metainfo) for task in found]}

    @takes(Param("id", _NUMBER))
    async def jsonrpc_cancel(self, id: int) -> JsonObject:
        """End a task, or forget one that is over."""
        if not self._api.creating.cancel(id):
            raise refuse(f"there is no task {id}")
        return {}


def _row(task: TaskView, metainfo: bool) -> JsonObject:
    created = task.created
    row: JsonObject = {
        "began_date": int(task.began_at),
        "bytes_done": task.done,
        "bytes_total": task.total,
        "error_string": task.problem,
        "eta": task.seconds_left,
        "hash_string": created.hash_string if created else "",
        "id": task.id,
        "magnet_link": created.magnet_link if created else "",
        "name": created.name if created else "",
        "path": task.path,
        "piece_size": created.piece_length if created else 0,
        "rate": int(task.rate),
        "state": task.state.value,
        "torrent_id": task.torrent_id,
    }
    if metainfo:
        data = created.torrent if created else b""
        row["metainfo"] = base64.b64encode(data).decode("ascii")
    return row
