"""Just as much HTTP as devices on the local network speak: one request, one answer, then the end.

Only to IP addresses, and to one that is known beforehand: a name or another host is refused, and
so no redirect is followed either. Answers are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping
from urllib.parse import quote, urlsplit

from p2pd.base.addresses import canonical_host
from p2pd.protocols.nat.mapping import NatFormatError

LONGEST_URL = 1024
LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 128 * 1024
LONGEST_CHUNK_LINE = 300

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_LENGTH = re.compile(r"[0-9]{1,9}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,256})?\r?\n")
_SAFE = "/?&=;:@!$'()*+,%-._~[]"


@dataclass(frozen=True, slots=True)
class DeviceUrl:
    """An ``http:`` URL of a device; `host` is an IP address, `target` a path with its query."""

    host: str
    port: int
    target: str

    @property
    def text(self) -> str:
        """The URL."""
        return f"http://{self._authority}{self.target}"

    @property
    def _authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def request(self, method: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
        """The whole request. HTTP/1.1, since some devices answer no other."""
        lines = [f"{method} {self.target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        lines += ["Connection: close", "", ""]
        return "\r\n".join(lines).encode("ascii") + body


def device_url(text: str, host: str) -> DeviceUrl:
    """The URL in `text`, if it leads to the IP address `host`. Raises NatFormatError."""
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable():
        raise NatFormatError("its URL is too long, or has signs in it that no URL has")
    try:
        parts = urlsplit(text)
        port = parts.port or 80
        theirs = canonical_host(parts.hostname or "")
    except ValueError:
        raise NatFormatError(f"its URL makes no sense: {text[:80]!r}") from None
    if parts.scheme.lower() != "http" or parts.username is not None:
        raise NatFormatError(f"its URL is no plain http: {text[:80]!r}")
    if theirs != canonical_host(host):
        raise NatFormatError(f"its URL leads to another host, {theirs}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return DeviceUrl(theirs, port, quote(target if target[0] == "/" else f"/{target}", safe=_SAFE))


class AnswerReader:
    """Reads one answer as its bytes come; `status` and `body` are there when `complete` is true."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.complete = False
        self._data = bytearray()
        self._chunks: list[bytes] = []
        self._size = 0
        self._headers: dict[bytes, str] | None = None

    def receive_data(self, data: bytes) -> None:
        """More bytes. Raises NatFormatError."""
        if self.complete:
            return
        self._data += data
        while self._headers is None or 100 <= self.status < 200:
            if not self._read_head():
                return
        if len(self._data) > LONGEST_BODY:
            raise NatFormatError(f"its answer has more than {LONGEST_BODY} bytes")
        self._read_body()

    def end(self) -> None:
        """The connection was closed. Raises NatFormatError when more was to come."""
        if self.complete:
            return
        if self._headers is None or 100 <= self.status < 200 or self._chunked:
            raise NatFormatError("it hangs up in the middle of its answer")
        if self._length is not None:
            raise NatFormatError("it hangs up in the middle of its answer")
        self._finish(bytes(self._data))

    def _read_head(self) -> bool:
        """Take the head off what came; whether it was all there."""
        match = re.search(rb"\r?\n\r?\n", self._data)
        if match is None or match.start() > LONGEST_HEAD:
            if len(self._data) > LONGEST_HEAD:
                raise NatFormatError(f"its answer begins with more than {LONGEST_HEAD} bytes")
            return False
        status, *lines = bytes(self._data[: match.start()]).splitlines()[:256] or [b""]
        del self._data[: match.end()]
        found = _STATUS.fullmatch(status)
        if found is None:
            raise NatFormatError("it does not answer in HTTP")
        self.status = int(found[1])
        pairs = (line.partition(b":") for line in lines)
        self._headers = {
            name.strip().lower(): value.strip().decode("latin-1") for name, _, value in pairs
        }
        return True

    @property
    def _chunked(self) -> bool:
        assert self._headers is not None
        return self._headers.get(b"transfer-encoding", "").lower() == "chunked"

    @property
    def _length(self) -> int | None:
        assert self._headers is not None
        told = self._headers.get(b"content-length")
        if told is None:
            return None
        if not _LENGTH.fullmatch(told) or int(told) > LONGEST_BODY:
            raise NatFormatError(f"it tells of {told[:20]!r} bytes")
        return int(told)

    def _read_body(self) -> None:
        if self._chunked:
            self._read_chunks()
        elif (length := self._length) is not None and len(self._data) >= length:
            self._finish(bytes(self._data[:length]))

    def _read_chunks(self) -> None:
        while (match := _CHUNK.match(self._data)) is not None:
            size = int(match[1], 16)
            if size == 0:
                self._finish(b"".join(self._chunks))
                return
            self._size += size
            if self._size > LONGEST_BODY:
                raise NatFormatError(f"its answer has more than {LONGEST_BODY} bytes")
            end = match.end() + size
            if len(self._data) < end + 2:
                self._size -= size
                return
            self._chunks.append(bytes(self._data[match.end() : end]))
            del self._data[: end + (2 if self._data[end : end + 2] == b"\r\n" else 1)]
        if b"\n" in self._data or len(self._data) > LONGEST_CHUNK_LINE:
            raise NatFormatError("its answer is in broken chunks")

    def _finish(self, body: bytes) -> None:
        self.body = body
        self.complete = True
        self._data.clear()
