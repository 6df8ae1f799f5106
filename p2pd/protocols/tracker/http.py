"""HTTP announces and scrapes (BEP 3, 7, 12, 23, 24, 31, 48): URLs out, bencoded answers in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes, urlsplit, urlunsplit

from p2pd.base.addresses import PeerAddress, canonical_host, unpack_compact
from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.protocols.tracker.announce import (
    MAX_PEERS,
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
    clamped_interval,
    count,
    printable,
    usable,
)

MAX_ANSWER = 2 * 1024 * 1024
"""Bytes of the longest answer that is read."""

LONGEST_RETRY = 24 * 3600


def announce_url(url: str, request: AnnounceRequest) -> str:
    """The URL to GET. Raises TrackerError."""
    query = [
        f"info_hash={quote_from_bytes(request.info_hash, safe='')}",
        f"peer_id={quote_from_bytes(request.peer_id, safe='')}",
        f"port={request.port}",
        f"uploaded={request.uploaded}",
        f"downloaded={request.downloaded}",
        f"left={request.left}",
        "compact=1",
        "no_peer_id=1",
        "supportcrypto=0",
        f"numwant={request.numwant}",
        f"key={request.key:08x}",
    ]
    if request.event:
        query.append(f"event={request.event}")
    if request.tracker_id:
        query.append(f"trackerid={quote_from_bytes(request.tracker_id, safe='')}")
    return _with_query(url, query)


def scrape_url(url: str) -> str | None:
    """Where to scrape (BEP 48): `announce` in the last part of the path becomes `scrape`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    folder, slash, last = parts.path.rpartition("/")
    if not last.startswith("announce"):
        return None
    path = folder + slash + "scrape" + last[len("announce") :]
    return urlunsplit(parts._replace(path=path))


def scrape_request_url(url: str, info_hashes: list[bytes]) -> str:
    """The URL to GET for the counts of these torrents. Raises TrackerError."""
    asked = [f"info_hash={quote_from_bytes(h, safe='')}" for h in info_hashes]
    return _with_query(url, asked)


def parse_announce(body: bytes) -> AnnounceAnswer:
    """Read an answer. Raises TrackerError with the tracker's own reason, or with what is wrong."""
    answer = _dictionary(body)
    warning = answer.get(b"warning message")
    return AnnounceAnswer(
        peers=usable(_peers(answer)),
        interval=clamped_interval(answer.get(b"interval")),
        min_interval=max(0, min(count(answer.get(b"min interval")), LONGEST_RETRY)),
        seeders=count(answer.get(b"complete")),
        leechers=count(answer.get(b"incomplete")),
        downloads=count(answer.get(b"downloaded")),
        warning=printable(warning) if isinstance(warning, bytes) else "",
        external_host=_external(answer.get(b"external ip")),
        tracker_id=_tracker_id(answer.get(b"tracker id")),
    )


def parse_scrape(body: bytes) -> dict[bytes, ScrapeCounts]:
    """The counts by info-hash. Raises TrackerError."""
    files = _dictionary(body).get(b"files")
    if not isinstance(files, dict):
        raise TrackerError("the scrape has no files")
    return {
        info_hash: ScrapeCounts(
            seeders=count(entry.get(b"complete")),
            leechers=count(entry.get(b"incomplete")),
            downloads=count(entry.get(b"downloaded")),
        )
        for info_hash, entry in files.items()
        if isinstance(entry, dict)
    }


def _with_query(url: str, query: list[str]) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # broken brackets around an IPv6 address
        raise TrackerError("its URL has no valid host and port") from None
    joined = "&".join(([parts.query] if parts.query else []) + query)
    return urlunsplit(parts._replace(query=joined, fragment=""))


def _dictionary(body: bytes) -> dict[bytes, Any]:
    try:
        # Some scripts end their answer with an empty line.
        answer = bencode.decode(body.rstrip(b"\r\n"), strict_order=False, max_size=MAX_ANSWER)
    except FormatError:
        if body.lstrip()[:1] == b"<":
            raise TrackerError("it answered a web page, not a tracker's answer") from None
        raise TrackerError("it answered something that is not bencoded") from None
    if not isinstance(answer, dict):
        raise TrackerError("its answer is not a dictionary")
    reason = answer.get(b"failure reason")
    if isinstance(reason, bytes):
        sentence = printable(reason) or "it refused without a reason"
        raise TrackerError(sentence, retry_in=_retry(answer.get(b"retry in")))
    return answer


def _retry(value: Any) -> float | None:
    """BEP 31: minutes, or `never`, which is taken as a day."""
    if value == b"never":
        return LONGEST_RETRY
    if isinstance(value, bytes) and value.isdigit():
        value = int(value[:9])
    if isinstance(value, int) and value >= 0:
        return float(min(value * 60, LONGEST_RETRY))
    return None


def _peers(answer: dict[bytes, Any]) -> list[PeerAddress]:
    found: list[PeerAddress] = []
    peers = answer.get(b"peers")
    if isinstance(peers, bytes):
        found += unpack_compact(peers, ipv6=False, limit=MAX_PEERS)
    elif isinstance(peers, list):
        found += [peer for peer in map(_listed_peer, peers[:MAX_PEERS]) if peer is not None]
    peers6 = answer.get(b"peers6")
    if isinstance(peers6, bytes):
        found += unpack_compact(peers6, ipv6=True, limit=MAX_PEERS)
    return found


def _listed_peer(entry: Any) -> PeerAddress | None:
    """A peer in the long form; one named by a host name is left out."""
    if not isinstance(entry, dict):
        return None
    host, port = entry.get(b"ip"), entry.get(b"port")
    if not isinstance(host, bytes) or not isinstance(port, int) or not 0 < port < 65536:
        return None
    try:
        return PeerAddress(canonical_host(host[:64].decode("ascii", "replace")), port)
    except FormatError:
        return None


def _external(value: Any) -> str | None:
    """BEP 24: our address as the tracker sees it, 4 or 16 bytes."""
    if not isinstance(value, bytes) or len(value) not in (4, 16):
        return None
    ipv6 = len(value) == 16
    return unpack_compact(value + b"\x00\x01", ipv6=ipv6)[0].host


def _tracker_id(value: Any) -> bytes:
    return value if isinstance(value, bytes) and len(value) <= 1024 else b""
