"""Sets of ranges of IP addresses, against the plain truth of a list of ranges."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.address_ranges import (
    SORTED_TOGETHER,
    AddressRanges,
    RangeBuilder,
    RangeBytes,
)
from p2pd.base.errors import FormatError

V4 = st.integers(0, 40) | st.integers(2**32 - 5, 2**32 - 1)
V6 = st.integers(0, 40) | st.integers(2**128 - 5, 2**128 - 1) | st.integers(2**64 - 2, 2**64 + 2)


def ranges_of(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(values, values).map(lambda pair: (min(pair), max(pair))), max_size=12)


@given(v4=ranges_of(V4), v6=ranges_of(V6))
def test_an_address_is_covered_if_it_is_in_one_of_the_ranges(
    v4: list[tuple[int, int]], v6: list[tuple[int, int]]
) -> None:
    builder = RangeBuilder()
    for first, last in v4:
        builder.add_v4(first, last)
    for first, last in v6:
        builder.add_v6(first.to_bytes(16, "big"), last.to_bytes(16, "big"))
    found = builder.build()
    for number in {each + step for pair in v4 for each in pair for step in (-1, 0, 1)}:
        if 0 <= number < 2**32:
            expected = any(first <= number <= last for first, last in v4)
            assert found.covers(str(IPv4Address(number))) == expected
    for number in {each + step for pair in v6 for each in pair for step in (-1, 0, 1)}:
        if 0 <= number < 2**128:
            expected = any(first <= number <= last for first, last in v6)
            assert found.covers(str(IPv6Address(number))) == expected
    assert AddressRanges(found.to_bytes()).to_bytes() == found.to_bytes()


def test_ranges_that_touch_or_overlap_are_one() -> None:
    builder = RangeBuilder()
    for first, last in ((30, 40), (10, 19), (35, 50), (20, 29), (60, 60)):
        builder.add_v4(first, last)
        builder.add_v6(bytes(15) + bytes([first]), bytes(15) + bytes([last]))
    assert builder.added == 10
    found = builder.build()
    assert len(found) == 4
    assert builder.added == 0
    assert len(builder.build()) == 0


@pytest.mark.parametrize("backwards", [False, True])
def test_more_than_are_sorted_together(backwards: bool) -> None:
    count = 2 * SORTED_TOGETHER + 7
    builder = RangeBuilder()
    for number in range(count, 0, -1) if backwards else range(1, count + 1):
        builder.add_v4(number * 4, number * 4 + 1)
        packed = (number << 96).to_bytes(16, "big")
        builder.add_v6(packed, packed)
    found = builder.build()
    assert len(found) == 2 * count
    for number in (1, SORTED_TOGETHER, count):
        assert found.covers(str(IPv4Address(number * 4 + 1)))
        assert not found.covers(str(IPv4Address(number * 4 + 2)))
        assert found.covers(str(IPv6Address(number << 96)))
        assert not found.covers(str(IPv6Address((number << 96) + 1)))


def test_what_is_mapped_into_ipv6_is_ipv4() -> None:
    builder = RangeBuilder()
    first, last = IPv6Address("::ffff:192.0.2.0"), IPv6Address("::ffff:192.0.2.255")
    builder.add_v6(first.packed, last.packed)
    found = builder.build()
    assert found.covers("192.0.2.255")
    assert not found.covers("192.0.3.0")


@pytest.mark.parametrize("text", ["", "a name", "1.2.3.4.5.256", "::g", "1.2.3.x"])
def test_what_is_no_address_is_not_covered(text: str) -> None:
    builder = RangeBuilder()
    builder.add_v4(0, 2**32 - 1)
    builder.add_v6(bytes(16), b"\xff" * 16)
    assert not builder.build().covers(text)


@pytest.mark.parametrize(
    "sizes", [(4, 0, 0, 0), (3, 3, 0, 0), (0, 0, 16, 0), (0, 0, 17, 17), (4, 8, 0, 0)]
)
def test_bytes_that_are_not_whole_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(FormatError, match="not whole"):
        AddressRanges(RangeBytes(*(bytes(size) for size in sizes)))
