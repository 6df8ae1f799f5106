"""Scraping (BEP 48): only trackers whose announces do not tell how many seeds there are."""

from __future__ import annotations

from typing import Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.clock import DelayedCall
from p2pd.discovery.tracker_client.tracker import Tracker, TrackerOwner
from p2pd.discovery.tracker_client.transports import TrackerTransport
from p2pd.protocols.tracker.announce import ScrapeCounts, TrackerError, TrackerTimeoutError

FIRST_SECONDS = 30.0
"""After the first announces, which make most scrapes needless."""

SECONDS = 1800.0


class ScrapeOwner(TrackerOwner, Protocol):
    """The announcer that the scraper belongs to."""

    def trackers(self) -> Sequence[Tracker]:
        """All of them."""

    def info_hashes(self) -> list[bytes]:
        """The ids that the torrent goes by."""


class Scraper:
    """Scrapes one torrent's trackers now and then, all that need it at the same time."""

    def __init__(self, owner: ScrapeOwner, transports: TrackerTransport) -> None:
        self._owner = owner
        self._transports = transports
        self._timer: DelayedCall | None = None
        self._asking: dict[Tracker, Deferred[None]] = {}

    def start(self) -> None:
        """Scrape from now on."""
        self._schedule(FIRST_SECONDS)

    def stop(self) -> None:
        """Scrape no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        asking, self._asking = self._asking, {}
        for tracker, scrape in asking.items():
            scrape.cancel()
            tracker.state.scraping = False
        for tracker in self._owner.trackers():
            tracker.state.next_scrape_at = 0.0

    def _schedule(self, seconds: float) -> None:
        wait = seconds * self._owner.rng.uniform(0.9, 1.1)
        self._timer = self._owner.clock.callLater(wait, self._begin)
        for tracker in self._owner.trackers():
            needed = _needs_scrape(tracker)
            tracker.state.next_scrape_at = self._owner.wall() + wait if needed else 0.0

    def _begin(self) -> None:
        for tracker in self._owner.trackers():
            if _needs_scrape(tracker) and tracker not in self._asking:
                tracker.state.scraping = True
                scrape = Deferred.fromCoroutine(
                    self._transports.scrape(tracker.state.url, self._owner.info_hashes())
                )
                ended: Deferred[None] = scrape.addBoth(self._ended, tracker)
                if not ended.called:
                    self._asking[tracker] = ended
        self._schedule(SECONDS)

    def _ended(self, result: object, tracker: Tracker) -> None:
        self._asking.pop(tracker, None)
        state = tracker.state
        state.scraping = False
        state.last_scrape_at = self._owner.wall()
        state.last_scrape_succeeded = isinstance(result, dict)
        problem = getattr(result, "value", None)
        state.last_scrape_timed_out = isinstance(problem, TrackerTimeoutError)
        state.last_scrape_result = str(problem) if isinstance(problem, TrackerError) else ""
        if isinstance(result, dict):
            found = [result[each] for each in self._owner.info_hashes() if each in result]
            _note(tracker, found)


def _needs_scrape(tracker: Tracker) -> bool:
    state = tracker.state
    return state.last_announce_succeeded and not tracker.tells_counts and bool(state.scrape_url)


def _note(tracker: Tracker, found: Sequence[ScrapeCounts]) -> None:
    state = tracker.state
    if found:
        state.seeders = max(counts.seeders for counts in found)
        state.leechers = max(counts.leechers for counts in found)
        state.downloads = max(counts.downloads for counts in found)
