"""What the session needs of local service discovery (BEP 14): the daemon's, or a test's."""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.lsd.arrivals import LsdCounts


class LsdNetwork(Protocol):
    """The networks that this machine is in, for all torrents."""

    counts: LsdCounts
    heard: Callable[[PeerAddress, Sequence[bytes]], None]
    """Called when a neighbour has torrents with these 20-byte ids."""
    changed: Callable[[], None]
    """Called when there is another network than before."""

    @property
    def networks(self) -> int:
        """In how many networks announces are heard."""

    @property
    def trouble(self) -> str:
        """Empty when all went well."""

    def switch(self, on: bool) -> None:
        """Be there, or not."""

    def announce(self, info_hashes: Sequence[bytes], port: int) -> int:
        """Say that we have these; in how many networks it was said."""

    def close(self) -> None:
        """The session ends."""
