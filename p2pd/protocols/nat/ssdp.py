"""SSDP (UPnP Device Architecture 1.1, section 1.3): the search for gateways, and their answers.

An answer says where a device describes itself. Whether that may be believed, and asked, is
igd.py's and the caller's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from p2pd.protocols.nat.mapping import NatFormatError

GROUP = "239.255.255.250"
PORT = 1900
HOPS = 2
"""The time to live of a search, in routers (section 1.3.2)."""

LONGEST_ANSWER = 4096
LONGEST_LOCATION = 1024
MOST_HEADERS = 64

GATEWAYS = (
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)
"""What is looked for: some answer only for one of these."""

_STATUS = re.compile(rb"HTTP/1\.[01] 200(?:[ \r]|$)")
_HEADER = re.compile(rb"([!#-'*+.0-9A-Z^-z|~-]{1,64})[ \t]*:[ \t]*([^\r\n]*)")


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What a device answered: the URL of its description, and as what it was found."""

    location: str
    target: str
    server: str = ""


def search(target: str, seconds: int = 2) -> bytes:
    """Look for devices of a kind; they answer within so many seconds."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {GROUP}:{PORT}",
        'MAN: "ssdp:discover"',
        f"MX: {seconds}",
        f"ST: {target}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def parse_answer(packet: bytes) -> SearchAnswer:
    """The answer to a search. Raises NatFormatError."""
    if len(packet) > LONGEST_ANSWER:
        raise NatFormatError(f"a packet of {len(packet)} bytes")
    status, _, rest = packet.partition(b"\n")
    if _STATUS.match(status) is None:
        raise NatFormatError("it is no answer to a search")
    headers = _headers(rest)
    location = headers.get(b"location", "")
    if not location or len(location) > LONGEST_LOCATION or not _plain(location):
        raise NatFormatError("it does not say where the device describes itself")
    return SearchAnswer(location, headers.get(b"st", ""), headers.get(b"server", ""))


def _headers(lines: bytes) -> dict[bytes, str]:
    """The first of each name; lines that are none are skipped, for some devices send such."""
    found: dict[bytes, str] = {}
    for line in lines.split(b"\n", MOST_HEADERS)[:MOST_HEADERS]:
        match = _HEADER.fullmatch(line.rstrip(b"\r \t"))
        if match is not None:
            found.setdefault(match[1].lower(), match[2].decode("latin-1")[: LONGEST_LOCATION + 1])
    return found


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
