"""One tier of trackers (BEP 12): tried in turn until one answers, and that one goes first.

Every tier has its own timer, so that a tier of dead trackers holds nothing up.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any, Callable, Protocol, Sequence
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.tracker_client.http_tracker import TrackerTimeoutError
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import AnnounceAnswer, AnnounceRequest, TrackerError

FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
LEAST_GAP = 10.0
"""Seconds between two announces to a tier, however often somebody asks for one."""

PeersFound = Callable[[Sequence[PeerAddress], str], None]


class TierOwner(Protocol):
    """The announcer that the tier belongs to."""

    clock: Clock
    rng: random.Random

    def wall(self) -> float: ...
    def requests(self, event: str, tracker_id: bytes) -> list[AnnounceRequest]:
        """One announce for each info-hash of the torrent."""

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Raises TrackerError."""

    def found(self, peers: Sequence[PeerAddress]) -> None:
        """Peers, the moment they are known."""


class _Tracker:
    """A tracker of the tier: its state, and what we owe it."""

    __slots__ = ("started", "state", "tracker_id")

    def __init__(self, state: TrackerState) -> None:
        self.state = state
        self.started = False
        self.tracker_id = b""


class Tier:
    """The trackers of one tier. `owed` is the event that the next announce carries."""

    def __init__(self, owner: TierOwner, number: int, urls: Sequence[str], first_id: int) -> None:
        self._owner = owner
        self._trackers = [
            _Tracker(new_state(first_id + at, number, url)) for at, url in enumerate(urls)
        ]
        owner.rng.shuffle(self._trackers)
        self._owed = ""
        self._failures = 0
        self._timer: DelayedCall | None = None
        self._running: Deferred[None] | None = None
        self._last_at = float("-inf")
        self._least_gap = LEAST_GAP
        self._again = False

    def states(self) -> list[TrackerState]:
        """The state of each tracker, the one in use first."""
        return [tracker.state for tracker in self._trackers]

    def start(self) -> None:
        """Announce `started`, now."""
        self._owed = "started"
        self._schedule(0.0)

    def complete(self) -> None:
        """Announce `completed`, now; if `started` is still owed that comes first."""
        self._owed = self._owed or "completed"
        self._soon(0.0)

    def reannounce(self) -> None:
        """Announce as soon as the tracker allows it."""
        self._failures = 0
        wait = self._last_at + self._least_gap - self._owner.clock.seconds()
        self._soon(max(0.0, wait))

    def cancel(self) -> None:
        """Announce nothing more."""
        self._again = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()

    def stopping(self) -> list[Deferred[Any]]:
        """Announce `stopped` to those that know us; each Deferred ends by itself."""
        self.cancel()
        return [
            Deferred.fromCoroutine(self._say_stopped(tracker))
            for tracker in self._trackers
            if tracker.started
        ]

    # -- time ---------------------------------------------------------------------------------

    def _soon(self, wait: float) -> None:
        if self._running is not None:
            self._again = True
        else:
            self._schedule(wait)

    def _schedule(self, wait: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._owner.clock.callLater(wait, self._begin)
        self._trackers[0].state.next_announce_at = self._owner.wall() + wait

    def _begin(self) -> None:
        self._running = Deferred.fromCoroutine(self._round())
        self._running.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self._running.addBoth(self._ended)

    def _ended(self, _result: object) -> None:
        self._running = None

    # -- announcing ---------------------------------------------------------------------------

    async def _round(self) -> None:
        """Try one tracker after the other, then plan the next round."""
        event, self._owed = self._owed, ""
        self._last_at = self._owner.clock.seconds()
        retry_in = None
        for tracker in list(self._trackers):
            # A tracker that never heard of us is told `started`, whatever happened since.
            told = event if tracker.started else "started"
            try:
                answer = await self._announce(tracker, told)
            except TrackerError as problem:
                retry_in = problem.retry_in or retry_in
                continue
            self._worked(tracker, answer)
            self._schedule(self._next_after(answer))
            return
        self._owed = self._owed or event
        self._failures += 1
        self._schedule(self._backed_off(retry_in))

    def _next_after(self, answer: AnnounceAnswer) -> float:
        if self._owed or self._again:
            self._again = False
            return 0.0 if self._owed else self._least_gap
        # Spread out, so that those who started together do not announce together for ever.
        return answer.interval * self._owner.rng.uniform(0.95, 1.0)

    def _backed_off(self, retry_in: float | None) -> float:
        if retry_in is not None:
            return max(retry_in, FIRST_RETRY)
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** (self._failures - 1))
        return wait * self._owner.rng.uniform(0.75, 1.25)

    def _worked(self, tracker: _Tracker, answer: AnnounceAnswer) -> None:
        self._failures = 0
        self._least_gap = max(LEAST_GAP, answer.min_interval)
        tracker.started = True
        tracker.tracker_id = answer.tracker_id or tracker.tracker_id
        self._trackers.remove(tracker)
        self._trackers.insert(0, tracker)
        for other in self._trackers:
            other.state.is_backup = other is not tracker

    async def _announce(self, tracker: _Tracker, event: str) -> AnnounceAnswer:
        """Announce each info-hash; the first that worked is the answer. Raises TrackerError."""
        state = tracker.state
        state.announcing = True
        worked: AnnounceAnswer | None = None
        peers = 0
        problem = TrackerError("nothing to announce")
        try:
            for request in self._owner.requests(event, tracker.tracker_id):
                try:
                    answer = await self._owner.announce(state.url, request)
                except TrackerError as refused:
                    problem = refused
                    continue
                worked = worked or answer
                peers += len(answer.peers)
                if answer.peers and event != "stopped":
                    self._owner.found(answer.peers)
        finally:
            state.announcing = False
            state.last_announce_at = self._owner.wall()
        state.last_announce_succeeded = worked is not None
        state.last_announce_timed_out = worked is None and isinstance(problem, TrackerTimeoutError)
        if worked is None:
            state.last_announce_result = str(problem)
            raise problem
        _note(state, worked, peers)
        return worked

    async def _say_stopped(self, tracker: _Tracker) -> None:
        tracker.started = False
        with suppress(TrackerError):  # else it forgets us by itself
            await self._announce(tracker, "stopped")


def new_state(id_: int, tier: int, url: str) -> TrackerState:
    """The state of a tracker that was never asked."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        scrape = http.scrape_url(url) or "" if scheme in ("http", "https") else url
    except ValueError:
        scheme, host, port, scrape = "", "", None, ""
    port = port or {"http": 80, "https": 443}.get(scheme, 0)
    labels = host.split(".")
    site = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else host
    return TrackerState(
        id=id_, tier=tier, url=url, scrape_url=scrape, host=f"{host}:{port}", sitename=site
    )


def _note(state: TrackerState, answer: AnnounceAnswer, peers: int) -> None:
    """An announce tells what a scrape would, so most trackers are never scraped."""
    state.last_announce_result = answer.warning or "Success"
    state.last_announce_peer_count = peers
    if answer.seeders >= 0:
        state.seeders = answer.seeders
    if answer.leechers >= 0:
        state.leechers = answer.leechers
    if answer.downloads >= 0:
        state.downloads = answer.downloads
