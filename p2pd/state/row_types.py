"""What the columns of the small tables hold; SQLite would take anything."""

from __future__ import annotations

import json
from typing import Any, Sequence
from zlib import crc32

from p2pd.state.damage import DamagedError

_NUMBER = (int, float)
TABLES: dict[str, tuple[Any, ...]] = {
    "settings": (str, str),
    "statistics": (str, int),
    "bans": (str, int, bytes, str, _NUMBER, (*_NUMBER, type(None))),
    "moves": (int, str, str, str, (int, type(None))),
    "removals": (int, str, str, (int, type(None))),
    "good_peers": (int, str, int, _NUMBER, int, int, _NUMBER),
}


def checked(table: str, row: Sequence[Any]) -> Sequence[Any]:
    """The row, if it is one of this table. Raises DamagedError."""
    types = TABLES[table]
    if len(row) != len(types) or not all(map(isinstance, row, types)):
        raise DamagedError(f"a row of the table {table} makes no sense")
    if table == "settings":
        _check_json(row[1])
    if table == "moves" and row[-1] not in (None, sum_of(row[:-1])):
        raise DamagedError("a row of the table moves is not as it was written")
    if table == "removals" and row[-1] != sum_of(row[1:-1]):
        raise DamagedError("a row of the table removals is not as it was written")
    return row


def sum_of(values: Sequence[Any]) -> int:
    """A checksum, for what would lead to a wrong place if a letter of it changed."""
    return crc32(repr(tuple(values)).encode("utf-8", "replace"))


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedError("a setting makes no sense") from None
