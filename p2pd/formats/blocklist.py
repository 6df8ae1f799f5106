"""Lists of IP addresses that are not to be talked to, in the formats in which they are given away.

P2P text of PeerGuardian (``name:1.2.3.4-1.2.3.9``, a name may hold colons), DAT of eMule
(``001.002.003.004 - 001.002.003.009 , 100 , name``; a level above 127 allows), networks
(``192.0.2.0/24``, ``2001:db8::/32``) and single addresses; one to a line, also mixed, plain or
packed with gzip or zip. Comments begin with ``#``, ``;`` or ``//``. A line that is none of these is
skipped and counted, for there is one in most lists. Refuses to know where a list is from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Callable, Iterator, Sequence

from p2pd.base.address_ranges import AddressRanges, RangeBuilder
from p2pd.base.errors import FormatError
from p2pd.formats.unpacking import (
    GZIP_MAGIC,
    SLICE,
    ZIP_MAGIC,
    GzipUnpacker,
    Unpacker,
    ZipUnpacker,
)

MAX_PACKED = 64 * 1024 * 1024
"""Bytes of a list as it comes."""

MAX_PLAIN = 512 * 1024 * 1024
MAX_LINE = 4096
MAX_LINES = 10_000_000
MAX_RANGES = 2_000_000
HIGHEST_BLOCKED_LEVEL = 127

_HEAD = 16
"""Bytes that tell how it is packed."""

_NOT_READ = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"BZh": "bzip2",
    b"Rar!": "RAR",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xff\xff\xff\xffP2B": "P2B",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HTML = (b"<!doctype", b"<html")

# Each of these takes a time that grows with the length of a line, and not with its square.
_ADDRESS = rb"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})"
_RANGE = _ADDRESS + rb"[ \t]*-[ \t]*" + _ADDRESS
_COMMENT = rb"[#;].*|//.*"

_DAT = re.compile(
    rb"[ \t]*" + _RANGE + rb"[ \t]*(?:,[ \t]*(\d{1,3})[ \t]*(?:,.*)?|" + _COMMENT + rb")?\Z"
)
_P2P = re.compile(rb"(?![ \t]*(?:[#;]|//|\d[\d. \t]*-[\d. \t]+,)).*:[ \t]*" + _RANGE + rb"[ \t]*\Z")
_NETWORK = re.compile(rb"[ \t]*" + _ADDRESS + rb"(?:/(\d{1,2}))?[ \t]*(?:" + _COMMENT + rb")?\Z")
_IS_COMMENT = re.compile(rb"[ \t]*(?:[#;]|//|\Z)")
_V6 = re.compile(
    rb"[ \t]*([0-9A-Fa-f:.]+)[ \t]*(?:([/-])[ \t]*([0-9A-Fa-f:.]+)[ \t]*)?(?:,.*|"
    + _COMMENT
    + rb")?\Z"
)

_OCTETS = {
    form.encode(): octet
    for octet in range(256)
    for form in (f"{octet}", f"{octet:02}", f"{octet:03}")
}
"""As DAT writes them, too, with zeros in front that do not make them octal."""


class BlocklistError(FormatError):
    """What was given is no blocklist, or one past a bound."""


@dataclass(frozen=True, slots=True)
class Blocklist:
    """The ranges of a list, and how many lines of it made no sense."""

    ranges: AddressRanges
    skipped: int


class BlocklistReader:
    """Reads a list as it comes: `feed` its bytes, `finish` at its end. Made for a worker thread."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._head = b""
        self._unpacker: Unpacker | None = None
        self._packed = 0

    def feed(self, data: bytes) -> None:
        """Take in the next bytes. Raises BlocklistError."""
        self._packed += len(data)
        if self._packed > MAX_PACKED:
            raise BlocklistError(f"it is bigger than {MAX_PACKED} bytes")
        if self._unpacker is None:
            self._head += data
            if len(self._head) < _HEAD:
                return
            data = self._begin()
        self._take(data)

    def finish(self) -> Blocklist:
        """That was all. Raises BlocklistError."""
        if self._unpacker is None:
            self._take(self._begin())
        assert self._unpacker is not None
        try:
            self._unpacker.finish()
        except FormatError as problem:
            raise BlocklistError(str(problem)) from None
        return self._lines.finish()

    def _begin(self) -> bytes:
        """See how it is packed; what is to be unpacked first."""
        head, self._head = self._head, b""
        for magic, name in _NOT_READ.items():
            if head.startswith(magic):
                raise BlocklistError(f"{name} is not read here: text, gzip and zip are")
        if head.startswith(GZIP_MAGIC):
            self._unpacker = GzipUnpacker()
        elif head.startswith(ZIP_MAGIC):
            self._unpacker = ZipUnpacker()
        else:
            self._unpacker = _NotPacked()
        return head

    def _take(self, data: bytes) -> None:
        assert self._unpacker is not None
        try:
            for part in self._unpacker.feed(data):
                self._lines.feed(part)
        except BlocklistError:
            raise
        except FormatError as problem:
            raise BlocklistError(str(problem)) from None


class _NotPacked:
    def feed(self, data: bytes) -> Iterator[bytes]:
        return (data[start : start + SLICE] for start in range(0, len(data), SLICE))

    def finish(self) -> None:
        pass


class _Lines:
    """The plain text, line by line."""

    def __init__(self) -> None:
        self._ranges = RangeBuilder()
        self._rest = b""
        self._too_long = False
        self._begun = False
        self._bytes = 0
        self._lines = 0
        self._allowed = 0
        self._skipped = 0
        self._html = False
        self._likely: Callable[[bytes], bool] = self._p2p

    def feed(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            data = data.removeprefix(_BYTE_ORDER_MARK)
            self._html = data[:1024].lstrip().lower().startswith(_HTML)
        self._bytes += len(data)
        if self._bytes > MAX_PLAIN:
            raise BlocklistError(f"unpacked it is bigger than {MAX_PLAIN} bytes")
        lines = (self._rest + data.replace(b"\r", b"\n")).split(b"\n")
        self._rest = lines.pop()
        self._read(lines)
        if len(self._rest) > MAX_LINE:
            self._skipped += not self._too_long
            self._too_long = True
            self._rest = b""

    def finish(self) -> Blocklist:
        self._read([self._rest])
        self._rest = b""
        if not self._ranges.added:
            if self._html:
                raise BlocklistError("it is a web page, and no list of addresses")
            raise BlocklistError("there is no range of addresses in it that is to be blocked")
        return Blocklist(self._ranges.build(), self._skipped)

    def _read(self, lines: list[bytes]) -> None:
        self._lines += len(lines)
        if self._lines > MAX_LINES:
            raise BlocklistError(f"it has more than {MAX_LINES} lines")
        if self._too_long and lines:
            del lines[0]  # the end of one that was skipped
            self._too_long = False
        for line in lines:
            if len(line) > MAX_LINE:
                self._skipped += 1
            elif line and not self._likely(line):
                self._read_other(line)
        if self._ranges.added > MAX_RANGES:
            raise BlocklistError(f"it has more than {MAX_RANGES} ranges")

    def _read_other(self, line: bytes) -> None:
        """Not of the kind that the last one was of."""
        if _IS_COMMENT.match(line):
            return
        for read in (self._p2p, self._dat, self._network):
            if read(line):
                self._likely = read
                return
        if not self._v6(line):
            self._skipped += 1

    # Each of these says whether a line is of its kind.

    def _p2p(self, line: bytes) -> bool:
        match = _P2P.match(line)
        if match is not None:
            self._add(match.groups())
        return match is not None

    def _dat(self, line: bytes) -> bool:
        match = _DAT.match(line)
        if match is None:
            return False
        level = match[9]
        if level is None or int(level) <= HIGHEST_BLOCKED_LEVEL:
            self._add(match.groups())
        return True

    def _network(self, line: bytes) -> bool:
        match = _NETWORK.match(line)
        if match is None:
            return False
        groups = match.groups()
        bits = 32 if groups[4] is None else int(groups[4])
        try:
            address = _number(groups[:4])
        except KeyError:
            bits = 33
        if bits > 32:
            self._skipped += 1
        else:
            behind = (1 << 32 - bits) - 1
            self._ranges.add_v4(address & ~behind, address | behind)
        return True

    def _v6(self, line: bytes) -> bool:
        match = _V6.match(line)
        if match is None:
            return False
        first, sign, last = match.groups()
        try:
            if sign == b"/":
                network = IPv6Network(f"{first.decode()}/{last.decode()}", strict=False)
                ends = network.network_address, network.broadcast_address
            else:
                ends = IPv6Address(first.decode()), IPv6Address((last or first).decode())
        except ValueError:
            return False
        if ends[0] > ends[1]:
            return False
        self._ranges.add_v6(ends[0].packed, ends[1].packed)
        return True

    def _add(self, groups: Sequence[bytes]) -> None:
        try:
            first, last = _number(groups[:4]), _number(groups[4:8])
        except KeyError:
            self._skipped += 1
            return
        if first <= last:
            self._ranges.add_v4(first, last)
        else:
            self._skipped += 1


def _number(octets: Sequence[bytes]) -> int:
    """Of an IPv4 address. Raises KeyError."""
    a, b, c, d = octets
    return _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]
