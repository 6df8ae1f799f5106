"""What control asks of bans; see p2pd/session/api.py, which has it."""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import Ban


class BansApi(Protocol):
    """Bans of hosts and of single peers."""

    def bans(self) -> list[Ban]:
        """Those in force, the oldest first."""

    def ban(self, addresses: Sequence[PeerAddress], reason: str, seconds: float | None) -> None:
        """Ban whole hosts (port 0) or single peers there, and hang up.

        For so many seconds; 0: until it is lifted, None: as long as is usual.
        """

    def lift_bans(self, addresses: Sequence[PeerAddress]) -> int:
        """All of a host (port 0), or those of one peer there; how many there were."""
