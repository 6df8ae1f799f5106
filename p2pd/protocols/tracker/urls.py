"""A tracker's URL, taken apart so that it can be put into a request: ASCII, checked, no login.

The URL may hold a passkey, so it is never quoted in a sentence.
"""

from __future__ import annotations

from base64 import b64encode
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from p2pd.protocols.tracker.announce import TrackerError

DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = "%/?:@!$&'()*+,;=-._~[]|"


class TrackerUrl(NamedTuple):
    """`target` is path and query, quoted; `authority` is the host and, if not usual, its port."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    login: bytes | None

    @property
    def authority(self) -> str:
        """Host and port as they stand in an HTTP URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def site(self) -> str:
        """Host and port, always both."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query, as UDP trackers are told them (BEP 41)."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def http(self, query: list[str]) -> str:
        """The URL to GET, with more in its query."""
        joined = "&".join(([self.query] if self.query else []) + query)
        return f"{self.scheme}://{self.authority}{self.path or '/'}?{joined}"


def parse_tracker_url(url: str) -> TrackerUrl:
    """Take a URL apart. Raises TrackerError when it names no host and port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        raise TrackerError("its URL is not valid") from None
    scheme = parts.scheme.lower()
    port = port or DEFAULT_PORTS.get(scheme, 0)
    if not host or not port or any(c <= " " or c in '"<>\\^`{|}\x7f' for c in host):
        raise TrackerError("its URL has no host and port")
    return TrackerUrl(
        scheme,
        host,
        port,
        quote(parts.path, safe=_SAFE),
        quote(parts.query, safe=_SAFE),
        _login(parts.username, parts.password),
    )


def _login(name: str | None, password: str | None) -> bytes | None:
    """What goes into an Authorization header for ``name:password@`` in the URL."""
    if not name:
        return None
    pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password or "")
    return b"Basic " + b64encode(pair)
