"""Fuzz blocklists: the slices in which they come make no difference."""

from __future__ import annotations

import gzip
import io
import zipfile

from p2pd.base.address_ranges import AddressRanges
from p2pd.formats.blocklist import BlocklistError, BlocklistReader

_P2P = b"# words\nSome: name:1.2.3.4-1.2.3.9\r\nother:5.0.0.0 - 5.0.0.255\n"
_DAT = b"001.002.003.004 - 001.002.003.009 , 100 , name\n7.0.0.0-7.0.0.9,128,allowed\n"
_NETWORKS = b"192.0.2.0/24 # x\n2001:db8::/32\n2001:db9::1-2001:db9::9\n::ffff:8.0.0.0/104\n9.9.9.9"


def _zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("a", _P2P), ("b", _DAT)):
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


SEEDS: list[bytes] = [
    _P2P,
    _DAT,
    _NETWORKS,
    gzip.compress(_P2P, mtime=0) + gzip.compress(_DAT, mtime=0),
    _zipped(),
]


def _read(data: bytes, step: int) -> tuple[AddressRanges, int] | str:
    reader = BlocklistReader()
    try:
        for start in range(0, len(data), step):
            reader.feed(data[start : start + step])
        found = reader.finish()
    except BlocklistError as problem:
        return str(problem)
    return found.ranges, found.skipped


def fuzz(data: bytes) -> None:
    """Only BlocklistError may refuse."""
    whole, slices = _read(data, 1 << 20), _read(data, 1 + len(data) // 3)
    if isinstance(whole, str) or isinstance(slices, str):
        if isinstance(whole, str) != isinstance(slices, str):
            raise AssertionError(f"{whole} and {slices}")
        return
    kept = whole[0].to_bytes()
    if slices[0].to_bytes() != kept or slices[1] != whole[1]:
        raise AssertionError("in slices it reads differently")
    if AddressRanges(kept).to_bytes() != kept or not len(whole[0]):
        raise AssertionError("what is kept is not what was read")
