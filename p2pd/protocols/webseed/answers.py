"""What a web seed's answer says, before any of its data is read (RFC 9110; BEP 19, BEP 17).

Whatever is not exactly what was asked for is refused: bytes of another place, of a file of another
size, packed ones. What the server says of later is believed within bounds.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Callable, NamedTuple, Sequence

from p2pd.base.errors import P2pdError

REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_NOT_THERE = frozenset({401, 403, 404, 410, 451})
_BUSY = frozenset({429, 503})

LEAST_WAIT = 1.0
MOST_WAIT = 6 * 3600.0
"""Seconds: for how long a server is left alone that wants to be."""

MOST_WAIT_TEXT = 64
"""Bytes of a body that says how many seconds to wait (BEP 17)."""

_RANGE = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)

Header = Callable[[str], Sequence[str]]
"""All values of a header, by its name."""


class SeedError(P2pdError):
    """A web seed did not send what it was asked for; the sentence begins with "it" or "its".

    `wait` is in how many seconds it wants to be asked again, 0 if it does not say. `missing`: this
    file, or this part of it, is not there, others may be.
    """

    def __init__(self, sentence: str, *, wait: float = 0.0, missing: bool = False) -> None:
        super().__init__(sentence)
        self.wait = wait
        self.missing = missing


class Wanted(NamedTuple):
    """`length` bytes at `offset` of a file of `size`; size 0: the URL says it all (BEP 17)."""

    offset: int
    length: int
    size: int

    @property
    def header(self) -> str:
        """The value of the header Range; empty: none is sent."""
        return f"bytes={self.offset}-{self.offset + self.length - 1}" if self.size else ""

    @property
    def whole(self) -> bool:
        """Whether nothing else is in an answer without a range."""
        return not self.size or (not self.offset and self.length == self.size)


def redirect_of(code: int, header: Header) -> str | None:
    """Where an answer sends us, as it says it; None: it does not. Raises SeedError."""
    if code not in REDIRECT_CODES:
        return None
    location = _one(header, "location")
    if not location:
        raise SeedError("it redirects to nowhere")
    return location


def check_head(code: int, header: Header, wanted: Wanted, now: float) -> None:
    """Whether exactly what is wanted follows; `now` in Unix seconds. Raises SeedError."""
    if code not in (200, 206):
        raise _refusal(code, header, now)
    coding = _one(header, "content-encoding").lower()
    if coding not in ("", "identity"):
        raise SeedError("it packs what it sends")
    if code == 206 and wanted.size:
        _check_range(_one(header, "content-range"), wanted)
    elif not wanted.whole:
        raise SeedError("it does not send parts of files")
    length = _one(header, "content-length")
    if length and (not length.isascii() or not length.isdigit() or len(length) > 18):
        raise SeedError("the length of its answer makes no sense")
    if length and int(length) != wanted.length:
        what = "its file has another size" if wanted.whole else "its answer has another length"
        raise SeedError(f"{what} than that of the torrent", missing=True)


def seconds_in(body: bytes) -> float:
    """In how many seconds to ask again, by the body of a 503 (BEP 17); 0: it does not say."""
    text = body[:MOST_WAIT_TEXT].strip()
    if not text.isdigit() or len(text) > 18:
        return 0.0
    return _bounded(float(int(text)))


def retry_after(value: str, now: float) -> float:
    """The same by the header Retry-After: seconds, or a date; `now` in Unix seconds."""
    value = value.strip()[:100]
    if value.isascii() and value.isdigit():
        return _bounded(float(int(value[:18])))
    try:
        return _bounded(parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, OverflowError, IndexError, AttributeError):
        return 0.0


def _refusal(code: int, header: Header, now: float) -> SeedError:
    if code in _NOT_THERE:
        return SeedError(f"it does not give this file out (HTTP {code})", missing=True)
    if code == 416:
        return SeedError("its file is shorter than that of the torrent (HTTP 416)", missing=True)
    wait = retry_after(_one(header, "retry-after"), now)
    if code in _BUSY:
        return SeedError(f"it is busy (HTTP {code})", wait=wait)
    return SeedError(f"it answered HTTP {code}", wait=wait)


def _check_range(value: str, wanted: Wanted) -> None:
    found = _RANGE.fullmatch(value.strip())
    if found is None:
        raise SeedError("it does not say which part of the file it sends")
    first, last, size = found.groups()
    if size != "*" and int(size) != wanted.size:
        raise SeedError(
            f"its file has {int(size)} bytes, that of the torrent {wanted.size}", missing=True
        )
    if (int(first), int(last)) != (wanted.offset, wanted.offset + wanted.length - 1):
        raise SeedError("it sends another part of the file than it was asked for")


def _bounded(seconds: float) -> float:
    return min(max(seconds, LEAST_WAIT), MOST_WAIT)


def _one(header: Header, name: str) -> str:
    """The one value of a header; empty: there is none. Raises SeedError for several."""
    values = list(dict.fromkeys(header(name)))
    if len(values) > 1:
        raise SeedError(f"its answer says two things at once ({name})")
    return values[0] if values else ""
