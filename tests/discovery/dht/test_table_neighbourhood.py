"""The nodes closest to our own id: of them more are wanted than there are places now."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.options import DhtOptions
from p2pd.discovery.dht.routing_table import RoutingTable

OWN = bytes(20)


def node_id(shared: int, number: int) -> bytes:
    """An id that shares so many leading bits with our own."""
    return (1 << (159 - shared) | number).to_bytes(20, "big")


def address(number: int) -> PeerAddress:
    return PeerAddress(f"203.0.{number}.1", 6881)


def test_a_newcomer_next_to_us_is_worth_a_question_though_our_bucket_is_full() -> None:
    table = RoutingTable(OWN, DhtOptions(), 0.0)
    for number in range(8):
        table.answered(node_id(0, number), address(number), 0.1, 0.0)
    assert (len(table), len(table.buckets)) == (8, 1)
    assert table.lacks(node_id(1, 9), address(9))
    assert table.answered(node_id(1, 9), address(9), 0.1, 0.0) is not None
    assert len(table.buckets) == 2
    assert not table.lacks(node_id(0, 10), address(10)), "far from us eight are enough"
    assert table.lacks(node_id(3, 11), address(11))
