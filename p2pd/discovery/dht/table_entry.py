"""A node in the routing table, and which subnet its address belongs to."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.discovery.dht.hosts import V4_SIZE, packed_host
from p2pd.discovery.dht.node_ids import as_number, fits_address
from p2pd.protocols.krpc.compact import pack_address


class TableEntry:
    """A node that answered us once, at least; times are those of the clock handed in."""

    __slots__ = (
        "address",
        "compact",
        "failures",
        "fits",
        "heard_at",
        "looked_at",
        "node_id",
        "number",
        "round_trip",
        "subnet",
    )

    def __init__(self, node_id: bytes, address: PeerAddress, round_trip: float, now: float) -> None:
        self.node_id = node_id
        self.number = as_number(node_id)
        self.address = address
        self.compact = node_id + pack_address(address)
        self.fits = fits_address(node_id, address.host)
        self.subnet = subnet_of(address.host)
        self.round_trip = round_trip
        self.failures = 0
        self.heard_at = now
        """When it last answered us. What it asks proves nothing: anybody can write any sender."""
        self.looked_at = now
        """When it was last asked whether it is still there."""

    @property
    def last_seen(self) -> float:
        """When there was last something to do with it: those with the earliest come next."""
        return max(self.heard_at, self.looked_at)


def subnet_of(host: str) -> bytes | None:
    """The /24 or /64 that an address is in; None on local networks, where any number may be."""
    if is_local(host):
        return None
    packed = packed_host(host)
    return packed[:3] if len(packed) == V4_SIZE else packed[:8]
