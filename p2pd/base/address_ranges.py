"""A set of IP addresses as ranges: half a million of them in a few MiB, looked up in microseconds.

Ranges are kept merged and in order, as bare numbers in arrays, so that a look-up is a bisection.
IPv4 and IPv6 are apart; an IPv4 address mapped into IPv6 is the IPv4 one, as everywhere here.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from heapq import merge
from ipaddress import IPv6Address
from itertools import chain, pairwise
from typing import Iterable, Iterator, NamedTuple, Sequence, TypeVar, overload

from p2pd.base.errors import FormatError

V4_SIZE = 4
V6_SIZE = 16
SORTED_TOGETHER = 8192
"""Ranges: to sort many at once would hold the interpreter lock for as long as that takes."""

_Entry = TypeVar("_Entry", int, bytes)

_MAPPED = bytes(10) + b"\xff\xff"
_V4_MASK = 0xFFFFFFFF


class RangeBytes(NamedTuple):
    """A set of ranges to be kept: first and last addresses, numbers of 4 bytes little-endian for
    IPv4, addresses in network order for IPv6.
    """

    v4_firsts: bytes
    v4_lasts: bytes
    v6_firsts: bytes
    v6_lasts: bytes


class AddressRanges:
    """Never changes; made by `RangeBuilder`. `len` is the number of ranges after merging."""

    __slots__ = ("_v4_firsts", "_v4_lasts", "_v6_firsts", "_v6_lasts")

    def __init__(self, kept: RangeBytes | None = None) -> None:
        """Of ranges that were kept, which are believed to be in order, or empty.

        Raises FormatError when the lengths make no sense.
        """
        parts = kept or RangeBytes(b"", b"", b"", b"")
        sizes = [len(part) for part in parts]
        if sizes[0] != sizes[1] or sizes[2] != sizes[3] or sizes[0] % V4_SIZE or sizes[2] % V6_SIZE:
            raise FormatError("the ranges of addresses are not whole")
        self._v4_firsts = _numbers(parts.v4_firsts)
        self._v4_lasts = _numbers(parts.v4_lasts)
        self._v6_firsts = _Packed(parts.v6_firsts)
        self._v6_lasts = _Packed(parts.v6_lasts)

    def covers(self, host: str) -> bool:
        """Whether an IP address in its canonical text form is in one of them."""
        try:
            if ":" in host:
                return bool(self._v6_firsts) and self._covers_v6(IPv6Address(host).packed)
            return bool(self._v4_firsts) and self._covers_v4(_v4_number(host))
        except ValueError:
            return False  # no address

    def to_bytes(self) -> RangeBytes:
        """For keeping them."""
        return RangeBytes(
            _little_endian(self._v4_firsts),
            _little_endian(self._v4_lasts),
            self._v6_firsts.data,
            self._v6_lasts.data,
        )

    def __len__(self) -> int:
        return len(self._v4_firsts) + len(self._v6_firsts)

    def _covers_v4(self, number: int) -> bool:
        position = bisect_right(self._v4_firsts, number) - 1
        return position >= 0 and number <= self._v4_lasts[position]

    def _covers_v6(self, packed: bytes) -> bool:
        position = bisect_right(self._v6_firsts, packed) - 1
        return position >= 0 and packed <= self._v6_lasts[position]


class RangeBuilder:
    """Takes ranges in any order, overlapping or not. `added` counts them."""

    def __init__(self) -> None:
        self.added = 0
        self._v4: list[int] = []
        self._v4_runs: list[array[int]] = []
        self._v6: list[bytes] = []
        self._v6_runs: list[_Packed] = []

    def add_v4(self, first: int, last: int) -> None:
        """From one address to another, as numbers; `first` is not behind `last`."""
        self._v4.append(first << 32 | last)
        self.added += 1
        if len(self._v4) == SORTED_TOGETHER:
            self._end_v4_run()

    def add_v6(self, first: bytes, last: bytes) -> None:
        """From one address to another, 16 bytes each; `first` is not behind `last`."""
        if first.startswith(_MAPPED) and last.startswith(_MAPPED):
            self.add_v4(int.from_bytes(first[12:], "big"), int.from_bytes(last[12:], "big"))
            return
        self._v6.append(first + last)
        self.added += 1
        if len(self._v6) == SORTED_TOGETHER:
            self._end_v6_run()

    def build(self) -> AddressRanges:
        """The set of them. The builder is empty again."""
        self._end_v4_run()
        self._end_v6_run()
        v4_runs, self._v4_runs = self._v4_runs, []
        v6_runs, self._v6_runs = self._v6_runs, []
        self.added = 0
        return AddressRanges(RangeBytes(*_merged_v4(v4_runs), *_merged_v6(v6_runs)))

    def _end_v4_run(self) -> None:
        if self._v4:
            self._v4.sort()
            self._v4_runs.append(array("Q", self._v4))
            self._v4.clear()

    def _end_v6_run(self) -> None:
        if self._v6:
            self._v6.sort()
            self._v6_runs.append(_Packed(b"".join(self._v6), 2 * V6_SIZE))
            self._v6.clear()


def _merged_v4(runs: list[array[int]]) -> tuple[bytes, bytes]:
    firsts, lasts = array("I"), array("I")
    end = -2
    for both in _in_order(runs):
        first, last = both >> 32, both & _V4_MASK
        if first > end + 1:
            firsts.append(first)
            lasts.append(last)
            end = last
        elif last > end:
            lasts[-1] = end = last
    return _little_endian(firsts), _little_endian(lasts)


def _merged_v6(runs: list[_Packed]) -> tuple[bytes, bytes]:
    firsts, lasts = bytearray(), bytearray()
    end = -2
    for both in _in_order(runs):
        first, last = both[:V6_SIZE], both[V6_SIZE:]
        number = int.from_bytes(last, "big")
        if int.from_bytes(first, "big") > end + 1:
            firsts += first
            lasts += last
            end = number
        elif number > end:
            lasts[-V6_SIZE:] = last
            end = number
    return bytes(firsts), bytes(lasts)


def _in_order(runs: Sequence[Sequence[_Entry]]) -> Iterable[_Entry]:
    """All of several runs that are in order each; most lists are so as a whole."""
    if all(before[-1] <= after[0] for before, after in pairwise(runs)):
        return chain.from_iterable(runs)
    return merge(*runs)


class _Packed(Sequence[bytes]):
    """Byte strings of one length, end to end in one."""

    __slots__ = ("_size", "data")

    def __init__(self, data: bytes, size: int = V6_SIZE) -> None:
        self.data = data
        self._size = size

    def __len__(self) -> int:
        return len(self.data) // self._size

    @overload
    def __getitem__(self, position: int) -> bytes: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[bytes]: ...
    def __getitem__(self, position: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        start = (position if position >= 0 else position + len(self)) * self._size
        return self.data[start : start + self._size]

    def __iter__(self) -> Iterator[bytes]:
        data, size = self.data, self._size
        return (data[start : start + size] for start in range(0, len(data), size))


def _v4_number(host: str) -> int:
    return int.from_bytes(bytes(map(int, host.split("."))), "big")


def _numbers(data: bytes) -> array[int]:
    numbers = array("I", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
