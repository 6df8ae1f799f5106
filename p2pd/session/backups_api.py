"""Backups of the whole state, for control: a part of the facade in api.py."""

from __future__ import annotations

from typing import Awaitable, Callable, Protocol, Sequence


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
    @property
    def keys(self) -> int:
        """Private keys in it."""

    @property
    def without_keys(self) -> str:
        """Why there are none, though some are here; in words."""

    @property
    def problems(self) -> Sequence[str]:
        """What else is not in it."""


class RestoredView(Protocol):
    """What came of a restore: torrents that came, those that were here, private keys that came."""

    @property
    def added(self) -> int: ...
    @property
    def here(self) -> int: ...
    @property
    def keys(self) -> int: ...
    @property
    def problems(self) -> Sequence[str]:
        """In words, what of those did not come."""


class StateBackupsApi(Protocol):
    """Backups of the whole state. Each method may raise P2pdError."""

    def listen(self, listener: Callable[[], Awaitable[object]]) -> None:
        """Have it hear that private keys and certificates came from a backup."""

    async def make(self, passphrase: str = "") -> BackupView:
        """Private keys are sealed with this, or with what seals those here; or are not in it."""

    async def read(self, name: str, offset: int) -> bytes:
        """A part of one; empty at its end."""

    async def write(self, name: str, offset: int, data: bytes) -> int:
        """Take in a part of one, in order; how long it is now."""

    async def forget(self, name: str) -> None: ...
    async def restore(
        self, name: str, passphrase: str = "", *, with_keys: bool = True
    ) -> RestoredView:
        """Add what is in it and not here."""
