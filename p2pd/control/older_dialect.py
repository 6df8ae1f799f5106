"""Transmission's older dialect, as most clients still speak it: a translation and nothing more.

``{"method": "torrent-get", "arguments": {…}, "tag": 4}`` becomes the JSON-RPC call that is meant,
the answer becomes ``{"arguments": {…}, "result": "success", "tag": 4}``. Names are in kebab-case,
those of torrents and of statistics in camelCase, with exceptions. (rpc-spec of Transmission 4.0)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from p2pd.control.errors import RpcCode, RpcError
from p2pd.control.message import Call
from p2pd.control.methods.column import Column, Getter

SUCCESS = "success"

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_RENAMED = {"cache_size_mb": "cache_size_mib"}
_RENAMED_BACK = {new: old for old, new in _RENAMED.items()}

_ENCRYPTION = {"tolerated": "allowed"}
_ENCRYPTION_BACK = {new: old for old, new in _ENCRYPTION.items()}

_KEBAB_OF_TORRENTS = frozenset({"file_count", "peer_limit", "primary_mime_type"})
_CAMEL_OF_SESSIONS = frozenset({"honors_session_limits", "seed_ratio_limit", "seed_ratio_limited"})
_SNAKE = frozenset({"total_size"})
"""In the answer of free-space."""

_ROWS_WITHIN = frozenset(
    {
        "discovery",
        "file_stats",
        "files",
        "peers",
        "peers_from",
        "seed_limits_in_force",
        "tracker_stats",
        "trackers",
        "webseeds_ex",
    }
)
"""Fields of torrents that hold objects with names of ours; those of other objects are data."""


def is_older(value: object) -> bool:
    """Whether a body is in this dialect: the newer one says what it is."""
    return isinstance(value, dict) and "jsonrpc" not in value


def call_of(value: Mapping[str, Any]) -> Call:
    """The call that is meant; its id is the tag. Raises RpcError."""
    method, arguments = value.get("method"), value.get("arguments", {})
    if not isinstance(method, str):
        raise RpcError(RpcCode.INVALID_REQUEST, "no method name")
    if not isinstance(arguments, dict):
        raise RpcError(RpcCode.INVALID_PARAMS, "arguments must be an object")
    params = {current_name(name): argument for name, argument in arguments.items()}
    if isinstance(params.get("fields"), list):
        params["fields"] = [
            current_name(name) if isinstance(name, str) else name for name in params["fields"]
        ]
    if params.get("ids") == "recently-active":
        params["ids"] = "recently_active"
    encryption = params.get("encryption")
    if isinstance(encryption, str):
        params["encryption"] = _ENCRYPTION.get(encryption, encryption)
    return Call(current_name(method), params, tag_of(value), notification=False)


def tag_of(value: Mapping[str, Any]) -> int | None:
    """The number that the answer is to carry, too."""
    tag = value.get("tag")
    return tag if isinstance(tag, int) and not isinstance(tag, bool) else None


def success(call: Call, result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer for a result."""
    return _tagged({"arguments": _arguments(call.method, result), "result": SUCCESS}, call.id)


def failure(tag: object, error: RpcError) -> dict[str, Any]:
    """The answer for an error: a sentence in the place of "success"."""
    said = error.to_json()
    sentence = said.get("data", {}).get("error_string") or said["message"]
    return _tagged({"arguments": {}, "result": sentence}, tag)


def older_columns(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The same fields of torrents, shown with their older names, also those within."""
    return {name: _older_column(name, column) for name, column in columns.items()}


def current_name(name: str) -> str:
    """The newer name for an older one: a newer one stays as it is."""
    snake = _HUMP.sub("_", name[:100]).replace("-", "_").lower()
    return _RENAMED.get(snake, snake)


def _tagged(answer: dict[str, Any], tag: object) -> dict[str, Any]:
    return answer if tag is None else {**answer, "tag": tag}


def _arguments(method: str, result: Mapping[str, Any]) -> dict[str, Any]:
    if method == "torrent_get":
        return dict(result)  # the rows are made with their older names
    if method == "session_stats":
        return {
            _kebab(name) if isinstance(value, dict) else _camel(name): _renamed(value, _camel)
            for name, value in result.items()
        }
    if method in ("torrent_add", "torrent_rename_path"):
        return {_kebab(name): _renamed(value, _camel) for name, value in result.items()}
    translated = {_session_name(name): value for name, value in result.items()}
    if isinstance(units := translated.get("units"), dict):
        translated["units"] = _renamed(units, _kebab)
    if isinstance(groups := translated.get("group"), list):
        translated["group"] = [_renamed(group, _session_name) for group in groups]
    if isinstance(encryption := translated.get("encryption"), str):
        translated["encryption"] = _ENCRYPTION_BACK.get(encryption, encryption)
    return translated


def _older_column(name: str, column: Column) -> Column:
    shown, get = _kebab(name) if name in _KEBAB_OF_TORRENTS else _camel(name), column.get
    if name == "wanted":
        get = _as_numbers(get)
    elif name in _ROWS_WITHIN:
        get = _with_older_names(get)
    return column._replace(name=shown, get=get)


def _as_numbers(get: Getter) -> Getter:
    return lambda torrent, now: [int(wanted) for wanted in get(torrent, now)]


def _with_older_names(get: Getter) -> Getter:
    return lambda torrent, now: _renamed(get(torrent, now), _camel)


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    """The same with other names, also in a list of objects."""
    if isinstance(value, dict):
        return {rename(name): inner for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, rename) for inner in value]
    return value


def _session_name(name: str) -> str:
    if name in _SNAKE:
        return name
    return _camel(name) if name in _CAMEL_OF_SESSIONS else _kebab(name)


def _kebab(name: str) -> str:
    return _RENAMED_BACK.get(name, name).replace("_", "-")


def _camel(name: str) -> str:
    if name == "is_utp":
        return "isUTP"
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
