"""Announcing one torrent: every tier at once, each on its own (BEP 3, BEP 12)."""

from __future__ import annotations

import random
from typing import Callable, NamedTuple, Protocol, Sequence

from twisted.internet.defer import Deferred, DeferredList

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.base.ids import InfoHashes
from p2pd.discovery.tracker_client.scraper import Scraper
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.discovery.tracker_client.tier import PeersFound, Tier
from p2pd.discovery.tracker_client.transports import TrackerTransport
from p2pd.protocols.tracker.announce import AnnounceAnswer, AnnounceRequest

__all__ = ["AnnounceTorrent", "Announcer", "PeersFound", "Totals"]

STOP_SECONDS = 5.0
SEED_NUMWANT = 50
SOURCE = "tracker"

Tiers = Sequence[Sequence[str]]


class Totals(NamedTuple):
    """What trackers are told, in bytes."""

    uploaded: int
    downloaded: int
    left: int


class AnnounceTorrent(Protocol):
    """What an announcer needs of its torrent."""

    @property
    def info_hashes(self) -> InfoHashes:
        """One or two; each is announced."""

    def totals(self) -> Totals:
        """As of now."""


class Announcer:
    """The trackers of one torrent. `port` is asked for at every announce."""

    def __init__(
        self,
        torrent: AnnounceTorrent,
        tiers: Tiers,
        found: PeersFound,
        *,
        clock: Clock,
        wall: Callable[[], float],
        rng: random.Random,
        transports: TrackerTransport,
        peer_id: bytes,
        port: Callable[[], int],
        numwant: int = 200,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.rng = rng
        self._torrent = torrent
        self._found = found
        self._transports = transports
        self._peer_id = peer_id
        self._port = port
        self._numwant = numwant
        self._key = rng.getrandbits(32)
        self._next_id = 0
        self._running = False
        self._scraper = Scraper(self, transports)
        self._tiers = self._made(tiers)

    # -- what the torrent says ----------------------------------------------------------------

    def start(self) -> None:
        """The torrent runs: announce it everywhere, now."""
        self._running = True
        for tier in self._tiers:
            tier.start()
        self._scraper.start()

    def complete(self) -> None:
        """The last piece came."""
        for tier in self._tiers if self._running else ():
            tier.complete()

    def reannounce(self) -> None:
        """Somebody wants peers now."""
        for tier in self._tiers if self._running else ():
            tier.reannounce()

    def stop(self) -> Deferred[None]:
        """The torrent stops: say so to trackers that know it. Fires within 5 seconds."""
        self._scraper.stop()
        if not self._running:
            return DeferredList([]).addCallback(lambda _: None)
        self._running = False
        farewells = [farewell for tier in self._tiers for farewell in tier.stopping()]
        done = DeferredList(farewells, consumeErrors=True)
        done.addTimeout(STOP_SECONDS, self.clock, lambda *_: None)  # type: ignore[arg-type]
        return done.addCallback(lambda _: None)

    def set_tiers(self, tiers: Tiers) -> None:
        """Other trackers from now on; those that are dropped hear `stopped`."""
        old, self._tiers = self._tiers, self._made(tiers)
        for tier in old:
            for farewell in tier.stopping():
                farewell.addErrback(lambda _: None)
        if self._running:
            for tier in self._tiers:
                tier.start()

    def states(self) -> list[TrackerState]:
        """How each tracker is doing, tier by tier."""
        return [state for tier in self._tiers for state in tier.states()]

    # -- what tiers and the scraper ask -------------------------------------------------------

    def info_hashes(self) -> list[bytes]:
        """The ids that the torrent goes by."""
        return list(self._torrent.info_hashes.wire_ids)

    def requests(self, event: str, tracker_id: bytes) -> list[AnnounceRequest]:
        """One announce for each info-hash."""
        totals = self._torrent.totals()
        return [
            AnnounceRequest(
                info_hash=wire_id,
                peer_id=self._peer_id,
                port=self._port(),
                uploaded=totals.uploaded,
                downloaded=totals.downloaded,
                left=totals.left,
                event=event,
                numwant=self._wanted(event, totals),
                key=self._key,
                tracker_id=tracker_id,
            )
            for wire_id in self.info_hashes()
        ]

    def _wanted(self, event: str, totals: Totals) -> int:
        """How many addresses to ask for: a seed waits to be found rather than to find."""
        if event == "stopped":
            return 0
        return min(self._numwant, SEED_NUMWANT) if not totals.left else self._numwant

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Ask one tracker. Raises TrackerError."""
        return await self._transports.announce(url, request)

    def found(self, peers: Sequence[PeerAddress]) -> None:
        """Peers, the moment they are known."""
        if self._running:
            self._found(peers, SOURCE)

    def _made(self, tiers: Tiers) -> list[Tier]:
        made = []
        for number, urls in enumerate(urls for urls in tiers if urls):
            made.append(Tier(self, number, urls, self._next_id))
            self._next_id += len(urls)
        return made
