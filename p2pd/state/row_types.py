"""What the columns of the small tables hold; SQLite would take anything."""

from __future__ import annotations

import json
from typing import Any, Sequence
from zlib import crc32

from p2pd.state.damage import DamagedError

_NUMBER = (int, float)
_LIMIT = (int, type(None))
TABLES: dict[str, tuple[Any, ...]] = {
    "settings": (str, str),
    "statistics": (str, int),
    "bans": (str, int, bytes, str, _NUMBER, (*_NUMBER, type(None))),
    "node_bans": (bytes, str, _NUMBER, (*_NUMBER, type(None))),
    "trusted_nodes": (bytes, str, _NUMBER, str, _LIMIT),
    "moves": (int, str, str, str, (int, type(None))),
    "removals": (int, str, str, (int, type(None))),
    "good_peers": (int, str, int, _NUMBER, int, int, _NUMBER),
    "users": (str, str, str, str, str, int, _LIMIT, _LIMIT, _NUMBER, _LIMIT),
    "audit": (int, _NUMBER, str, str, str, str, str, str, str),
    "api_keys": (int, str, str, str, str, bytes, _NUMBER, _NUMBER, _LIMIT),
    "hooks": (int, str, _LIMIT),
    "hook_letters": (int, int, str, str, _NUMBER, int, _NUMBER, str, int),
    "hook_commands": (int, int, str, str, int, _LIMIT),
    "rss_feeds": (int, str, str, (int, type(None))),
    "rss_rules": (int, str, str, (int, type(None))),
    "rss_items": (int, str, str),
    "rss_episodes": (int, str, _NUMBER),
    "caught_hosts": (str, int, _NUMBER, int, int, _NUMBER, int, int),
    "kept_out_hosts": (str, _NUMBER),
    "dht_nodes": (str, int, bytes),
    "dht_own_ids": (str, bytes),
    "followed_torrents": (int, str, str, (int, type(None))),
    "published_items": (int, str, str, (int, type(None))),
}

_JSON: dict[str, tuple[int, ...]] = {
    "settings": (1,),
    "hooks": (1,),
    "hook_letters": (3,),
    "hook_commands": (3,),
    "rss_feeds": (1, 2),
    "rss_rules": (1, 2),
    "rss_items": (2,),
    "followed_torrents": (1, 2),
    "published_items": (1, 2),
}
"""Columns that are JSON, by their places."""

_SUMMED = {
    "removals": 1, "users": 0, "api_keys": 1, "rss_feeds": 1, "rss_rules": 1, "hooks": 1,
    "hook_commands": 1, "trusted_nodes": 0,
    "followed_torrents": 1, "published_items": 1,
}  # fmt: skip
"""Where the values begin that the checksum at the end of a row is of."""
_LABELS = {"users": 4, "api_keys": 4}


def checked(table: str, row: Sequence[Any]) -> Sequence[Any]:
    """The row, if it is one of this table. Raises DamagedError."""
    types = TABLES[table]
    if len(row) != len(types) or not all(map(isinstance, row, types)):
        raise DamagedError(f"a row of the table {table} makes no sense")
    for place in _JSON.get(table, ()):
        _check_json(table, row[place])
    if table == "moves" and row[-1] not in (None, sum_of(row[:-1])):
        raise DamagedError("a row of the table moves is not as it was written")
    if table in _SUMMED and row[-1] != sum_of(row[_SUMMED[table] : -1]):
        raise DamagedError(f"a row of the table {table} is not as it was written")
    if table in _LABELS:
        _check_labels(row[_LABELS[table]])
    return row


def sum_of(values: Sequence[Any]) -> int:
    """A checksum, for what would lead to a wrong place if a letter of it changed."""
    return crc32(repr(tuple(values)).encode("utf-8", "replace"))


def _check_json(table: str, text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        what = "a setting" if table == "settings" else f"a row of the table {table}"
        raise DamagedError(f"{what} makes no sense") from None


def _check_labels(text: str) -> None:
    try:
        labels = json.loads(text)
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DamagedError("the labels of an account make no sense")
