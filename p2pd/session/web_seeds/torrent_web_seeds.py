"""The web seeds of one torrent (BEP 19, BEP 17): which there are, and which are asked now.

They are asked while the torrent runs and lacks something that is wanted; each over one connection,
the quickest over a second one, within what the settings allow a torrent and what all may have. A
torrent whose peers need a certificate or a secret is never asked for in the clear.
"""

from __future__ import annotations

from typing import Any, Container, Coroutine, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.discovery.tracker_client.torrent_https import Credentials
from p2pd.discovery.web_seed_client.client import NOT_HTTPS
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.session.connecting.admission import Way
from p2pd.session.pieces.torrent_pieces import TorrentPieces
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.web_seeds.seed_lane import LaneExchange, SeedLane
from p2pd.session.web_seeds.seed_report import Kind, SeedReport, SeedState
from p2pd.session.web_seeds.session_web_seeds import PER_SEED
from p2pd.session.web_seeds.web_seed import WebSeed
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.web_seed_standing import WebSeedStanding

LOOK_SECONDS = 5.0
"""How often it is seen whether there is memory, or room on the disk, or fewer that are asked."""

TRIED_IN_VAIN = 8
"""Web seeds for which there is nothing to ask now, after which others are not looked at."""

TURNED_OFF = "web seeds are turned off"


class SeededTorrent(Protocol):
    """What is needed of the torrent."""

    host: Any
    record: TorrentRecord
    running: bool
    info_hashes: InfoHashes

    @property
    def content(self) -> TorrentContent | None: ...
    @property
    def exchange(self) -> LaneExchange: ...
    @property
    def way(self) -> Way:
        """How its peers are reached."""

    def seconds(self) -> float:
        """Monotonic time."""

    def seed_urls(self) -> list[tuple[Kind, str]]:
        """Those that it has."""


class TorrentWebSeeds:
    """Starts and ends connections; what is asked over each is its own business (SeedLane)."""

    log = Logger()

    def __init__(self, owner: SeededTorrent) -> None:
        self._owner = owner
        self._seeds: dict[tuple[Kind, str], WebSeed] = {}
        self._lanes: list[SeedLane] = []
        self._standings: dict[tuple[Kind, str], WebSeedStanding] = {}
        self._of: TorrentPieces | None = None
        self._waits_for_room = False

    # -- what lanes need -----------------------------------------------------------------------

    @property
    def exchange(self) -> LaneExchange:
        """Who counts bytes, and knows limits."""
        return self._owner.exchange

    @property
    def pieces(self) -> TorrentPieces:
        """What they are asked for."""
        assert self._of is not None
        return self._of

    def keep(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Run it, and have the end of the session wait for it."""
        self._owner.host.web_seeds.busy += 1
        running = Deferred.fromCoroutine(work)
        self._owner.host.background(running, self._owner.record.name)
        return running

    def came(self, size: int) -> None:
        """So many wanted bytes."""
        self._owner.host.web_seeds.received += size

    def lane_rests(self, lane: SeedLane) -> None:
        """It has nothing to do, or failed."""
        shared, standing = self._owner.host.web_seeds, lane.seed.standing
        shared.busy -= 1
        if lane.failed:
            shared.failures += 1
            self.log.info(
                "{name}: web seed {host}: {error}",
                name=self._owner.record.name, host=host_of(lane.seed.url), error=standing.error,
            )  # fmt: skip
            self._end([each for each in self._lanes if each.seed is lane.seed])
            lane.seed.counts(False)
        self._owner.host.activity.changed(self._owner)

    # -- life ----------------------------------------------------------------------------------

    @property
    def wants(self) -> bool:
        """Whether there is anything to ask for, and anybody who may be asked."""
        owner, content = self._owner, self._owner.content
        if content is None or not owner.running or owner.host.web_seeds.client is None:
            return False
        return bool(content.missing_wanted and owner.host.settings.web_seeds_enabled)

    @property
    def is_busy(self) -> bool:
        """Whether it has to be looked at every second."""
        return bool(self._lanes)

    def next_due(self, now: float) -> float | None:
        """When one may be asked, if it waits for that alone."""
        if not self.wants:
            return None
        due = [
            seed.standing.due
            for seed in self._seeds.values()
            if not seed.standing.dropped and not self._refusal(seed.url)
        ]
        return max(min(due), now + LOOK_SECONDS) if due else None

    def tick(self, now: float) -> None:
        """Once a second while the torrent is busy."""
        if not self.wants:
            self.stop()
            return
        self._build()
        self._begin(now)

    def feed(self) -> None:
        """Something changed: those who have nothing to do may look again."""
        if not self._lanes and not self._seeds:
            return
        if not self.wants:
            self.stop()
            return
        self._build()
        self._begin(self._owner.seconds())

    def stop(self) -> None:
        """Ask nobody any more."""
        self._end(list(self._lanes))
        for seed in self._seeds.values():
            seed.counts(False)
        self._seeds = {}
        self._of = None

    def changed(self) -> None:
        """Others may be used, or in another way."""
        self.stop()
        if self.wants:
            self._owner.host.activity.wake(self._owner)

    def hang_up(self) -> None:
        """Who was believed until now may be so no longer: connect anew."""
        self._end(list(self._lanes))

    def banned(self, places: Container[str | bytes]) -> None:
        """Hosts were banned."""
        self._end([lane for lane in self._lanes if lane.seed.host in places])

    def limits_changed(self) -> None:
        """Other speed limits hold."""
        for lane in self._lanes:
            lane.limits_changed()

    def sent_wrong(self, seed: WebSeed, piece: int) -> None:
        """A piece that it sent alone is wrong, or what it sent of it: it is not asked for it again.

        With a few of these it is given up.
        """
        if seed.standing.sent_wrong(piece):
            self._owner.host.web_seeds.dropped += 1
            self.log.warn(
                "{name}: web seed {host} is given up: {error}",
                name=self._owner.record.name, host=host_of(seed.url), error=seed.standing.error,
            )  # fmt: skip
            self._end([lane for lane in self._lanes if lane.seed is seed])
            seed.counts(False)
        seed.lacks([piece])

    # -- what is shown -------------------------------------------------------------------------

    def reports(self) -> list[SeedReport]:
        """How each of them is doing."""
        return [self._report(kind, url) for kind, url in self._owner.seed_urls()]

    def _report(self, kind: Kind, url: str) -> SeedReport:
        seed, standing = self._seeds.get((kind, url)), self._standings.get((kind, url))
        lanes = [lane for lane in self._lanes if lane.seed is seed and lane.busy]
        now, owner = self._owner.seconds(), self._owner
        refusal = self._refusal(url)
        error = standing.error if standing is not None else ""
        state, next_at = SeedState.RESTS, 0.0
        if refusal:
            state, error = SeedState.REFUSED, refusal
        elif standing is not None and standing.dropped:
            state = SeedState.DROPPED
        elif lanes:
            state = SeedState.SENDS
        elif standing is not None and standing.due > now and self.wants:
            state, next_at = SeedState.WAITS, owner.host.wall() + standing.due - now
        return SeedReport(
            url, kind, state,
            rate=sum(lane.rate.per_second(now) for lane in lanes),
            downloaded=standing.downloaded if standing is not None else 0,
            connections=len(lanes), error=error, next_at=next_at,
        )  # fmt: skip

    # -- who is asked --------------------------------------------------------------------------

    def _build(self) -> None:
        content = self._owner.content
        assert content is not None
        if self._of is content.pieces:
            return
        self.stop()
        self._of = content.pieces
        everything = PieceSet.full(content.layout.piece_count)
        info_hash = self._owner.info_hashes.wire_ids[0]
        for kind, url in self._owner.seed_urls():
            standing = self._standings.get((kind, url))
            if standing is None:
                standing = self._standings[kind, url] = WebSeedStanding(self._owner.host.rng)
            seed = WebSeed(url, kind, content, everything, info_hash, standing)
            self._seeds[kind, url] = seed
        # Who changes them every hour shall not have all of them kept.
        self._standings = {key: seed.standing for key, seed in self._seeds.items()}

    def _begin(self, now: float) -> None:
        idle = [lane for lane in self._lanes if not lane.busy]
        for lane in idle:
            if self._may_begin(lane.seed, now):
                self._try(lane)
        most = self._owner.host.settings.web_seed_connections
        in_vain = 0
        for _ in range(PER_SEED):
            for seed in self._seeds.values():
                full = len(self._lanes) >= most or not self._owner.host.web_seeds.has_room
                if full or in_vain >= TRIED_IN_VAIN:
                    return
                if self._takes_one_more(seed) and self._may_begin(seed, now):
                    lane = self._new_lane(seed)
                    self._lanes.append(lane)
                    if not self._try(lane):
                        self._end([lane])
                        in_vain += 1

    def _takes_one_more(self, seed: WebSeed) -> bool:
        """A second connection is worth it to who brings something by the first one."""
        lanes = [lane for lane in self._lanes if lane.seed is seed]
        if not lanes:
            return True
        return len(lanes) < PER_SEED and all(lane.busy and lane.window.rate for lane in lanes)

    def _may_begin(self, seed: WebSeed, now: float) -> bool:
        if not seed.standing.may_ask(now) or self._refusal(seed.url):
            return False
        if not self._owner.host.web_seeds.has_room:
            return False
        if not seed.has_wanted():
            seed.look_again()
        return True

    def _try(self, lane: SeedLane) -> bool:
        lane.seed.counts(True)
        if lane.begin():
            self._owner.host.activity.changed(self._owner)
            return True
        # Memory, or all is asked for: it is looked at again when there is some, or in a second.
        self._owner.host.budget.call_when_free(self.feed)
        return False

    def _new_lane(self, seed: WebSeed) -> SeedLane:
        host = self._owner.host
        line = host.web_seeds.client.line(
            self._credentials, host.kept_away.covers, https_only=self._https_only
        )
        return SeedLane(self, seed, line, host.new_window())

    def _end(self, lanes: Sequence[SeedLane]) -> None:
        for lane in lanes:
            if lane in self._lanes:
                self._lanes.remove(lane)
                lane.close()

    # -- for whom the torrent is ---------------------------------------------------------------

    @property
    def _https_only(self) -> bool:
        return self._owner.way is not Way.OPEN

    def _credentials(self) -> Credentials | None:
        found: Credentials | None = self._owner.host.tls.credentials(self._owner)
        return found

    def _refusal(self, url: str) -> str:
        """Why one must not be asked, in words; empty: it may be."""
        if not self._owner.host.settings.web_seeds_enabled:
            return TURNED_OFF
        if not self._https_only:
            return ""
        if url.partition(":")[0].lower() != "https":
            return NOT_HTTPS
        try:
            self._credentials()
        except TrackerError as why_not:
            return str(why_not)
        return ""


def host_of(url: str) -> str:
    """The host of a URL for the log: the rest may hold a secret."""
    return url.partition("//")[2].partition("/")[0].rpartition("@")[2][:100]
