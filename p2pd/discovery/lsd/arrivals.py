"""How many local announces are read, of one host and of all: the rest is dropped unread. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

HOST_AT_ONCE = 30.0
HOST_PER_SECOND = 2.0
"""One that announces each of its torrents apart, as many clients do, has that for 600 torrents."""
AT_ONCE = 200.0
PER_SECOND = 50.0

HOSTS = 256
"""Of which the last datagrams are remembered."""


@dataclass(slots=True)
class LsdCounts:
    """Datagrams since the start, and peers."""

    sent: int = 0
    received: int = 0
    own: int = 0
    """Received ones that were our own."""
    too_many: int = 0
    """Those that were not read."""
    malformed: int = 0
    strangers: int = 0
    """Those from addresses that are not in the network that they came by."""
    peers: int = 0
    """Peers of our torrents that were told of, each time."""


class _Bucket:
    """What may come at once, filling up."""

    __slots__ = ("_at", "_most", "_per_second", "_tokens")

    def __init__(self, most: float, per_second: float, now: float) -> None:
        self._most = self._tokens = most
        self._per_second = per_second
        self._at = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class LsdArrivals:
    """Says of each datagram whether it is to be read."""

    def __init__(self, now: float) -> None:
        self._all = _Bucket(AT_ONCE, PER_SECOND, now)
        self._hosts: OrderedDict[str, _Bucket] = OrderedDict()

    def admits(self, host: str, now: float) -> bool:
        """A datagram came from this IP address."""
        bucket = self._hosts.pop(host, None) or _Bucket(HOST_AT_ONCE, HOST_PER_SECOND, now)
        self._hosts[host] = bucket
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)
        return bucket.take(now) and self._all.take(now)
