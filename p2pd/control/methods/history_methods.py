"""p2pd's own: history_get, what the session or torrents did in earlier times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import (
    JsonObject,
    Param,
    bind,
    declares,
    integer,
    list_of,
    one_of,
    refuse,
    text,
)
from p2pd.session.api import SessionApi
from p2pd.session.history_api import SESSION, History, Span

MOST_TORRENTS = 100
MOST_ROWS = 20_000
"""Of all subjects of an answer together."""

DAY = 86_400
LATEST = 2**40

HISTORY_PARAMS = (
    Param("ids", ids, None),
    Param("fields", list_of(text(100), 100), None),
    Param("from", integer(0, LATEST), None),
    Param("to", integer(0, LATEST), None),
    Param("points", integer(1, MOST_ROWS), 300),
    Param("format", one_of("objects", "table"), "objects"),
)

Getter = Callable[[Span, float], int]
"""Of a row, and the seconds that it is about."""

_OF_BOTH: Mapping[str, Getter] = {
    "time": lambda span, seconds: span.at,
    "downloaded_bytes": lambda span, seconds: span.downloaded,
    "uploaded_bytes": lambda span, seconds: span.uploaded,
    "rate_download": lambda span, seconds: int(span.downloaded / seconds),
    "rate_upload": lambda span, seconds: int(span.uploaded / seconds),
    "peak_rate_download": lambda span, seconds: span.peak_down,
    "peak_rate_upload": lambda span, seconds: span.peak_up,
    "peers_connected": lambda span, seconds: span.peers,
}
TORRENT_HISTORY: Mapping[str, Getter] = {
    **_OF_BOTH,
    "status": lambda span, seconds: span.state,
}
SESSION_HISTORY: Mapping[str, Getter] = {
    **_OF_BOTH,
    "active_torrent_count": lambda span, seconds: span.state,
}
_HASH = re.compile(r"[0-9a-fA-F]{40}\Z")


class HistoryMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `history`."""

    def __init__(
        self, api: SessionApi, selection: Selection, wall_clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self._api = api
        self._selection = selection
        self._wall_clock = wall_clock

    @declares(*HISTORY_PARAMS)
    async def jsonrpc_get(self, params: Mapping[str, object]) -> JsonObject:
        """What the session did, or some torrents, as far back as is known."""
        wanted = bind(params, HISTORY_PARAMS)
        until = int(self._wall_clock()) + 1 if wanted["to"] is None else wanted["to"]
        since = max(0, until - DAY) if wanted["from"] is None else wanted["from"]
        if since >= until:
            raise refuse("from must be before to")
        times: JsonObject = {"from": since, "to": until}
        if wanted["ids"] is None:
            history = await self._api.history.read([SESSION], since, until, wanted["points"])
            rows = _rows(history, SESSION, SESSION_HISTORY, wanted)
            return {**times, "resolution": history.step, "session": rows}
        subjects = self._subjects(wanted["ids"])
        if not subjects:
            return {**times, "resolution": until - since, "torrents": []}
        most_rows = min(wanted["points"] * len(subjects), MOST_ROWS)
        history = await self._api.history.read(list(subjects), since, until, most_rows)
        torrents = [
            {**facts, "rows": _rows(history, name, TORRENT_HISTORY, wanted)}
            for name, facts in subjects.items()
        ]
        return {**times, "resolution": history.step, "torrents": torrents}

    def _subjects(self, wanted: Ids) -> dict[bytes, JsonObject]:
        """The torrents asked for; one that was removed is known by its hash for a while."""
        found: dict[bytes, JsonObject] = {}
        for torrent in self._selection.torrents(wanted):
            name = torrent.info_hashes.wire_ids[0]
            found[name] = {"id": torrent.id, "hash_string": torrent.hash_string}
        for key in wanted:
            if isinstance(key, str) and _HASH.match(key) and self._api.find(key) is None:
                found[bytes.fromhex(key)] = {"id": None, "hash_string": key.lower()}
        if len(found) > MOST_TORRENTS:
            raise refuse(f"ids are more than {MOST_TORRENTS} torrents")
        return found


def _rows(
    history: History, subject: bytes, known: Mapping[str, Getter], wanted: JsonObject
) -> list[Any]:
    """Objects, or after a row of names lists; names that mean nothing here are left out."""
    asked = known if wanted["fields"] is None else wanted["fields"]
    getters = {name: known[name] for name in asked if name in known}
    rows = []
    for span in history.rows.get(subject, ()):
        # The step that is now is not over: its rate is that of the time that was.
        seconds = max(1, min(history.step, history.now - span.at))
        rows.append([get(span, seconds) for get in getters.values()])
    if wanted["format"] == "table":
        return [list(getters), *rows]
    return [dict(zip(getters, row, strict=True)) for row in rows]
