"""Rows of values, and for each value since which version it is what it is.

What changed since any version is found again from that, as often as somebody asks: nothing is kept
of what was told before, and a client that was away for long gets each value once. It costs what
changed since, not what there is. Refuses to know what rows and values mean.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Generic, Hashable, NamedTuple, Sequence, TypeVar

K = TypeVar("K", bound=Hashable)

GONE_LIMIT = 10_000
"""Rows that went and are remembered, the latest."""


class Row:
    """The values of one row."""

    __slots__ = ("born", "changed", "values", "versions")

    def __init__(self, values: list[Any], version: int) -> None:
        self.values = values
        self.versions = [version] * len(values)
        self.born = self.changed = version

    def since(self, version: int) -> list[int]:
        """Where the values are that are others than at this version."""
        if self.born > version:
            return list(range(len(self.values)))
        return [at for at, changed in enumerate(self.versions) if changed > version]


class Changes(NamedTuple, Generic[K]):
    """What is not as it was at `since`; for None: all there is."""

    since: int | None
    rows: list[tuple[K, Row]]
    gone: list[K]

    def values(self, row: Row) -> list[int]:
        """Where in a row the values are that changed."""
        return list(range(len(row.values))) if self.since is None else row.since(self.since)


class Ledger(Generic[K]):
    """The rows by their keys. Versions only grow."""

    def __init__(self, version: int, gone_limit: int = GONE_LIMIT) -> None:
        self.floor = version
        """What happened before this version is not known any more."""
        self._rows: OrderedDict[K, Row] = OrderedDict()  # what changed last is last
        self._gone: OrderedDict[K, int] = OrderedDict()
        self._gone_limit = gone_limit

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def __iter__(self) -> Any:
        return iter(list(self._rows))

    def has(self, key: K, row: Row) -> bool:
        """Whether this is still the row of the key."""
        return self._rows.get(key) is row

    def put(self, key: K, values: Sequence[Any], version: int) -> bool:
        """The values of a row at this version; whether any is another than before."""
        row = self._rows.get(key)
        if row is None:
            self._rows[key] = Row(list(values), version)
            self._gone.pop(key, None)
            return True
        changed = False
        for at, value in enumerate(values):
            if value != row.values[at]:
                row.values[at], row.versions[at] = value, version
                changed = True
        if changed:
            row.changed = version
            self._rows.move_to_end(key)
        return changed

    def remove(self, key: K, version: int) -> bool:
        """There is no such row any more; whether there was."""
        if self._rows.pop(key, None) is None:
            return False
        self._gone[key] = version
        if len(self._gone) > self._gone_limit:
            _, self.floor = self._gone.popitem(last=False)
        return True

    def knew(self, key: K) -> bool:
        """Whether there is such a row, or was one lately."""
        return key in self._rows or key in self._gone

    def everything(self) -> Changes[K]:
        """All rows."""
        return Changes(None, list(self._rows.items()), [])

    def since(self, version: int) -> Changes[K] | None:
        """What changed after this version, what changed last first; None if that is not known."""
        if version < self.floor:
            return None
        rows = []
        for key, row in reversed(self._rows.items()):
            if row.changed <= version:
                break
            rows.append((key, row))
        gone = []
        for key, went in reversed(self._gone.items()):
            if went <= version:
                break
            gone.append(key)
        return Changes(version, rows, gone)
