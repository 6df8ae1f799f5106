"""Rules of labels (label_get, _set, _remove, _rename) and of trackers (tracker_rule_get, …).

All of it is p2pd's own. A thing that is null is not said: whoever is asked next says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.automation.rule_books import Entry, LabelBook, TrackerBook
from p2pd.control.methods.share_params import SHARE_PARAMS
from p2pd.control.schema import (
    SPEED,
    JsonObject,
    Param,
    absolute_path,
    bind,
    boolean,
    declares,
    or_null,
    refuse,
    takes,
    text,
)
from p2pd.session.api import SessionApi

_LABEL = Param("label", text(255))
_HOST = Param("host", text(255))

_OF_BOTH = (
    Param("download_dir", or_null(absolute_path), None),
    *(Param(param.name, or_null(param.check), None) for param in SHARE_PARAMS),
    Param("speed_limit_down", or_null(SPEED), None),
    Param("speed_limit_up", or_null(SPEED), None),
)
OF_LABELS = (*_OF_BOTH, Param("move_torrents", or_null(boolean), None))
OF_TRACKERS = (*_OF_BOTH, Param("label", or_null(text(255)), None))


class LabelMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `label`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._book = LabelBook(api)

    @takes()
    async def jsonrpc_get(self) -> JsonObject:
        """All labels, how many torrents have them, and what they say."""
        return {"labels": [_row("label", entry, OF_LABELS) for entry in self._book.entries()]}

    @declares(_LABEL, *OF_LABELS)
    async def jsonrpc_set(self, params: Mapping[str, object]) -> JsonObject:
        """Have a label say something, or no more; one that is not there is made."""
        name, changes = _given(params, _LABEL, OF_LABELS)
        await self._book.set(name, changes)
        return {}

    @takes(_LABEL, Param("from_torrents", boolean, False), strict=True)
    async def jsonrpc_remove(self, label: str, from_torrents: bool) -> JsonObject:
        """Have a label say nothing, and be on no torrent if so wished."""
        await self._book.remove(label, from_torrents=from_torrents)
        return {}

    @takes(_LABEL, Param("name", text(255)), strict=True)
    async def jsonrpc_rename(self, label: str, name: str) -> JsonObject:
        """Call a label otherwise, on all torrents."""
        return {"torrent_count": await self._book.rename(label, name)}


class TrackerMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `tracker`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._book = TrackerBook(api)

    @takes()
    async def jsonrpc_rule_get(self) -> JsonObject:
        """All rules for trackers, and how many torrents they hold for."""
        return {"rules": [_row("host", entry, OF_TRACKERS) for entry in self._book.entries()]}

    @declares(_HOST, *OF_TRACKERS)
    async def jsonrpc_rule_set(self, params: Mapping[str, object]) -> JsonObject:
        """Have the rule for a host say something, or no more; one that is not there is made."""
        name, changes = _given(params, _HOST, OF_TRACKERS)
        await self._book.set(name, changes)
        return {}

    @takes(_HOST, strict=True)
    async def jsonrpc_rule_remove(self, host: str) -> JsonObject:
        """Take the rule for a host away."""
        await self._book.remove(host)
        return {}


def _given(
    params: Mapping[str, object], name: Param, rule: Sequence[Param]
) -> tuple[str, dict[str, Any]]:
    """Whose rule it is and what is to be changed of it: null takes a thing away."""
    known = {name.name, *(param.name for param in rule)}
    if unknown := sorted(params.keys() - known):
        raise refuse(f"cannot be set here: {', '.join(unknown)[:300]}")
    bound = bind(params, (name, *rule))
    return bound[name.name], {key: bound[key] for key in params if key != name.name}


def _row(name: str, entry: Entry, rule: Sequence[Param]) -> JsonObject:
    said = {param.name: entry.rule.get(param.name) for param in rule}
    return {name: entry.name, "torrent_count": entry.torrents, **said}
