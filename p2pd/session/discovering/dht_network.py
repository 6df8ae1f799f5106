"""What the session needs of a DHT (BEP 5): the daemon's node, or a test's stand-in."""

from __future__ import annotations

from typing import Any, Callable, Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.mutable_items import MutableItem


class LookupOutcome(Protocol):
    """How a look-up ended: how many nodes were asked, and said what."""

    @property
    def answered(self) -> int: ...
    @property
    def announced_to(self) -> int:
        """Nodes that took what was to be stored."""

    @property
    def seeds_estimate(self) -> float | None:
        """By BEP 33; None when nobody told, or was asked."""

    @property
    def peers_estimate(self) -> float | None: ...
    @property
    def refusals(self) -> Sequence[tuple[int, str]]:
        """Numbers and words of nodes that did not take it, some of them."""

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

    @property
    def port(self) -> int:
        """What peers are to be told as its port (BEP 5); 0: nothing."""

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
        scrape: bool = False,
        noseed: bool = False,
    ) -> Operation:
        """Look for peers of a 20-byte id, and say that we are one at this port; 0: do not say it.

        `found` may be called several times, `done` once; `scrape`: with estimates, `noseed`:
        without seeds (BEP 33).
        """

    def add_node(self, address: PeerAddress) -> None:
        """There may be a node at this address."""

    def add_named_node(self, host: str, port: int) -> None:
        """The same by a name, or an address in text."""

    def get_immutable(self, target: bytes) -> Deferred[bytes | None]:
        """The bencoded value with this 20-byte hash (BEP 44). Fails with P2pdError."""

    def get_mutable(self, public_key: bytes, salt: bytes = b"") -> Deferred[MutableItem | None]:
        """The newest item of a key that can be found. Fails with P2pdError."""

    def put_immutable(self, value: bytes) -> Deferred[Any]:
        """Store a bencoded value: a LookupOutcome. Fails with P2pdError."""

    def put_mutable(self, item: MutableItem, cas: int | None = None) -> Deferred[Any]:
        """The same of an item, instead of that with the number `cas`. Fails with P2pdError."""

    def status(self) -> Any:
        """Counts, for people and metrics."""
