"""What control asks of bans; see p2pd/session/api.py, which has it."""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import Ban


class BansApi(Protocol):
    """Bans of hosts, of single peers, and of nodes."""

    def bans(self) -> list[Ban]:
        """Those in force, the oldest first."""

    def ban(
        self,
        addresses: Sequence[PeerAddress],
        reason: str,
        seconds: float | None,
        keys: Sequence[bytes] = (),
    ) -> None:
        """Ban whole hosts (port 0), single peers there, or nodes by their keys, and hang up.

        For so many seconds; 0: until it is lifted, None: as long as is usual.
        """

    def lift_bans(self, addresses: Sequence[PeerAddress], keys: Sequence[bytes] = ()) -> int:
        """All of a host (port 0), those of one peer there, or of nodes; how many there were."""
