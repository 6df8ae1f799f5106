"""Node ids: distances, and the test vectors of BEP 42."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.discovery.dht.node_ids import (
    bound_node_id,
    crc32c,
    distance,
    fits_address,
    new_node_id,
)

VECTORS = [
    ("124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
    ("21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
    ("65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
    ("84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
    ("43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
]


@pytest.mark.parametrize(("host", "last", "example"), VECTORS)
def test_the_vectors_of_bep_42(host: str, last: int, example: str) -> None:
    expected = bytes.fromhex(example)
    assert fits_address(expected, host)
    made = bound_node_id(host, random.Random(1), last)
    assert made[:2] == expected[:2]
    assert made[2] & 0xF8 == expected[2] & 0xF8
    assert made[19] == last
    assert not fits_address(expected, "8.8.8.8")


def test_the_check_value_of_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "172.16.0.1", "192.168.3.4", "169.254.1.1", "127.0.0.1", "fe80::1"]
)
def test_addresses_of_local_networks_are_exempt(host: str) -> None:
    assert fits_address(bytes(20), host)


@given(st.ip_addresses(), st.integers(0, 2**32))
def test_an_id_made_for_an_address_fits_it(address: object, seed: int) -> None:
    made = bound_node_id(str(address), random.Random(seed))
    assert len(made) == 20
    assert fits_address(made, str(address))


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20))
def test_distance_is_a_metric(one: bytes, other: bytes) -> None:
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) is (one == other)


def test_new_ids_are_by_chance() -> None:
    rng = random.Random(1)
    assert len({new_node_id(rng) for _ in range(50)}) == 50
