"""The blocklist of a session, for control: a part of the facade in api.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from p2pd.state.blocklist_file import BlocklistNote


@dataclass(frozen=True, slots=True)
class BlocklistStatus:
    """How it stands; the note says of the list that is kept, whether it is in force or not."""

    note: BlocklistNote
    next_at: float
    """When it is looked for next, in Unix seconds; 0: it is not."""
    updating: bool
    turned_away: int
    """Connections since the start."""


class BlocklistApi(Protocol):
    """The list of addresses to keep away from."""

    @property
    def size(self) -> int:
        """Ranges in the list that is kept, whether it is in force or not."""

    def status(self) -> BlocklistStatus: ...
    async def update(self) -> int:
        """Get it anew, now; how many ranges it has. Raises ListSourceError, BlocklistError."""
