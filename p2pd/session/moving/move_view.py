"""What is shown of a torrent on its way to another folder."""

from __future__ import annotations

from typing import Protocol


class MoveView(Protocol):
    """A torrent's move to another folder."""

    @property
    def target(self) -> str: ...
    @property
    def stage(self) -> str:
        """waiting, copying, verifying, finishing, or clearing: the old files are removed."""

    @property
    def progress(self) -> float:
        """0 to 1."""

    @property
    def trouble(self) -> str:
        """What it waits for, in words; empty when nothing is in its way."""
