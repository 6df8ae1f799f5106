"""A tracker's URL as HTTP wants it: host in ASCII, path escaped, login in a header."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit, urlunsplit

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.discovery.tracker_client.names import wire_name
from p2pd.protocols.tracker.announce import TrackerError

LONGEST_URL = 8192
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """What to request: `url` has no login any more, `authorization` is that header or empty."""

    url: bytes
    host: str
    authorization: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, url: str) -> RequestTarget:
        """Raises TrackerError for a URL that cannot be requested."""
        parts = split_url(url)
        if parts.scheme not in ("http", "https"):
            raise TrackerError(f"{parts.scheme[:20]}: is not HTTP")
        try:
            host = canonical_host(parts.hostname or "")
        except FormatError:
            host = wire_name(parts.hostname or "")
        shown = f"[{host}]" if ":" in host else host
        netloc = shown if parts.port is None else f"{shown}:{parts.port}"
        path, query = (quote(part, safe=_ASCII) for part in (parts.path or "/", parts.query))
        bare = urlunsplit((parts.scheme, netloc, path, query, ""))
        return cls(bare.encode("ascii"), host, _authorization(parts))


def split_url(url: str) -> SplitResult:
    """The URL's parts, with a host and a valid port or none. Raises TrackerError."""
    if len(url) > LONGEST_URL:
        raise TrackerError("its URL is too long")
    try:
        url.encode()
        parts = urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    except ValueError:  # broken brackets, a port that is none, half characters
        pass
    raise TrackerError("its URL has no valid host and port")


def redirected(url: str, location: bytes) -> str:
    """Where a redirect leads; relative ones are relative to `url`. Raises TrackerError."""
    if not location:
        raise TrackerError("it redirects to nowhere")
    try:
        there = urljoin(url, location.decode("utf-8"))
    except ValueError:
        raise TrackerError("it redirects to something that is no URL") from None
    if there.partition(":")[0].lower() not in ("http", "https"):
        raise TrackerError("it redirects to something that is not HTTP")
    return there


def _authorization(parts: SplitResult) -> bytes:
    if parts.username is None:
        return b""
    login = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
    return b"Basic " + base64.b64encode(login)
