"""BEP 33's filter, against the BEP's own vector."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.discovery.dht.bloom_filter import SIZE, BloomFilter, filter_of

VECTOR = bytes.fromhex(
    """
    F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE
    FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B
    7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F
    D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3
    FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5
    BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57
    62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6
    FD8F72EF
    """
)
V4 = [ipaddress.ip_address(f"192.0.2.{last}").packed for last in range(256)]
V6 = [(int(ipaddress.ip_address("2001:db8::")) + n).to_bytes(16, "big") for n in range(0x3E8)]

packed = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


def filled(addresses: list[bytes]) -> BloomFilter:
    bloom = BloomFilter()
    for address in addresses:
        bloom.insert(address)
    return bloom


def test_the_vector_of_the_bep() -> None:
    bloom = filled(V4 + V6)
    assert bytes(bloom) == VECTOR == filter_of(V4 + V6)
    assert bloom.estimate() == pytest.approx(1224.9308, abs=0.0001)


def test_the_union_of_two_nodes_counts_both() -> None:
    bloom = filled(V4)
    assert bloom.estimate() == pytest.approx(256, rel=0.05)
    bloom.join(filled(V6))
    assert bytes(bloom) == VECTOR


def test_empty_and_full_filters_have_an_estimate() -> None:
    assert BloomFilter().estimate() == 0.0
    assert 6000 < BloomFilter(b"\xff" * SIZE).estimate() < 10_000


@pytest.mark.parametrize("size", [0, 255, 257])
def test_of_another_size_there_is_none(size: int) -> None:
    with pytest.raises(FormatError, match="256 bytes"):
        BloomFilter(bytes(size))


@given(st.lists(packed, max_size=50), packed)
def test_what_was_put_in_is_in(addresses: list[bytes], other: bytes) -> None:
    bloom = filled([*addresses, other])
    assert all(address in bloom for address in [*addresses, other])
    assert bytes(bloom) == filter_of([other, *addresses])


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_any_filter_from_outside_has_a_finite_estimate(data: bytes) -> None:
    assert 0 <= BloomFilter(data).estimate() < 10_000
    assert bytes(BloomFilter(data)) == data
