"""RSS 2.0 and Atom to items: where their torrents are, and what is told of them (BEP 36).

feedparser reads them, the extra ``rss``. It is given bytes and never a name, for names
it would open. For a worker thread; nothing here knows where a feed is from but its URL.
"""

from __future__ import annotations

import calendar
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Iterator
from xml.parsers import expat

from p2pd.automation.web import absolute
from p2pd.base.errors import FormatError

try:
    import feedparser
except ImportError:
    feedparser = None

AVAILABLE = feedparser is not None
ABSENT = "feeds need feedparser: install p2pd[rss]"

MOST_BYTES = 4 * 1024 * 1024
MOST_BROKEN = 256 * 1024
"""Bytes of a feed that is not well-formed: what is made of such takes longer."""

MOST_ITEMS = 500
MOST_ATTRIBUTES = 100
MOST_ELEMENTS = 25_000
"""Of a feed, fifty of each item: to read these takes about a second."""

MOST_NESTED = 100
LONGEST_TAG = 16 * 1024
LONGEST_TITLE = 300
LONGEST_LINK = 4096
LONGEST_TTL = 24 * 3600.0

_V1_HASH = re.compile(r"[0-9a-fA-F]{40}")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_LONG_TAG = re.compile(rb"<[A-Za-z][^<>]{%d}" % LONGEST_TAG)
_BLANKS = re.compile(r"\s+")


class FeedError(FormatError):
    """What was got is no feed."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item. What is not told is empty, 0 or None."""

    key: str
    """By which it is known again: the hash of its guid, or of where it leads."""
    title: str
    link: str
    """Of the torrent: an http or https URL or a magnet link; empty when it has none."""
    page: str = ""
    size: int | None = None
    """Bytes of the torrent's content."""
    published_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadFeed:
    """A feed. `ttl` is in seconds, 0 if it has none."""

    title: str
    ttl: float
    items: tuple[FeedItem, ...]


def read_feed(data: bytes, url: str) -> ReadFeed:
    """Read a feed that came from `url`. Blocks. Raises FeedError."""
    if feedparser is None:
        raise FeedError(ABSENT)
    if len(data) > MOST_BYTES:
        raise FeedError(f"the feed is bigger than {MOST_BYTES} bytes")
    _check(data)
    try:
        found = feedparser.parse(
            io.BytesIO(data),
            response_headers={"content-location": url},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception as problem:  # it is no parser for enemies
        raise FeedError(f"the feed makes no sense: {type(problem).__name__}") from None
    if not found.get("version") and not found.entries:
        raise FeedError("it is no feed: neither RSS nor Atom")
    items: dict[str, FeedItem] = {}
    for entry in found.entries[:MOST_ITEMS]:
        item = _item(entry, url)
        items.setdefault(item.key, item)
    title = _text(found.feed.get("title"))[:LONGEST_TITLE]
    return ReadFeed(title, _ttl(found), tuple(items.values()))


# -- before it is read -----------------------------------------------------------------------------


def _check(data: bytes) -> None:
    """Refuse what would take long. Raises FeedError."""
    if _LONG_TAG.search(data):
        raise FeedError(f"the feed has a tag of more than {LONGEST_TAG} bytes")
    try:
        _Outline().read(data)
    except FeedError:
        raise
    except expat.ExpatError as problem:
        if len(data) > MOST_BROKEN:
            raise FeedError(
                f"the feed is not well-formed ({problem}), and too big to make something of it"
            ) from None
    except (ValueError, LookupError):
        raise FeedError("the feed is in an encoding that is not known") from None


class _Outline:
    """Goes through well-formed XML for its shape alone."""

    def __init__(self) -> None:
        self._depth = 0
        self._elements = 0

    def read(self, data: bytes) -> None:
        """Raises FeedError, ExpatError and what comes of encodings."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._entity
        parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise FeedError(f"the feed has more than {MOST_ELEMENTS} elements")
        if self._depth > MOST_NESTED or len(attributes) > MOST_ATTRIBUTES:
            raise FeedError("the feed nests too deeply, or an element has too many attributes")

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _entity(self, *_: object) -> None:
        raise FeedError("the feed declares entities of its own, which no feed needs")


# -- what is in it ---------------------------------------------------------------------------------


def _item(entry: Any, url: str) -> FeedItem:
    link = next(_links(entry, url), "")
    page = _http_link(url, entry.get("link"))
    title = _text(entry.get("title"))[:LONGEST_TITLE] or link[:LONGEST_TITLE] or "(no title)"
    name = _text(entry.get("id")) or link or page or title
    key = sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
    return FeedItem(key, title, link, page, _size_of(entry), _date_of(entry))


def _links(entry: Any, url: str) -> Iterator[str]:
    """Where its torrent is, the best first."""
    enclosures = [each for each in _dicts(entry.get("links")) if each.get("rel") == "enclosure"]
    enclosures.sort(key=lambda each: "bittorrent" not in str(each.get("type", "")))
    candidates = [
        *(each.get("href") for each in enclosures),
        *(each.get("url") for each in _dicts(entry.get("media_content"))),
        entry.get("magneturi"),
        *(each.get("href") for each in _dicts(entry.get("links"))),
        entry.get("id"),
    ]
    found = [link for each in candidates if (link := _link(url, each))]
    yield from found[: len(enclosures)]
    yield from (each for each in found if each.startswith("magnet:"))
    yield from (each for each in found if ".torrent" in each.lower())
    digest = _V1_HASH.search(_text(entry.get("infohash") or entry.get("nyaa_infohash")))
    if digest is not None:
        yield f"magnet:?xt=urn:btih:{digest[0].lower()}"
    yield from found


def _link(url: str, value: object) -> str:
    text = _text(value)
    if text[:7].lower() == "magnet:":
        return f"magnet:{text[7:]}" if len(text) <= LONGEST_LINK else ""
    return _http_link(url, text)


def _http_link(url: str, value: object) -> str:
    text = _text(value)
    if not text or len(text) > LONGEST_LINK:
        return ""
    link = absolute(url, text)
    return link if link[:7].lower() == "http://" or link[:8].lower() == "https://" else ""


def _size_of(entry: Any) -> int | None:
    """Of the content; the length of an enclosure is often that of the .torrent file (BEP 36)."""
    named = _dicts([entry.get("torznab_attr"), entry.get("newznab_attr")])
    for value in (
        entry.get("contentlength"),
        *(each.get("filesize") for each in _dicts(entry.get("media_content"))),
        *(each.get("value") for each in named if each.get("name") == "size"),
        entry.get("nyaa_size"),
        entry.get("size"),
    ):
        match = _SIZE.fullmatch(_text(value))
        if match is not None:
            base = 1024 if match[3] else 1000
            size = int(float(match[1]) * base ** " kmgt".index(match[2].lower() or " "))
            if 0 < size < 2**50:
                return size
    return None


def _date_of(entry: Any) -> float:
    for name in ("published_parsed", "updated_parsed"):
        with suppress(ValueError, OverflowError, TypeError):
            found = float(calendar.timegm(entry.get(name)))
            if 0 < found < 2**40:
                return found
    return 0.0


def _ttl(found: Any) -> float:
    """In minutes, as RSS 2.0 has it; BEP 36 means seconds, which are seen by their number."""
    text = _text(found.feed.get("ttl"))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        return 0.0
    number = int(text)
    return min(float(number if number > 24 * 60 else number * 60), LONGEST_TTL)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """In one line, and only what can be shown and kept."""
    if not isinstance(value, str):
        return ""
    text = value.encode("utf-8", "ignore").decode()
    return _BLANKS.sub(" ", "".join(x for x in text if x.isprintable() or x.isspace())).strip()
