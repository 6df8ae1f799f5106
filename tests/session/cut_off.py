"""A process that is killed at a numbered call of the system, or of the journal."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator
from unittest.mock import patch

from p2pd.state.moves import MoveRow
from p2pd.state.resume import TorrentRecord
from p2pd.testing.memory_store import MemoryJournal, MemoryStore

CALLS = (
    "fdatasync", "fsync", "ftruncate", "link", "makedirs", "mkdir", "pwrite", "rename", "rmdir",
    "unlink", "utime",
)  # fmt: skip


class KilledError(BaseException):
    """The process is dead: nothing more happens."""


class Cut:
    """Counts what changes something, and kills at the call with the number `at`."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0

    @property
    def dead(self) -> bool:
        return self.count > self.at

    def step(self) -> None:
        """Raises KilledError."""
        self.count += 1
        if self.dead:
            raise KilledError

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Every call of the system counts meanwhile."""
        with patch.multiple(os, **{name: self._counted(getattr(os, name)) for name in CALLS}):
            yield

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            if call is os_pwrite and len(args[1]) > 1:
                # A kill may come in the middle of what is written, too.
                call(args[0], args[1][: len(args[1]) // 2], args[2])
                self.step()
            return call(*args, **kwargs)

        return counted


os_pwrite = os.pwrite


class CutJournal(MemoryJournal):
    """A journal whose writes count."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.cut = Cut(1 << 30)

    async def save(self, row: MoveRow) -> None:
        self.cut.step()
        await super().save(row)

    async def switch(self, row: MoveRow, record: TorrentRecord) -> None:
        self.cut.step()
        await super().switch(row, record)

    async def end(self, torrent: int) -> None:
        self.cut.step()
        await super().end(torrent)
