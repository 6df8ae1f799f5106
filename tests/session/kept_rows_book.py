"""Rows that are kept for those who poll, held against what they would be if they were made anew."""

from __future__ import annotations

import json

import pytest

from p2pd.control.methods import kept_rows
from p2pd.control.methods.kept_rows import KeptRows
from p2pd.control.methods.row_form import RestingRows, RowForm
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.torrent_fields import info_columns, info_fields
from p2pd.testing import SimNode

COLUMNS = [column for column in TORRENT_COLUMNS.values() if not column.of_files]


class KeptRowsBook:
    """Asks a node for everything of all torrents, now and then."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._kept = KeptRows(node.control, node.network.clock)
        self._form = RowForm(COLUMNS, table=False)
        fields = info_fields(Labels(node.control), lambda: True)
        self._info = RowForm(info_columns(fields), sorts=False)
        self.were_kept = 0

    def check(self) -> None:
        """Nothing that is told is older than the question."""
        torrents = list(self._node.control.torrents())
        now = self._node.network.clock.seconds()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(kept_rows, "WORTH_KEEPING", 0)
            told = list(self._kept.rows(torrents, COLUMNS, now, table=False))
        for torrent, row in zip(torrents, told, strict=True):
            whole = self._form.whole(torrent, now)
            kept, anew = json.loads(row), json.loads(whole)
            stale = {k: (kept[k], v) for k, v in anew.items() if kept[k] != v}
            assert not stale, stale
            assert row == whole
        self.were_kept += self._kept.size > 0
        at_rest = RestingRows(self._info, self._node.control)
        for torrent in torrents:
            row = at_rest.row(torrent, now)
            if row is not None:
                told = row if isinstance(row, bytes) else row.filled(torrent, now)
                assert told == self._info.whole(torrent, now)
