"""Where the moves under way are written down (state.moves.MoveStore)."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from p2pd.state.moves import MoveRow
from p2pd.state.records import TorrentRecord


class MoveJournal(Protocol):
    """A row for each torrent that is moved."""

    def load(self) -> Deferred[list[MoveRow]]: ...
    def save(self, row: MoveRow) -> Deferred[None]: ...
    def switch(self, row: MoveRow, record: TorrentRecord) -> Deferred[None]: ...
    def end(self, torrent: int) -> Deferred[None]: ...
    def is_kept(self, record: TorrentRecord) -> Deferred[bool]: ...
