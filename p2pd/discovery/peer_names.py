"""Addresses of peers that are given by name, as magnet links may have them (x.pe, BEP 9)."""

from __future__ import annotations

from typing import Any

from p2pd.discovery.tracker_client.names import Names
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.way_out import WayOut, way_of

MOST_ADDRESSES = 4
"""Of one name."""


class PeerNames:
    """Looks names up; while there is no way out nobody is asked."""

    def __init__(self, reactor: Any, way: str | WayOut = "") -> None:
        self._names = Names(reactor)
        self._way = way_of(way)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a name that can be reached, as far as there are any."""
        if not any(map(self._reaches, (False, True))):
            return ()
        try:
            found = await self._names.addresses(host)
        except TrackerError:
            return ()
        return tuple(one for one in found if self._reaches(":" in one))[:MOST_ADDRESSES]

    def _reaches(self, ipv6: bool) -> bool:
        return self._way.address(ipv6) is not None
