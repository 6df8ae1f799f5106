"""Announcing one torrent: every tier at once, each on its own (BEP 3, BEP 12)."""

from __future__ import annotations

import random
from typing import Callable, NamedTuple, Protocol, Sequence

from twisted.internet.defer import Deferred, DeferredList, succeed

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.base.ids import InfoHashes
from p2pd.discovery.tracker_client.scraper import Scraper
from p2pd.discovery.tracker_client.states import TrackerState, trouble_of
from p2pd.discovery.tracker_client.tier import PeersFound, Tier
from p2pd.discovery.tracker_client.torrent_https import Credentials
from p2pd.discovery.tracker_client.tracker import Tracker, new_state
from p2pd.discovery.tracker_client.transports import TrackerTransport
from p2pd.protocols.tracker.announce import AnnounceAnswer, AnnounceRequest

__all__ = ["AnnounceTorrent", "Announcer", "PeersFound", "Totals"]

STOP_SECONDS = 5.0
SEED_NUMWANT = 50
SOURCE = "tracker"

Tiers = Sequence[Sequence[str]]


class Totals(NamedTuple):
    """What trackers are told, in bytes.

    `partial`: nothing more is wanted of what is left, so it is a partial seed (BEP 21).
    """

    uploaded: int
    downloaded: int
    left: int
    partial: bool = False


class AnnounceTorrent(Protocol):
    """What an announcer needs of its torrent."""

    @property
    def info_hashes(self) -> InfoHashes:
        """One or two; each is announced."""

    def totals(self) -> Totals:
        """As of now."""

    def announced(self) -> None:
        """A tracker is asked, or answered: what is shown of it changes."""

    def credentials(self) -> Credentials | None:
        """What is shown to HTTPS trackers (torrent_https.AskCredentials). Raises TrackerError."""


class Announcer:
    """The trackers of one torrent. `port` is asked for at every announce."""

    __slots__ = (
        "_announced_port", "_found", "_key", "_leaving", "_next_id", "_numwant", "_peer_id",
        "_port", "_running", "_scraper", "_tiers", "_torrent", "_transports", "clock", "rng",
        "wall",
    )  # fmt: skip

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
        self._announced_port = 0
        self._running = False
        self._scraper: Scraper | None = None
        self._tiers: list[Tier] = []
        self._leaving: dict[str, Tracker] = {}
        self._assign(tiers)

    # -- what the torrent says ----------------------------------------------------------------

    def start(self) -> None:
        """The torrent runs: announce it everywhere, now."""
        if self._running:
            return
        self._running = True
        for tier in self._tiers:
            tier.start()

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
        if not self._running:
            return succeed(None)
        self._running = False
        if self._scraper is not None:
            self._scraper.stop()
            self._scraper = None
        for tier in self._tiers:
            tier.cancel()
        return self._said_stopped(self.trackers())

    def set_tiers(self, tiers: Tiers) -> None:
        """Other trackers from now on; new ones are announced to, dropped ones hear `stopped`.

        A tracker that stays, in whatever tier, notices nothing.
        """
        dropped = self._assign(tiers)
        if self._running:
            self._said_stopped(dropped)
            for tier in self._tiers:
                tier.start()
        # Some of them are still hearing `stopped`, now or since the torrent stopped.
        gone = [*self._leaving.values(), *dropped]
        self._leaving = {tracker.state.url: tracker for tracker in gone if tracker.busy}

    def states(self) -> list[TrackerState]:
        """How each tracker is doing, tier by tier, the one in use first."""
        return [tracker.state for tier in self._tiers for tracker in tier.trackers]

    def trouble(self) -> str:
        """What the first tracker says, if all were asked and none took the torrent; else empty."""
        for tier in self._tiers:  # lists ask each torrent, and mostly the first tracker is enough
            for tracker in tier.trackers:
                state = tracker.state
                if state.last_announce_succeeded or not state.last_announce_at:
                    return ""
        return trouble_of(self.states())

    # -- what tiers and the scraper ask -------------------------------------------------------

    def info_hashes(self) -> list[bytes]:
        """The ids that the torrent goes by."""
        return list(self._torrent.info_hashes.wire_ids)

    def requests(self, event: str, tracker_id: bytes) -> list[AnnounceRequest]:
        """One announce for each info-hash."""
        totals = self._torrent.totals()
        if event != "stopped" or not self._announced_port:
            # The last farewell goes out when the port is closed already.
            self._announced_port = self._port()
        return [
            AnnounceRequest(
                info_hash=wire_id,
                peer_id=self._peer_id,
                port=self._announced_port,
                uploaded=totals.uploaded,
                downloaded=totals.downloaded,
                left=totals.left,
                event=event or ("paused" if totals.partial else ""),
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
        leeches = totals.left and not totals.partial
        return self._numwant if leeches else min(self._numwant, SEED_NUMWANT)

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Ask one tracker. Raises TrackerError."""
        self._torrent.announced()
        try:
            return await self._transports.announce(url, request)
        finally:
            self._torrent.announced()

    def found(self, peers: Sequence[PeerAddress]) -> None:
        """Peers, the moment they are known."""
        if self._running:
            self._found(peers, SOURCE)

    def wants_scrape(self) -> None:
        """A tracker does not tell how many seeds there are: few are such."""
        if self._running and self._scraper is None:
            self._scraper = Scraper(self, self._transports)
            self._scraper.start()

    # -- tiers --------------------------------------------------------------------------------

    def trackers(self) -> list[Tracker]:
        """All of them, tier by tier."""
        return [tracker for tier in self._tiers for tracker in tier.trackers]

    def _assign(self, tiers: Tiers) -> list[Tracker]:
        """Put these trackers in place; returns those that are no longer among them."""
        known = {tracker.state.url: tracker for tracker in self.trackers()}
        spare, self._tiers = self._tiers, []
        seen: set[str] = set()
        for urls in tiers:
            new = [url for url in dict.fromkeys(urls) if url not in seen]
            seen.update(new)
            if new:
                tier = _sharing(spare, new) or Tier(self)
                trackers = [known.pop(url) if url in known else self._tracker(url) for url in new]
                tier.assign(len(self._tiers), trackers)
                self._tiers.append(tier)
        for tier in spare:
            tier.cancel()
        return list(known.values())

    def _tracker(self, url: str) -> Tracker:
        """A new one; or the one that is still hearing `stopped`, so that `started` comes after."""
        leaving = self._leaving.pop(url, None)
        if leaving is not None and leaving.busy:
            return leaving
        self._next_id += 1
        return Tracker(self, new_state(self._next_id - 1, url))

    def _said_stopped(self, trackers: Sequence[Tracker]) -> Deferred[None]:
        farewells = [farewell for each in trackers if (farewell := each.stop()) is not None]
        if not farewells:
            return succeed(None)
        everybody = DeferredList(farewells, consumeErrors=True)
        said: Deferred[None] = Deferred()
        give_up = self.clock.callLater(STOP_SECONDS, everybody.cancel)

        def over(_: object) -> None:
            if give_up.active():
                give_up.cancel()
            said.callback(None)

        everybody.addBoth(over)
        return said


def _sharing(spare: list[Tier], urls: Sequence[str]) -> Tier | None:
    """The tier that goes on with these URLs, taken out of those to spare."""
    for tier in spare:
        if any(tracker.state.url in urls for tracker in tier.trackers):
            spare.remove(tier)
            return tier
    return None
