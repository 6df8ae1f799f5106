"""How many local announces are read, of one host and of all: the rest is dropped unread. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.discovery.allowances import Allowances

HOST_AT_ONCE = 30
HOST_PER_SECOND = 2.0
"""One that announces each of its torrents apart, as many clients do, has that for 600 torrents."""
AT_ONCE = 200
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


class LsdArrivals:
    """Says of each datagram whether it is to be read."""

    def __init__(self) -> None:
        self._all: Allowances[None] = Allowances(AT_ONCE, 1 / PER_SECOND)
        self._hosts: Allowances[str] = Allowances(HOST_AT_ONCE, 1 / HOST_PER_SECOND, most=HOSTS)

    def admits(self, host: str, now: float) -> bool:
        """A datagram came from this IP address."""
        return self._hosts.take(host, now) and self._all.take(None, now)
