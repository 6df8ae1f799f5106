"""The DHT of a session, for control and automation: a part of the facade in api.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from p2pd.base.ids import InfoHashes
from p2pd.discovery.dht.mutable_items import MutableItem


@dataclass(frozen=True, slots=True)
class DhtReport:
    """How it stands. `network` is what the DHT itself tells, None if there is none."""

    enabled: bool
    """Whether it can be asked now."""
    why_not: str
    torrents: int
    """Those that are looked up and announced now and then."""
    looked_up: int
    """Those that are just looked up."""
    last_error: str
    network: Any


@dataclass(frozen=True, slots=True)
class SwarmEstimate:
    """How many peers a torrent has by what DHT nodes know (BEP 33); None: nobody tells."""

    seeds: int | None
    peers: int | None
    nodes: int
    """That answered."""


class DhtApi(Protocol):
    """The DHT."""

    @property
    def enabled(self) -> bool: ...
    def report(self) -> DhtReport: ...
    async def get_immutable(self, target: bytes) -> bytes | None:
        """The bencoded value with this 20-byte hash (BEP 44). Raises P2pdError."""

    async def get_mutable(self, public_key: bytes, salt: bytes = b"") -> MutableItem | None:
        """The newest item of a key that can be found. Raises P2pdError."""

    async def put_immutable(self, value: bytes) -> int:
        """Have a bencoded value stored: by how many nodes. Raises P2pdError."""

    async def put_mutable(self, item: MutableItem, cas: int | None = None) -> int:
        """Have an item stored, instead of that with the sequence number `cas`.

        Raises P2pdError, in the words of the nodes if none took it.
        """

    async def estimate(self, info_hashes: InfoHashes) -> SwarmEstimate:
        """Ask how many peers a torrent has, without announcing it; not of a private one.

        Raises P2pdError.
        """
