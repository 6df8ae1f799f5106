"""One tracker of one torrent: what it was told, and what it said (BEP 3).

Every info-hash of a hybrid torrent is announced (BEP 52), all at the same time.
"""

from __future__ import annotations

import functools
import random
from contextlib import suppress
from dataclasses import replace
from typing import Callable, Protocol, Sequence
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, DeferredList

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.protocols.tracker import http
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    TrackerError,
    TrackerTimeoutError,
)

UNSURE_SECONDS = 1.0
"""How long `stopped` may take to a tracker that never answered."""

DEFAULT_PORTS = {"http": 80, "https": 443}


class TrackerOwner(Protocol):
    """The announcer, as trackers and tiers see it."""

    clock: Clock
    rng: random.Random
    wall: Callable[[], float]

    def requests(self, event: str, tracker_id: bytes) -> list[AnnounceRequest]:
        """One announce for each info-hash of the torrent."""

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Raises TrackerError."""

    def found(self, peers: Sequence[PeerAddress]) -> None:
        """Peers, the moment they are known."""

    def wants_scrape(self) -> None:
        """A tracker does not tell how many seeds there are."""


class Tracker:
    """`tells_counts` says whether its announces make scrapes idle.

    `not_before` is when it may be asked again at the earliest, if it said so (BEP 31).
    """

    __slots__ = (
        "_asking",
        "_knows",
        "_owner",
        "_tracker_id",
        "not_before",
        "state",
        "tells_counts",
    )

    def __init__(self, owner: TrackerOwner, state: TrackerState) -> None:
        self._owner = owner
        self.state = state
        self.tells_counts = False
        self.not_before = float("-inf")
        self._tracker_id = b""
        self._knows: tuple[bytes, ...] = ()
        self._asking: Sequence[Deferred[AnnounceAnswer]] = ()

    @property
    def started(self) -> bool:
        """Whether it knows of us, by any of our info-hashes."""
        return bool(self._knows)

    @property
    def busy(self) -> bool:
        """Whether an announce is under way."""
        return bool(self._asking)

    def announce(self, event: str) -> Deferred[AnnounceAnswer]:
        """Announce every info-hash; the first answer counts. Fails with TrackerError."""
        return Deferred.fromCoroutine(self._announce(event))

    def stop(self) -> Deferred[None] | None:
        """Announce nothing more but `stopped`, if it knows of us or may be about to.

        The Deferred never fails; None when there is nobody to tell. One that never answered is
        not waited for long.
        """
        asking, self._asking = self._asking, ()
        for each in asking:
            each.cancel()
        sure = self.started
        self._knows = ()
        self.not_before = float("-inf")
        self.state.announcing = False
        self.state.next_announce_at = 0.0
        if not sure and not asking:
            return None
        farewell = Deferred.fromCoroutine(self._say_stopped())
        if not sure:
            farewell.addTimeout(UNSURE_SECONDS, self._owner.clock, lambda *_: None)  # type: ignore[arg-type]
        return farewell

    async def _say_stopped(self) -> None:
        with suppress(TrackerError):  # it forgets us by itself
            await self._announce("stopped")

    async def _announce(self, event: str) -> AnnounceAnswer:
        state = self.state
        state.announcing = True
        requests = self._owner.requests(event, self._tracker_id)
        asking = self._asking = [Deferred.fromCoroutine(self._ask(each)) for each in requests]
        outcomes = await DeferredList(asking, consumeErrors=True)
        if self._asking is not asking:
            raise TrackerError("given up")  # by stop(), which goes on in its own way
        self._asking = ()
        state.announcing = False
        state.last_announce_at = self._owner.wall()
        answers = [result for worked, result in outcomes if worked]
        if not answers:
            raise self._failed([getattr(failure, "value", None) for _, failure in outcomes])
        self._worked(answers)
        return answers[0]

    async def _ask(self, request: AnnounceRequest) -> AnnounceAnswer:
        stopped = request.event == "stopped"
        if not stopped and request.info_hash not in self._knows:
            # It may have taken one info-hash of a hybrid and failed for the other.
            request = replace(request, event="started")
        answer = await self._owner.announce(self.state.url, request)
        if not stopped:
            if request.info_hash not in self._knows:
                self._knows = (*self._knows, request.info_hash)
            if answer.peers:
                self._owner.found(answer.peers)
        return answer

    def _failed(self, problems: Sequence[BaseException | None]) -> TrackerError:
        problem = problems[0] if problems else None
        if not isinstance(problem, TrackerError):
            problem = TrackerError("the announce was given up")
        state = self.state
        state.last_announce_succeeded = False
        state.last_announce_timed_out = isinstance(problem, TrackerTimeoutError)
        state.last_announce_result = str(problem)
        state.last_announce_peer_count = 0
        return problem

    def _worked(self, answers: Sequence[AnnounceAnswer]) -> None:
        """An announce tells what a scrape would, so most trackers are never scraped."""
        state = self.state
        state.last_announce_succeeded = True
        state.last_announce_timed_out = False
        state.last_announce_result = next((a.warning for a in answers if a.warning), "Success")
        state.last_announce_peer_count = sum(len(answer.peers) for answer in answers)
        # A hybrid's two swarms are mostly the same peers: the larger count is nearer the truth.
        seeders = max(answer.seeders for answer in answers)
        leechers = max(answer.leechers for answer in answers)
        downloads = max(answer.downloads for answer in answers)
        self.tells_counts = seeders >= 0
        if not self.tells_counts and state.scrape_url:
            self._owner.wants_scrape()
        state.seeders = seeders if seeders >= 0 else state.seeders
        state.leechers = leechers if leechers >= 0 else state.leechers
        state.downloads = downloads if downloads >= 0 else state.downloads
        self._tracker_id = next((a.tracker_id for a in answers if a.tracker_id), self._tracker_id)


def new_state(id_: int, url: str) -> TrackerState:
    """The state of a tracker that was never asked."""
    return TrackerState(id_, 0, url, *_shown(url))


@functools.lru_cache(maxsize=1024)
def _shown(url: str) -> tuple[str, str, str]:
    """Where to scrape, the host, and its site: thousands of torrents have the same few trackers."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    scrape = (http.scrape_url(url) or "") if scheme in DEFAULT_PORTS else url
    port = port or DEFAULT_PORTS.get(scheme, 0)
    labels = host.split(".")
    site = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else host
    shown = f"[{host}]" if ":" in host else host
    return scrape, f"{shown}:{port}", site
