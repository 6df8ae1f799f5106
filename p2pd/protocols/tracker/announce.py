"""An announce and a scrape, whatever carries them (BEP 3, 15, 48), and the bounds on answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Iterable

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError

MAX_PEERS = 2000
LEAST_INTERVAL = 30
MOST_INTERVAL = 24 * 3600
DEFAULT_INTERVAL = 1800
MAX_WORDS = 200


class TrackerError(FormatError):
    """A tracker refused, or answered nonsense; `retry_in` is in seconds if it said (BEP 31)."""

    def __init__(self, sentence: str, *, retry_in: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_in = retry_in


class TrackerTimeoutError(TrackerError):
    """The tracker did not answer in time."""


@dataclass(frozen=True, slots=True)
class AnnounceRequest:
    """What a tracker is told. Sizes are bytes; `event` is a word of BEP 3 or 21, or empty."""

    info_hash: bytes
    peer_id: bytes
    port: int
    uploaded: int
    downloaded: int
    left: int
    event: str = ""
    numwant: int = 50
    key: int = 0
    tracker_id: bytes = b""


@dataclass(frozen=True, slots=True)
class AnnounceAnswer:
    """What it answers. Intervals are seconds, clamped; counts are -1 where it does not say."""

    peers: tuple[PeerAddress, ...] = ()
    interval: int = DEFAULT_INTERVAL
    min_interval: int = 0
    seeders: int = -1
    leechers: int = -1
    downloads: int = -1
    warning: str = ""
    external_host: str | None = None
    tracker_id: bytes = b""


@dataclass(frozen=True, slots=True)
class ScrapeCounts:
    """Seeders, leechers and finished downloads of a torrent; -1 where the tracker does not say."""

    seeders: int = -1
    leechers: int = -1
    downloads: int = -1


def usable(peers: Iterable[PeerAddress]) -> tuple[PeerAddress, ...]:
    """At most 2000 peers, each once, without addresses that nobody can be at."""
    return tuple(islice(dict.fromkeys(peer for peer in peers if _is_somewhere(peer)), MAX_PEERS))


def _is_somewhere(peer: PeerAddress) -> bool:
    """False for port 0, "this network", multicast, broadcast and what is reserved beside it."""
    if peer.is_ipv6:
        return bool(peer.port) and peer.host != "::" and not peer.host.startswith("ff")
    return bool(peer.port) and 0 < int(peer.host.partition(".")[0]) < 224


def clamped_interval(value: Any) -> int:
    """An interval as a tracker gave it, within reason; the default when it is no number."""
    if not isinstance(value, int):
        return DEFAULT_INTERVAL
    return min(MOST_INTERVAL, max(LEAST_INTERVAL, value))


def count(value: Any) -> int:
    """A count as a tracker gave it; -1 when it is none."""
    return value if isinstance(value, int) and 0 <= value < 2**31 else -1


def printable(raw: bytes) -> str:
    """A tracker's words, cut and without control characters."""
    text = raw[: 4 * MAX_WORDS].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_WORDS].strip()
