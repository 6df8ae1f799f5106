"""The allowed-fast set: the vectors of BEP 6, and its edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.protocols.peerwire.fast import allowed_fast_set

INFO_HASH = b"\xaa" * 20
BEP_6_EXAMPLE = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]


@pytest.mark.parametrize("count", [7, 9])
def test_the_example_results_of_bep_6(count: int) -> None:
    assert allowed_fast_set("80.4.4.200", INFO_HASH, 1313, count) == BEP_6_EXAMPLE[:count]


def test_one_network_has_one_set() -> None:
    assert allowed_fast_set("80.4.4.1", INFO_HASH, 1313, 9) == BEP_6_EXAMPLE
    assert allowed_fast_set("80.4.5.200", INFO_HASH, 1313, 9) != BEP_6_EXAMPLE


def test_ipv6_has_none() -> None:
    assert allowed_fast_set("2001:db8::1", INFO_HASH, 1313) == []


def test_no_pieces_give_none() -> None:
    assert allowed_fast_set("80.4.4.200", INFO_HASH, 0) == []


@given(st.ip_addresses(v=4).map(str), st.integers(1, 400), st.integers(0, 40))
def test_pieces_are_distinct_and_exist(host: str, piece_count: int, count: int) -> None:
    pieces = allowed_fast_set(host, INFO_HASH, piece_count, count)
    assert len(set(pieces)) == len(pieces) == min(count, piece_count)
    assert set(pieces) <= set(range(piece_count))
