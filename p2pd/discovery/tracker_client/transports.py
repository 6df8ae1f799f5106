"""Which way to a tracker its URL names."""

from __future__ import annotations

import random
from typing import Any, Protocol

from p2pd.discovery.tracker_client.http_tracker import HttpTracker, make_agent
from p2pd.discovery.tracker_client.udp_tracker import UdpTracker
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
)


class TrackerTransport(Protocol):
    """A way to ask trackers."""

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError."""

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""


class TrackerTransports:
    """Every way there is, behind one."""

    def __init__(
        self,
        reactor: Any,
        rng: random.Random,
        *,
        interface: str = "",
        timeout: float = 30.0,
        agent: Any = None,
    ) -> None:
        web = HttpTracker(agent or make_agent(reactor, interface), reactor, timeout)
        self._udp = UdpTracker(reactor, rng, interface=interface, timeout=timeout)
        self._by_scheme: dict[str, TrackerTransport] = {
            "http": web,
            "https": web,
            "udp": self._udp,
        }

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError."""
        return await self._for(url).announce(url, request)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""
        return await self._for(url).scrape(url, info_hashes)

    async def close(self) -> None:
        """Give sockets back."""
        await self._udp.close()

    def _for(self, url: str) -> TrackerTransport:
        scheme = url.partition(":")[0].lower()
        transport = self._by_scheme.get(scheme)
        if transport is None:
            raise TrackerError(f"trackers of the kind {scheme[:20]}: are not supported")
        return transport
