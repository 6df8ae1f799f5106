"""What proxies in front of the API say of a request: who it is from, and what it was called by.

Believed of those that the configuration names, and of nobody else: anybody can write such a header.
Their form is hostile all the same; what has another form was not said.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import ConfigError, FormatError

UNIX = "unix"
"""Among the trusted: whoever may connect to the unix socket."""

MAX_HEADER = 4096
MAX_HOPS = 32
MAX_PREFIX = 256

_PREFIX = re.compile(rb"(?:/[A-Za-z0-9._~-]+)+\Z")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A request as its sender sees it."""

    address: str = ""
    """The IP address that it came from; empty: from whoever is connected."""
    scheme: str = ""
    host: bytes = b""
    prefix: bytes = b""
    """What the proxy has before our paths: empty, or with a slash at its begin and none at its
    end."""


NOT_FORWARDED = Forwarded()


class Proxies:
    """Those that are believed: addresses, networks, and `UNIX`. Raises ConfigError."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._unix = UNIX in trusted
        self._networks = [_network(each) for each in trusted if each != UNIX]

    def trusts(self, address: str | None) -> bool:
        """Whether what this one says is believed; None is who is at the unix socket."""
        if address is None:
            return self._unix
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def read(
        self,
        peer: str | None,
        sent_for: Sequence[bytes] = (),
        scheme: Sequence[bytes] = (),
        host: Sequence[bytes] = (),
        prefix: Sequence[bytes] = (),
    ) -> Forwarded:
        """What the X-Forwarded headers of a request say, each given as its lines."""
        if not self.trusts(peer):
            return NOT_FORWARDED
        said = _last(scheme).lower()
        wanted = _last(prefix).rstrip(b"/")
        return Forwarded(
            self._sender(sent_for),
            said.decode() if said in (b"http", b"https") else "",
            _last(host),
            wanted if len(wanted) <= MAX_PREFIX and _is_prefix(wanted) else b"",
        )

    def _sender(self, lines: Sequence[bytes]) -> str:
        """The last one that is no proxy of ours: what stands before it is anybody's word."""
        found = ""
        for hop in reversed(_parts(lines)[-MAX_HOPS:]):
            address = _host_of(hop)
            if not address:
                break
            found = address
            if not self.trusts(address):
                break
        return found


def _is_prefix(value: bytes) -> bool:
    dots = any(part in (b".", b"..") for part in value.split(b"/"))
    return _PREFIX.match(value) is not None and not dots


def _parts(lines: Sequence[bytes]) -> list[bytes]:
    joined = b",".join(lines)
    if not joined or len(joined) > MAX_HEADER:
        return []
    return [part.strip() for part in joined.split(b",")]


def _last(lines: Sequence[bytes]) -> bytes:
    """Of several the one that the nearest proxy added."""
    parts = _parts(lines)
    return parts[-1] if parts else b""


def _host_of(hop: bytes) -> str:
    """The address in a part of X-Forwarded-For, which may have a port; empty if it has none."""
    try:
        text = hop.decode("ascii")
    except ValueError:
        return ""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    found = _address(text)
    return "" if found is None else str(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(canonical_host(text))
    except (FormatError, ValueError):
        return None


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(
            f"control.trusted_proxies: no address, network or {UNIX}: {text[:60]!r}"
        ) from None
