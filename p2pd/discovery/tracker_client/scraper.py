"""Scraping (BEP 48): only trackers whose announces do not tell how many seeds there are."""

from __future__ import annotations

import random
from typing import Callable, Protocol, Sequence

from twisted.internet.defer import CancelledError, Deferred

from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.tracker_client.http_tracker import TrackerTimeoutError
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.discovery.tracker_client.transports import TrackerTransport
from p2pd.protocols.tracker.announce import TrackerError

FIRST_SECONDS = 30.0
"""After the first announces, which make most scrapes needless."""

SECONDS = 1800.0


class ScrapeOwner(Protocol):
    """The announcer that the scraper belongs to."""

    clock: Clock
    rng: random.Random
    wall: Callable[[], float]

    def states(self) -> Sequence[TrackerState]: ...
    def info_hashes(self) -> list[bytes]: ...


class Scraper:
    """Scrapes one torrent's trackers now and then."""

    def __init__(self, owner: ScrapeOwner, transports: TrackerTransport) -> None:
        self._owner = owner
        self._transports = transports
        self._timer: DelayedCall | None = None
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Scrape from now on."""
        self._schedule(FIRST_SECONDS)

    def stop(self) -> None:
        """Scrape no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()

    def _schedule(self, seconds: float) -> None:
        wait = seconds * self._owner.rng.uniform(0.9, 1.1)
        self._timer = self._owner.clock.callLater(wait, self._begin)

    def _begin(self) -> None:
        self._schedule(SECONDS)
        self._running = Deferred.fromCoroutine(self._round())
        self._running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self._running.addBoth(self._ended)

    def _ended(self, _result: object) -> None:
        self._running = None

    async def _round(self) -> None:
        for state in self._owner.states():
            if state.last_announce_succeeded and state.seeders < 0 and state.scrape_url:
                await self._scrape(state)

    async def _scrape(self, state: TrackerState) -> None:
        wire_ids = self._owner.info_hashes()
        state.scraping = True
        try:
            counts = await self._transports.scrape(state.url, wire_ids)
        except TrackerError as problem:
            state.last_scrape_succeeded = False
            state.last_scrape_timed_out = isinstance(problem, TrackerTimeoutError)
            state.last_scrape_result = str(problem)
            return
        finally:
            state.scraping = False
            state.last_scrape_at = self._owner.wall()
        state.last_scrape_succeeded = True
        state.last_scrape_result = ""
        for found in (counts[wire_id] for wire_id in wire_ids if wire_id in counts):
            state.seeders = max(state.seeders, found.seeders)
            state.leechers = max(state.leechers, found.leechers)
            state.downloads = max(state.downloads, found.downloads)
