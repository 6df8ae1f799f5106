"""Magnet links (BEP 9), with the choice of files (BEP 53) and v2 hashes (btmh, BEP 52).

A link says which torrent is meant and where to begin looking; nothing is fetched here.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, unquote_to_bytes

from p2pd.base.addresses import split_host_port
from p2pd.base.errors import FormatError
from p2pd.base.ids import V1_SIZE, V2_SIZE, InfoHashes
from p2pd.formats.urls import MAX_TRACKERS, MAX_WEB_SEEDS, tracker_url, web_seed_url

MAX_URI = 64 * 1024
MAX_PEERS = 200
MAX_FILE_INDEX = 1_000_000
MAX_NAME = 1024
Kept = TypeVar("Kept")
_BY_TLS = "x.p2pd-tls"
_SHA2_256 = "1220"  # multihash: function 0x12, 0x20 bytes follow


class MagnetError(FormatError):
    """The text is no magnet link for a torrent; the message says why."""


@dataclass(frozen=True, slots=True)
class Magnet:
    """What a magnet link says. `select_only` are the wanted file indices, None for all of them.

    `peers` are (host, port), where the host may be a name; `length` is in bytes. Trackers have no
    tiers in a link: each counts as its own. `by_tls` is p2pd's own (``x.p2pd-tls=1``): who may be a
    peer is decided by certificates, so nobody is asked in the clear or told of it before the CA is
    known. A link of libtorrent's does not say that.
    """

    info_hashes: InfoHashes
    name: str | None = None
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[tuple[str, int], ...] = ()
    select_only: tuple[range, ...] | None = None
    length: int | None = None
    by_tls: bool = False

    def selects(self, file_index: int) -> bool:
        """Whether the link asks for that file (BEP 53)."""
        return self.select_only is None or any(file_index in part for part in self.select_only)

    def to_uri(self) -> str:
        """The link as text; parsing it gives an equal magnet."""
        pairs = []
        if self.info_hashes.v1 is not None:
            pairs.append(f"xt=urn:btih:{self.info_hashes.v1.hex()}")
        if self.info_hashes.v2 is not None:
            pairs.append(f"xt=urn:btmh:{_SHA2_256}{self.info_hashes.v2.hex()}")
        if self.name is not None:
            pairs.append(f"dn={quote(self.name, safe='')}")
        if self.length is not None:
            pairs.append(f"xl={self.length}")
        pairs += [f"tr={_quoted(url)}" for url in self.trackers]
        pairs += [f"ws={quote(url, safe='')}" for url in self.web_seeds]
        pairs += [f"x.pe={_host_port(host, port)}" for host, port in self.peers]
        if self.select_only is not None:
            pairs.append("so=" + ",".join(map(_range_text, self.select_only)))
        if self.by_tls:
            pairs.append(f"{_BY_TLS}=1")
        return "magnet:?" + "&".join(pairs)


@functools.lru_cache(maxsize=1024)
def _quoted(url: str) -> str:
    """Thousands of torrents have the same few trackers."""
    return quote(url, safe="")


def parse_magnet(uri: str) -> Magnet:
    """Read a magnet link. Raises MagnetError when it names no torrent, or names one wrongly.

    What is only helpful (trackers, peers, sizes) and broken is left out instead.
    """
    values = link_parameters(uri)
    return Magnet(
        info_hashes=_info_hashes(values.get("xt", [])),
        name=_name(values.get("dn", [])),
        trackers=_usable(map(tracker_url, values.get("tr", [])), MAX_TRACKERS),
        web_seeds=_usable(map(web_seed_url, values.get("ws", [])), MAX_WEB_SEEDS),
        peers=_usable(map(_peer, values.get("x.pe", [])), MAX_PEERS),
        select_only=_selection(values.get("so", [])),
        length=_length(values.get("xl", [])),
        by_tls="1" in values.get(_BY_TLS, []),
    )


def link_parameters(uri: str) -> dict[str, list[str]]:
    """The values of each parameter; ``tr.1`` is another ``tr``, as some programs write it.

    Raises MagnetError when the text is no magnet link at all.
    """
    if len(uri) > MAX_URI:
        raise MagnetError(f"a magnet link of {len(uri)} characters is longer than {MAX_URI}")
    # Half a surrogate pair, as JSON can carry it, is no character and cannot be encoded.
    text = uri.encode("utf-8", "replace").decode()
    scheme, _, query = text.strip().partition("?")
    if scheme.lower() != "magnet:":
        raise MagnetError("the text does not start with magnet:?")
    values: dict[str, list[str]] = {}
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        key = re.sub(r"\.[0-9]+$", "", key.strip().lower())
        said = unquote_to_bytes(value.replace("+", " ") if key == "dn" else value)
        values.setdefault(key, []).append(said.decode("utf-8", "replace"))
    return values


def _info_hashes(topics: list[str]) -> InfoHashes:
    v1: set[bytes] = set()
    v2: set[bytes] = set()
    for topic in topics:
        kind, _, text = topic.strip().rpartition(":")
        if kind.lower() == "urn:btih":
            v1.add(_v1_hash(text))
        elif kind.lower() == "urn:btmh":
            v2.add(_v2_hash(text))
    if len(v1) > 1 or len(v2) > 1:
        raise MagnetError("the magnet link names more than one torrent")
    if not v1 and not v2:
        raise MagnetError("the magnet link has no info-hash (xt=urn:btih:… or urn:btmh:…)")
    return InfoHashes(v1.pop() if v1 else None, v2.pop() if v2 else None)


def _v1_hash(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text) if len(text) == 40 else base64.b32decode(text, casefold=True)
    except ValueError:
        digest = b""
    if len(digest) != V1_SIZE:
        raise MagnetError("the btih in the magnet link is neither 40 hex digits nor 32 of base32")
    return digest


def _v2_hash(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text.removeprefix(_SHA2_256)) if text[:4] == _SHA2_256 else b""
    except ValueError:
        digest = b""
    if len(digest) != V2_SIZE:
        raise MagnetError(
            "the btmh in the magnet link is no SHA-256 multihash (1220 and 64 digits)"
        )
    return digest


def _name(values: list[str]) -> str | None:
    return values[0][:MAX_NAME] if values and values[0] else None


def _usable(values: Iterable[Kept | None], limit: int) -> tuple[Kept, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))[:limit]


def _peer(text: str) -> tuple[str, int] | None:
    try:
        host, port = split_host_port(text)
    except FormatError:
        return None
    return (host, port) if len(host) <= 255 and re.fullmatch(r"[\w.:%-]+", host) else None


def _selection(values: list[str]) -> tuple[range, ...] | None:
    """Ranges of file indices, ascending as written; parts that are no range are left out."""
    parts = [part for value in values for part in value.split(",")]
    ranges = []
    for part in parts[:10_000]:
        match = re.fullmatch(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", part.strip())
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            if first <= last < MAX_FILE_INDEX:
                ranges.append(range(first, last + 1))
    return tuple(ranges) if ranges else None


def _length(values: list[str]) -> int | None:
    text = values[0] if values else ""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _range_text(part: range) -> str:
    return f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0])
