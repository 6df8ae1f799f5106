"""What the session needs of a DHT (BEP 5): the daemon's node, or a test's stand-in."""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.base.addresses import PeerAddress


class LookupOutcome(Protocol):
    """How a look-up ended: how many nodes were asked, and said what."""

    @property
    def answered(self) -> int: ...
    @property
    def announced_to(self) -> int: ...
    @property
    def error(self) -> str:
        """Empty when it went well."""


class Operation(Protocol):
    """Something under way in the DHT."""

    def cancel(self) -> None:
        """Give it up: nothing is called any more."""


class DhtNetwork(Protocol):
    """The DHT, asked for all torrents."""

    @property
    def enabled(self) -> bool:
        """Whether it can be asked now."""

    def switch(self, on: bool) -> None:
        """Have a node run, or not; asked for what it does already it does nothing."""

    def find_peers(
        self,
        info_hash: bytes,
        port: int,
        *,
        seed: bool,
        found: Callable[[Sequence[PeerAddress]], None],
        done: Callable[[LookupOutcome], None],
    ) -> Operation:
        """Look for peers of a 20-byte id, and say that we are one at this port; 0: do not say it.

        `found` may be called several times, `done` once.
        """

    def add_node(self, address: PeerAddress) -> None:
        """There may be a node at this address."""
