"""Trackers that answer what a test says, on a virtual clock, without sockets."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.base.ids import InfoHashes
from p2pd.discovery.tracker_client.announcer import Announcer, Totals
from p2pd.protocols.tracker.announce import AnnounceAnswer, AnnounceRequest, ScrapeCounts

V1 = b"1" * 20
V2 = b"2" * 32
PEERS = (PeerAddress("192.0.2.1", 6881), PeerAddress("2001:db8::1", 6882))
ANSWER = AnnounceAnswer(peers=PEERS, interval=1800, seeders=3, leechers=4)
HANG = object()


class Torrent:
    """An AnnounceTorrent."""

    def __init__(self, info_hashes: InfoHashes) -> None:
        self.info_hashes = info_hashes
        self.left = 1000
        self.partial = False
        self.noted = 0

    def totals(self) -> Totals:
        return Totals(uploaded=10, downloaded=20, left=self.left, partial=self.partial)

    def credentials(self) -> None:
        """Nothing of its own."""

    def announced(self) -> None:
        self.noted += 1


class FakeTrackers:
    """A TrackerTransport. `answers` by URL: an answer, an exception, or HANG; ANSWER by default."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, AnnounceRequest]] = []
        self.hanging: list[tuple[str, Deferred[AnnounceAnswer]]] = []
        self.counts: dict[str, Any] = {}
        self.scraped: list[str] = []

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        self.asked.append((url, request))
        answer = self.answers.get(url, ANSWER)
        if isinstance(answer, dict):
            answer = answer.get(request.info_hash, ANSWER)
        if answer is HANG:
            waiting: Deferred[AnnounceAnswer] = Deferred()
            self.hanging.append((url, waiting))
            return await waiting
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        self.scraped.append(url)
        counts = self.counts.get(url, HANG)
        if counts is HANG:
            await Deferred()
        if isinstance(counts, Exception):
            raise counts
        return dict.fromkeys(info_hashes, counts)

    def release(self, url: str, answer: AnnounceAnswer = ANSWER) -> None:
        """Let the first question to `url` that hangs be answered."""
        entry = next(entry for entry in self.hanging if entry[0] == url)
        self.hanging.remove(entry)
        entry[1].callback(answer)

    def events(self, url: str | None = None) -> list[str]:
        return [request.event for each, request in self.asked if url in (None, each)]

    def urls(self) -> list[str]:
        return [url for url, _ in self.asked]


class World:
    """One torrent, its announcer, and every tracker there is."""

    def __init__(self, *tiers: list[str], info_hashes: InfoHashes | None = None) -> None:
        self.clock = Clock()
        self.trackers = FakeTrackers()
        self.torrent = Torrent(info_hashes or InfoHashes(v1=V1))
        self.found: list[tuple[PeerAddress, ...]] = []
        self.port = 6881
        self.announcer = Announcer(
            self.torrent,
            tiers,
            lambda peers, source: self.found.append(tuple(peers)),
            clock=self.clock,
            wall=lambda: 1_000_000 + self.clock.seconds(),
            rng=random.Random(1),
            transports=self.trackers,
            peer_id=b"-PD0100-abcdefghijkl",
            port=lambda: self.port,
        )

    def state(self, url: str) -> Any:
        return next(state for state in self.announcer.states() if state.url == url)

    def start(self) -> None:
        self.announcer.start()
        self.clock.advance(0)

    def timers(self) -> list[Any]:
        return self.clock.getDelayedCalls()
