"""Announces of local service discovery (BEP 14): what a datagram to the group says.

Like a request of HTTP: one line, then headers, of which those that are not known are ignored. Who
sent it, and what is made of it, is not known here.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from p2pd.base.errors import FormatError

PORT = 6771
GROUP_V4 = "239.192.152.143"
GROUP_V6 = "ff15::efc0:988f"

MAX_PACKET = 1400
"""Bytes of what is sent, so that it is in one frame."""
MAX_READ = 8192
MOST_READ = 128
"""Info-hashes of one datagram that are read."""
MAX_COOKIE = 64

_FIRST = b"BT-SEARCH * HTTP/1.1\r\n"
_LINE = len(b"Infohash: \r\n") + 40
_REST = len(_FIRST) + len(f"Host: [{GROUP_V6}]:{PORT}\r\nPort: 65535\r\ncookie: \r\n\r\n\r\n")
MOST_HASHES = (MAX_PACKET - _REST - MAX_COOKIE) // _LINE
"""Info-hashes in one datagram of ours."""


class LsdAnnounce(NamedTuple):
    """Somebody has torrents, and listens for their peers at a port. Info-hashes have 20 bytes.

    The cookie is any text by which its sender knows its own datagrams.
    """

    port: int
    info_hashes: tuple[bytes, ...]
    cookie: str = ""

    def encode(self, *, ipv6: bool) -> bytes:
        """The datagram for the group of one family."""
        host = f"[{GROUP_V6}]" if ipv6 else GROUP_V4
        lines = [f"Host: {host}:{PORT}", f"Port: {self.port}"]
        lines += [f"Infohash: {each.hex()}" for each in self.info_hashes]
        lines += [f"cookie: {self.cookie}"] if self.cookie else []
        return _FIRST + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n\r\n"


def parse(data: bytes) -> LsdAnnounce:
    """Read a datagram. Raises FormatError; info-hashes that cannot be one are left out."""
    if len(data) > MAX_READ:
        raise FormatError(f"the local announce has {len(data)} bytes")
    first, *lines = data.split(b"\n")
    words = first.split()
    if len(words) != 3 or words[0].upper() != b"BT-SEARCH" or not words[2].startswith(b"HTTP/1."):
        raise FormatError("it is no local announce")
    port, cookie = 0, ""
    hashes: list[bytes] = []
    for line in lines:
        name, _, raw = line.partition(b":")
        name, value = name.strip().lower(), raw.strip()
        if not name and not value:
            break
        if name == b"port":
            port = _port(value)
        elif name == b"cookie" and len(value) <= MAX_COOKIE:
            cookie = value.decode("ascii", "replace")
        elif name == b"infohash" and len(hashes) < MOST_READ:
            hashes += _info_hash(value)
    if not port:
        raise FormatError("the local announce has no port")
    if not hashes:
        raise FormatError("the local announce has no info-hash")
    return LsdAnnounce(port, tuple(dict.fromkeys(hashes)), cookie)


def _port(value: bytes) -> int:
    port = int(value) if value.isdigit() and len(value) <= 5 else 0
    if not 0 < port < 65536:
        raise FormatError("the port of the local announce is not in 1..65535")
    return port


def _info_hash(value: bytes) -> Sequence[bytes]:
    """None or one."""
    try:
        found = bytes.fromhex(value.decode("ascii")) if len(value) == 40 else b""
    except ValueError:
        return ()
    return (found,) if len(found) == 20 and any(found) else ()
