"""BEP 40: its own vectors, what its masks leave out, and that both ends agree."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.peer_priority import canonical_priority, crc32c

ports = st.integers(1, 65535)
v4 = st.builds(PeerAddress, st.ip_addresses(v=4).map(str), ports)
v6 = st.builds(PeerAddress, st.ip_addresses(v=6).map(str), ports)
pairs = st.tuples(v4, v4) | st.tuples(v6, v6)


def priority(one: str, other: str, ports: tuple[int, int] = (1, 2)) -> int:
    return canonical_priority(PeerAddress(one, ports[0]), PeerAddress(other, ports[1]))


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


def test_the_examples_of_bep_40() -> None:
    assert priority("123.213.32.10", "98.76.54.32") == 0xEC2D7224
    assert priority("123.213.32.10", "123.213.32.234") == 0x99568189


@pytest.mark.parametrize(
    ("one", "other", "hashed"),
    [
        ("230.12.123.1", "230.12.123.3", "e60c7b01e60c7b03"),
        ("230.12.23.1", "230.12.123.3", "e60c1701e60c7b01"),
        ("230.120.23.1", "230.12.123.3", "e60c5101e6781501"),
        (
            "ffff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ffff0fffffff55555555555555555555ffffffffffff55555555555555555555",
        ),
        (
            "ffff:ffff:ff0f:ffff:ffff:ffff:ffff:ffff",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ffffffffff0f55555555555555555555ffffffffffff55555555555555555555",
        ),
        (
            "ffff:ffff:ffff:fff:ffff:ffff:ffff:ffff",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ffffffffffff0f555555555555555555ffffffffffffff555555555555555555",
        ),
        (
            "ffff:ffff:ffff:ff0f:ffff:ffff:ffff:ffff",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ffffffffffffff0f5555555555555555ffffffffffffffff5555555555555555",
        ),
    ],
)  # fmt: skip
def test_what_is_hashed(one: str, other: str, hashed: str) -> None:
    assert priority(one, other) == priority(other, one) == crc32c(bytes.fromhex(hashed))


@pytest.mark.parametrize("host", ["230.12.123.3", "ffff::1"])
def test_one_host_is_told_apart_by_its_ports(host: str) -> None:
    assert priority(host, host, (0x4D2, 0x12C)) == crc32c(bytes.fromhex("012c04d2"))


def test_two_families_have_no_priority() -> None:
    with pytest.raises(ValueError, match="two families"):
        priority("1.2.3.4", "::1")


@given(pairs)
def test_both_ends_agree(pair: tuple[PeerAddress, PeerAddress]) -> None:
    one, other = pair
    found = canonical_priority(one, other)
    assert found == canonical_priority(other, one)
    assert 0 <= found < 2**32


@given(v4, v4, st.integers(0, 255))
def test_bits_that_the_mask_leaves_out_do_not_matter(
    one: PeerAddress, other: PeerAddress, bits: int
) -> None:
    ours, theirs = (bytearray(ipaddress.ip_address(a.host).packed) for a in (one, other))
    if ours[:2] == theirs[:2]:
        return
    before = canonical_priority(one, other)
    theirs[2] ^= bits & 0xAA
    theirs[3] ^= bits & 0xAA
    assert priority(one.host, str(ipaddress.ip_address(bytes(theirs)))) == before
