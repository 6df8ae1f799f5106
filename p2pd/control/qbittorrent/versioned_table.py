"""Rows of which it is known since when each value is what it is: so that only what changed is told.

Versions are whole numbers that grow. Whoever has the table as of one of them is told what changed
after it; that costs what changed, not what there is. Pure: refuses to know what the rows are.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Any

MAX_REMOVED = 10_000
"""Removals that are remembered; who missed more is told everything."""


class _Row:
    __slots__ = ("born", "changed", "latest", "values")

    def __init__(self, values: Sequence[Any], version: int) -> None:
        self.values = values
        self.changed = [version] * len(values)
        self.born = self.latest = version


class VersionedTable:
    """Rows by key, each with the same columns."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._removed: deque[tuple[int, int, str]] = deque()
        self.forgotten = 0
        """Who has an older version than this cannot be told what was removed since."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def keys(self) -> list[str]:
        """The keys of all rows."""
        return list(self._rows)

    def put(self, key: str, values: Sequence[Any], version: int) -> None:
        """Have a row like this, as of a version that is not below any before."""
        row = self._rows.get(key)
        if row is None:
            self._rows[key] = _Row(values, version)
            return
        if row.values == values:
            return
        changed = row.changed
        for column, (old, new) in enumerate(zip(row.values, values, strict=True)):
            if old != new:
                changed[column] = version
        row.values = values
        row.latest = version
        self._rows.move_to_end(key)

    def drop(self, key: str, version: int) -> None:
        """Have no such row any more."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        self._removed.append((version, row.born, key))
        if len(self._removed) > MAX_REMOVED:
            self.forgotten = self._removed.popleft()[0]

    def all_rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every row as a whole."""
        for key, row in self._rows.items():
            yield key, dict(zip(self._columns, row.values, strict=True))

    def rows_since(self, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of rows that changed after a version what changed of them, the latest first."""
        for key in reversed(self._rows):
            row = self._rows[key]
            if row.latest <= version:
                return
            news = zip(self._columns, row.values, row.changed, strict=True)
            yield key, {column: value for column, value, at in news if at > version}

    def removed_since(self, version: int) -> list[str]:
        """Keys that were there at a version, were removed after it, and are not back."""
        found: dict[str, None] = {}
        for at, born, key in reversed(self._removed):
            if at <= version:
                break
            if born <= version and key not in self._rows:
                found[key] = None
        return list(found)
