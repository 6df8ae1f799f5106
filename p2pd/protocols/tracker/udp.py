"""The UDP tracker protocol (BEP 15) and its URL data option (BEP 41): packets out and in."""

from __future__ import annotations

import struct

from p2pd.base.addresses import COMPACT_V4_SIZE, COMPACT_V6_SIZE, unpack_compact
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

PROTOCOL_ID = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = 0, 1, 2, 3
CONNECTION_SECONDS = 60.0
"""How long a connection id may be used."""

FIRST_TIMEOUT = 15.0
"""Seconds until a request is sent again; doubled each time."""

MAX_SCRAPE = 74
_EVENTS = {"": 0, "completed": 1, "started": 2, "stopped": 3, "paused": 0}
"""BEP 21's word has no number."""

_END_OF_OPTIONS, _URL_DATA = 0, 2

_CONNECT = struct.Struct(">QII")
_HEAD = struct.Struct(">II")
_REQUEST_HEAD = struct.Struct(">QII")
_ANNOUNCE = struct.Struct(">20s20sQQQIIIiH")
_COUNTS = struct.Struct(">III")


def connect_packet(transaction: int) -> bytes:
    """Ask for a connection id."""
    return _CONNECT.pack(PROTOCOL_ID, CONNECT, transaction)


def announce_packet(
    connection: int, transaction: int, request: AnnounceRequest, url_data: bytes = b""
) -> bytes:
    """An announce; `url_data` is the path and query of the tracker's URL (BEP 41)."""
    packet = _REQUEST_HEAD.pack(connection, ANNOUNCE, transaction) + _ANNOUNCE.pack(
        request.info_hash,
        request.peer_id,
        request.downloaded,
        request.left,
        request.uploaded,
        _EVENTS[request.event],
        0,
        request.key,
        request.numwant,
        request.port,
    )
    return packet + _options(url_data)


def scrape_packet(connection: int, transaction: int, info_hashes: list[bytes]) -> bytes:
    """A scrape of at most 74 torrents."""
    head = _REQUEST_HEAD.pack(connection, SCRAPE, transaction)
    return head + b"".join(info_hashes[:MAX_SCRAPE])


def transaction_of(packet: bytes) -> int | None:
    """Which request a packet answers; None when it is too short to say."""
    return _HEAD.unpack_from(packet)[1] if len(packet) >= 8 else None


def parse_connect(packet: bytes) -> int:
    """The connection id. Raises TrackerError."""
    _check(packet, CONNECT, 16)
    connection: int = struct.unpack_from(">Q", packet, 8)[0]
    return connection


def parse_announce(packet: bytes, *, ipv6: bool) -> AnnounceAnswer:
    """An announce's answer; peers are of the family it came by. Raises TrackerError."""
    _check(packet, ANNOUNCE, 20)
    interval, leechers, seeders = _COUNTS.unpack_from(packet, 8)
    size = COMPACT_V6_SIZE if ipv6 else COMPACT_V4_SIZE
    peers = packet[20 : 20 + size * MAX_PEERS]
    return AnnounceAnswer(
        peers=usable(unpack_compact(peers, ipv6=ipv6, limit=MAX_PEERS)),
        interval=clamped_interval(interval),
        seeders=count(seeders),
        leechers=count(leechers),
    )


def parse_scrape(packet: bytes, torrents: int) -> list[ScrapeCounts]:
    """The counts, in the order the torrents were asked for. Raises TrackerError."""
    _check(packet, SCRAPE, 8 + 12 * torrents)
    found = []
    for at in range(8, 8 + 12 * torrents, 12):
        seeders, downloads, leechers = map(count, _COUNTS.unpack_from(packet, at))
        found.append(ScrapeCounts(seeders=seeders, leechers=leechers, downloads=downloads))
    return found


def _check(packet: bytes, action: int, least: int) -> None:
    if len(packet) < 8:
        raise TrackerError(f"a packet of {len(packet)} bytes")
    got = _HEAD.unpack_from(packet)[0]
    if got == ERROR:
        raise TrackerError(printable(packet[8:]) or "it refused without a reason")
    if got != action:
        raise TrackerError(f"it answered action {got}, not {action}")
    if len(packet) < least:
        raise TrackerError(f"its answer has {len(packet)} bytes, not {least}")


def _options(url_data: bytes) -> bytes:
    if not url_data:
        return b""
    options = b""
    for at in range(0, len(url_data), 255):
        part = url_data[at : at + 255]
        options += bytes((_URL_DATA, len(part))) + part
    return options + bytes((_END_OF_OPTIONS,))
