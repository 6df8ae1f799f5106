"""Rows that are kept for those who poll, held against what they would be if they were made anew."""

from __future__ import annotations

import json

import pytest

from p2pd.control.methods import kept_rows
from p2pd.control.methods.kept_rows import KeptRows, RowForm
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.testing import SimNode

COLUMNS = [column for column in TORRENT_COLUMNS.values() if column.lasts or column.stays]


class KeptRowsBook:
    """Asks a node for everything of all torrents, now and then."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._kept = KeptRows(node.control, node.network.clock)
        self._form = RowForm(COLUMNS, table=False)
        self.were_kept = 0

    def check(self) -> None:
        """Nothing that is told is older than the question."""
        torrents = list(self._node.control.torrents())
        now = self._node.network.clock.seconds()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(kept_rows, "WORTH_KEEPING", 0)
            told = list(self._kept.rows(torrents, COLUMNS, now, table=False))
        for torrent, row in zip(torrents, told, strict=True):
            kept, anew = json.loads(row), json.loads(self._form.whole(torrent, now))
            stale = {k: (kept[k], v) for k, v in anew.items() if kept[k] != v}
            assert not stale, stale
        self.were_kept += self._kept.size > 0
