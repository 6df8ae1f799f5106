"""Items of the DHT through its service: both kinds, in several networks, and given up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.discovery.dht.mutable_items import (
    MutableItem,
    immutable_target,
    public_key_of,
    sign,
    target_of,
)
from tests.discovery.dht_hosts_network import PORT, Host, Network

SECRET = bytes(range(32))
KEY = public_key_of(SECRET)
VALUE = b"5:hello"


def connected(count: int) -> tuple[Network, list[Host]]:
    network = Network()
    hosts = [
        Host(network, f"10.0.{number}.1", bootstrap=(f"10.0.0.1:{PORT}",) if number else ())
        for number in range(count)
    ]
    for host in hosts:
        host.start()
    network.run(20)
    return network, hosts


def result(network: Network, asked: Deferred[Any], seconds: float = 10) -> Any:
    found: list[Any] = []
    asked.addBoth(found.append)
    assert found == [], "not before the question was answered"
    network.run(seconds)
    (only,) = found
    if isinstance(only, Failure):
        only.raiseException()
    return only


def item(seq: int, value: bytes = VALUE, salt: bytes = b"") -> MutableItem:
    return sign(SECRET, seq, value, salt)


def test_a_value_is_had_by_its_hash() -> None:
    network, hosts = connected(4)
    assert result(network, hosts[1].service.put_immutable(VALUE)).announced_to == 3
    target = immutable_target(VALUE)
    assert result(network, hosts[2].service.get_immutable(target)) == VALUE
    assert result(network, hosts[2].service.get_immutable(bytes(20))) is None


def test_the_newest_version_is_had_by_its_key() -> None:
    network, hosts = connected(4)
    for seq in (1, 7):
        assert result(network, hosts[1].service.put_mutable(item(seq))).announced_to == 3
    found = result(network, hosts[3].service.get_mutable(KEY))
    assert found == item(7)
    assert result(network, hosts[3].service.get_mutable(KEY, b"salt")) is None
    stale = result(network, hosts[1].service.put_mutable(item(3)))
    assert (stale.announced_to, stale.refusals[0][0]) == (0, 302)
    other = result(network, hosts[1].service.put_mutable(item(8), cas=6))
    assert (other.announced_to, other.refusals[0][0]) == (0, 301)


def test_what_only_we_keep_is_had_too() -> None:
    network, hosts = connected(2)
    result(network, hosts[0].service.put_immutable(VALUE))
    result(network, hosts[0].service.put_mutable(item(5)))
    assert result(network, hosts[1].service.get_immutable(immutable_target(VALUE))) == VALUE
    assert result(network, hosts[1].service.get_mutable(KEY)) == item(5)
    found = result(network, hosts[0].service.get_mutable(KEY))
    assert found == item(5)


def test_an_item_of_an_owner_is_no_value_with_that_hash() -> None:
    network, hosts = connected(2)
    result(network, hosts[0].service.put_mutable(item(5)))
    assert result(network, hosts[1].service.get_immutable(target_of(KEY, b""))) is None


def test_both_families_are_asked() -> None:
    network = Network()
    both = Host(network, "10.0.0.1", "fd00::1", interface="0.0.0.0")
    v4, v6 = Host(network, "10.0.1.1"), Host(network, "fd01::1")
    for host in (both, v4, v6):
        host.start()
    v4.service.add_node(PeerAddress("10.0.0.1", PORT))
    v6.service.add_node(PeerAddress("fd00::1", PORT))
    network.run(20)
    assert result(network, both.service.put_mutable(item(1))).announced_to == 2
    v4.service._stores.items.put_mutable(item(2), network.clock.seconds())
    v6.service._stores.items.put_mutable(item(3), network.clock.seconds())
    assert result(network, both.service.get_mutable(KEY)) == item(3)


@pytest.mark.parametrize("on", [True, False])
def test_where_nobody_is_there_is_no_answer(on: bool) -> None:
    network = Network()
    alone = Host(network, "10.0.0.1", on=on)
    alone.start()
    why = "no node of the DHT answered" if on else "the DHT is off"
    for ask in (alone.service.get_immutable, alone.service.get_mutable):
        with pytest.raises(P2pdError, match=why):
            result(network, ask(KEY[:20]), 150)
    assert result(network, alone.service.put_immutable(VALUE), 150).error == why


def test_one_that_is_given_up_tells_nothing_more() -> None:
    network, hosts = connected(3)
    rng = random.Random(1)
    for ask in (
        lambda: hosts[1].service.get_mutable(KEY),
        lambda: hosts[1].service.get_immutable(rng.randbytes(20)),
        lambda: hosts[1].service.put_mutable(item(1)),
    ):
        asked: Deferred[Any] = ask()
        asked.cancel()
        found: list[Any] = []
        asked.addBoth(found.append)
        network.run(5)
        assert found[0].check(CancelledError)
    assert hosts[1].service._searches == {}
