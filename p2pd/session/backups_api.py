"""Backups of the whole state, for control: a part of the facade in api.py."""

from __future__ import annotations

from typing import Protocol


class BackupView(Protocol):
    """A backup that was made."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def torrents(self) -> int: ...


class StateBackupsApi(Protocol):
    """Backups of the whole state. Each method may raise P2pdError."""

    async def make(self) -> BackupView: ...
    async def read(self, name: str, offset: int) -> bytes:
        """A part of one; empty at its end."""

    async def write(self, name: str, offset: int, data: bytes) -> int:
        """Take in a part of one, in order; how long it is now."""

    async def forget(self, name: str) -> None: ...
    async def restore(self, name: str) -> tuple[int, int]:
        """Add what is in it and not here: torrents that came, and those that were here."""
