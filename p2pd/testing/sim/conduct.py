"""How nodes may misbehave: whole sessions, but for what they send.

A malicious peer is a real session whose storage lies, or is silent; so it speaks the protocol
perfectly well, and only what it sends gives it away.
"""

from __future__ import annotations

import enum
from typing import Any, Sequence

from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.testing.sim.disks import SharedStorage
from p2pd.testing.sim.streams import SimStream
from p2pd.transports.interfaces import Buffer


class Conduct(enum.Enum):
    """What a node does."""

    HONEST = "honest"
    FREE_RIDER = "free rider"
    """Takes, and gives nothing: everybody is choked, always."""
    POISONER = "poisoner"
    """Says it has everything, and sends nothing but noise."""
    SPOILER = "spoiler"
    """Says it has everything, and spoils one block of sixteen."""
    STALLER = "staller"
    """Says it has everything, and is silent after the first block that a peer asks for."""


CLAIMS_ALL = (Conduct.POISONER, Conduct.SPOILER, Conduct.STALLER)

SPOILED_OF = 16


class Noise(SharedStorage):
    """Bad blocks: each of them, or one of so many."""

    def __init__(self, layout: FileLayout, content: Sequence[bytes], *, one_of: int = 1) -> None:
        super().__init__(layout, content, cached=True)
        self.bad_blocks = 0
        self._one_of = one_of
        self._read = 0

    def read_now(self, requests: Sequence[Request], buffer: memoryview) -> list[Buffer]:
        """What was asked for, but wrong."""
        return [self._spoiled(block) for block in super().read_many(requests)]

    def _spoiled(self, block: Buffer) -> Buffer:
        self._read += 1
        if self._read % self._one_of:
            return block
        self.bad_blocks += 1
        return bytes(len(block))


class StallingStream(SimStream):
    """Gives one block, then no more of them: everything else goes through."""

    __slots__ = ("_gave",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._gave = False

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Blocks are what comes in pairs, of a header and bytes."""
        if len(buffers) == 1:
            super().write(buffers)
        elif not self._gave:
            self._gave = True
            super().write(buffers[:2])
