"""Which way to a tracker its URL names, and how much goes that way at a time."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Awaitable, Callable, Protocol, TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.client import HTTPConnectionPool
from twisted.web.iweb import IAgent, IPolicyForHTTPS

from p2pd.base.measures import Labels
from p2pd.discovery.tracker_client.host_gate import HostGate
from p2pd.discovery.tracker_client.host_pace import HostPace
from p2pd.discovery.tracker_client.http_tracker import HttpTracker, make_agent
from p2pd.discovery.tracker_client.names import Names
from p2pd.discovery.tracker_client.request_target import split_url
from p2pd.discovery.tracker_client.torrent_https import AskCredentials, TorrentAgent
from p2pd.discovery.tracker_client.udp_tracker import UdpTracker
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerError,
    TrackerTimeoutError,
)
from p2pd.transports.udp_port import UdpPort
from p2pd.transports.way_out import WayOut

T = TypeVar("T")

PER_TRACKER = {"http": 8, "https": 8, "udp": 32}
"""Questions under way to one host and port."""


class TrackerTransport(Protocol):
    """A way to ask trackers."""

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError."""

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""


class TrackerTransports:
    """Every way there is, behind one. `timeout` is in seconds, for one question and its answer.

    `interface` is the way to HTTP trackers, `udp` the port by which UDP trackers are asked.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        rng: random.Random,
        udp: UdpPort,
        *,
        interface: str | WayOut = "",
        timeout: float = 30.0,
        agent: Any = None,
    ) -> None:
        names = Names(reactor)
        self._kept: HTTPConnectionPool | None = None

        def make(policy: IPolicyForHTTPS) -> IAgent:
            return make_agent(reactor, names, interface, timeout, policy)[0]

        def web_of(credentials: AskCredentials) -> HttpTracker:
            return HttpTracker(TorrentAgent(agent, make, credentials), reactor, names, timeout)

        if agent is None:
            agent, self._kept = make_agent(reactor, names, interface, timeout)
        web = HttpTracker(agent, reactor, names, timeout)
        self._web_of = web_of
        self._udp = UdpTracker(reactor, rng, names, udp, timeout)
        self._by_scheme: dict[str, TrackerTransport] = {
            "http": web,
            "https": web,
            "udp": self._udp,
        }
        self.outcomes: Counter[Labels] = Counter()
        """Questions that are through, by kind and result."""
        self.seen: Callable[[str, str], object] = lambda tracker, ours: None
        """Called with a tracker's host and the address that it says is ours (BEP 24)."""
        self._pace = HostPace(reactor)
        self._gates = {scheme: HostGate(limit) for scheme, limit in PER_TRACKER.items()}

    def of(self, credentials: AskCredentials) -> TorrentWay:
        """The ways of one torrent, which may have something of its own to show."""
        return TorrentWay(self, credentials)

    async def announce(
        self, url: str, request: AnnounceRequest, credentials: AskCredentials | None = None
    ) -> AnnounceAnswer:
        """Announce. Raises TrackerError, and nothing else but CancelledError."""
        paced = request.event != "stopped"  # for a daemon that ends has a few seconds for all
        answer = await self._ask(
            "announce", url, lambda way: way.announce(url, request), paced, credentials
        )
        if answer.external_host is not None:
            self.seen(split_url(url).hostname or "", answer.external_host)
        return answer

    async def scrape(
        self, url: str, info_hashes: list[bytes], credentials: AskCredentials | None = None
    ) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError, and nothing else but CancelledError."""
        return await self._ask(
            "scrape", url, lambda way: way.scrape(url, info_hashes), True, credentials
        )

    def counts(self) -> tuple[int, int]:
        """Questions under way, and those that wait for others to the same tracker."""
        gates = set(self._gates.values())
        return sum(gate.under_way for gate in gates), sum(gate.waiting for gate in gates)

    async def close(self) -> None:
        """Ask no more."""
        await self._udp.close()
        if self._kept is not None:
            # Not waited for: over TLS it is the tracker who ends it.
            self._kept.closeCachedConnections()

    async def _ask(
        self,
        kind: str,
        url: str,
        ask: Callable[[TrackerTransport], Awaitable[T]],
        paced: bool,
        credentials: AskCredentials | None,
    ) -> T:
        result = "failed"
        try:
            scheme, key, transport = self._way_to(url, credentials)

            async def work() -> T:
                if paced:
                    await self._pace.turn((scheme, key))
                return await ask(transport)

            answer = await self._gates[scheme].run(key, work)
            result = "ok"
            return answer
        except CancelledError:
            result = "given_up"
            raise
        except TrackerTimeoutError:
            result = "timed_out"
            raise
        except TrackerError:
            raise
        except Exception as problem:
            raise self._unforeseen(url, problem) from None
        finally:
            self.outcomes[kind, result] += 1

    def _way_to(
        self, url: str, credentials: AskCredentials | None
    ) -> tuple[str, str, TrackerTransport]:
        scheme = url.partition(":")[0].lower()
        transport = self._by_scheme.get(scheme)
        if transport is None:
            raise TrackerError(f"trackers of the kind {scheme[:20]}: are not supported")
        if credentials is not None and transport is not self._udp:
            transport = self._web_of(credentials)
        return scheme, split_url(url).netloc.lower(), transport

    def _unforeseen(self, url: str, problem: Exception) -> TrackerError:
        """A mistake of ours: worth a line in the log, but no reason to announce no more."""
        # Only the host: the rest of the URL may hold a passkey.
        host = urlsplit(url).hostname
        self.log.failure("asking the tracker at {host} failed", host=host)
        return TrackerError(f"cannot be asked: {problem}"[:200])


class TorrentWay:
    """How one torrent asks its trackers (TrackerTransport)."""

    __slots__ = ("_credentials", "_transports")

    def __init__(self, transports: TrackerTransports, credentials: AskCredentials) -> None:
        self._transports = transports
        self._credentials = credentials

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Announce. Raises TrackerError."""
        return await self._transports.announce(url, request, self._credentials)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Scrape. Raises TrackerError."""
        return await self._transports.scrape(url, info_hashes, self._credentials)
