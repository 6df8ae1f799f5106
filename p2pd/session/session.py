"""The session: every torrent and what they share. Control talks to session_control.py above it.

It is the only place with a clock that ticks: once a second, over the torrents that are busy.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.clock import DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes, new_peer_id
from p2pd.base.rates import RollingRate
from p2pd.base.schedule import Schedule
from p2pd.discovery.source_report import DiscoverySource
from p2pd.discovery.tracker_client.announcer import Announcer, AnnounceTorrent, PeersFound
from p2pd.formats.metainfo import Metainfo, to_torrent
from p2pd.protocols.mse.swarm_keys import SwarmKeys
from p2pd.session.background_work import BackgroundWork, Work
from p2pd.session.blocklist.session_blocklist import SessionBlocklist
from p2pd.session.connecting.connections import Connections
from p2pd.session.discovering.catcher_source import CatcherSource
from p2pd.session.discovering.dht_source import DhtSource
from p2pd.session.discovering.lsd_source import LsdSource
from p2pd.session.discovering.own_sources import own_sources
from p2pd.session.discovering.pex_source import PexSource
from p2pd.session.disks.check_queue import CheckQueue
from p2pd.session.disks.device_news import device_changed
from p2pd.session.disks.devices import Devices, in_time
from p2pd.session.disks.download_folders import DownloadFolders
from p2pd.session.disks.memory_budget import MemoryBudget
from p2pd.session.finding.cross_check import CrossChecks
from p2pd.session.moving.moves import Moves, settled
from p2pd.session.nodes.session_nodes import SessionNodes
from p2pd.session.peers.send_queues import SendQueues
from p2pd.session.queueing.torrent_queues import TorrentQueues
from p2pd.session.rate_limits import RateLimits
from p2pd.session.reaching import Reaching
from p2pd.session.reannouncing import Reannouncing
from p2pd.session.secrets.secret_torrents import SecretTorrents
from p2pd.session.session_bans import SessionBans
from p2pd.session.session_closing import SessionClosing
from p2pd.session.session_counts import SessionCounts
from p2pd.session.session_events import EventKind, SessionEvents
from p2pd.session.session_parts import SessionLimits, SessionParts
from p2pd.session.session_ports import SessionPorts
from p2pd.session.session_removals import SessionRemovals
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.tls.tls_opener import TlsOpener
from p2pd.session.tls.tls_torrents import TlsTorrents
from p2pd.session.torrent_rules import TorrentRules
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.session.torrents.first_looks import FirstLooks
from p2pd.session.torrents.resting import Resting
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_registry import TorrentRegistry
from p2pd.session.torrents.upload_slots import UploadSlots
from p2pd.session.web_seeds.session_web_seeds import SessionWebSeeds
from p2pd.state.moves import MoveRow
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.kept_away import KeptAway
from p2pd.swarm.preference import Preferences
from p2pd.swarm.request_pipeline import RequestWindow

CHECKPOINT_SECONDS = 10.0
"""How much verified data a power cut may cost us the memory of; a crash alone costs nothing."""

T = TypeVar("T")

CLOSE_SECONDS = 4.0
"""What disks have for each step when the session ends; what is recorded is true without them."""

REST_SECONDS = 2.0
"""What work in the background has to end when the session does."""


class Session(SessionPorts):
    """Torrents, their shared parts, and the tick that moves them."""

    log = Logger()

    def __init__(
        self, parts: SessionParts, settings: SessionSettings, limits: SessionLimits
    ) -> None:
        self.clock = parts.clock
        self.wall = parts.wall
        self.rng = parts.rng
        self.disks = parts.disks
        self.store = parts.store
        self.settings = settings
        self.limits = limits
        self.connection_bound = limits.connections
        self.peer_id = new_peer_id(parts.rng)
        self.preferences = Preferences(parts.rng, parts.country_of)
        self.peer_memory = parts.peer_memory
        self.names = parts.names
        self._keep_away(parts, limits)
        self.counts = SessionCounts()
        self.events = SessionEvents(parts.clock, parts.wall)
        self.send_queues, self.torrents = SendQueues(), TorrentRegistry()
        self.secrets = SecretTorrents(self, parts.keys)
        timers = Schedule(parts.clock)
        self._find_peers(parts, timers)
        self.activity: ActiveTorrents[Torrent] = ActiveTorrents(timers, parts.wall)
        self.resting = Resting(self, timers)
        self.web_seeds = SessionWebSeeds(parts.web_seeds)
        self.first_looks = FirstLooks(self)
        self.queues: TorrentQueues[Torrent] = TorrentQueues(self, timers)
        self.rules = TorrentRules(settings)
        self.rates = RateLimits(self, timers, parts.wall)
        self.upload_slots = UploadSlots(self)
        self._share_disks(parts, limits)
        self.tls = TlsTorrents(self, parts.tls, timers)
        self._connect(parts, limits, timers)
        self.moves = Moves(self, parts.journal)
        self.removals = SessionRemovals(self, parts.removals)
        self.new_storage = parts.make_storage
        self.rate_download, self.rate_upload = RollingRate(), RollingRate()
        self.started_at = 0.0
        self.closing = False
        self._make_announcer = parts.make_announcer
        self._tick_call: DelayedCall | None = None
        self._next_checkpoint = 0.0
        self._work = BackgroundWork(self.log, lambda: self.closing)

    def _keep_away(self, parts: SessionParts, limits: SessionLimits) -> None:
        """Whom nobody is to talk to."""
        self.bans = SessionBans(self, parts.ban_memory, limits.ban_seconds)
        refresh = limits.blocklist_refresh_seconds
        self.blocklist = SessionBlocklist(
            self, parts.blocklist_memory, parts.blocklist_source, refresh
        )
        self.nodes = SessionNodes(self, parts.node_keeper, parts.node_memory, parts.node_work)
        self.preferences.favoured = self.nodes.trusted
        self.kept_away = KeptAway(self.bans.in_force, self.blocklist.covers)

    def _find_peers(self, parts: SessionParts, timers: Schedule) -> None:
        """Where torrents find peers, besides their trackers."""
        self.dht = DhtSource(self, parts.dht, timers)
        self.hole_puncher = parts.hole_puncher
        self.lsd = LsdSource(self, parts.lsd, timers)
        pex = PexSource(lambda: self.settings.pex_enabled)
        self.catcher = CatcherSource(self, parts.caught_hosts, timers)
        self.discovery: list[DiscoverySource] = [
            *own_sources(), self.dht, pex, self.lsd, self.catcher
        ]  # fmt: skip

    def _connect(self, parts: SessionParts, limits: SessionLimits, timers: Schedule) -> None:
        """How peers are reached, and reach us."""
        reannouncing = Reannouncing(timers, parts.rng)
        self.reaching = Reaching(self, parts.make_port_mapping, reannouncing)
        self.connections = Connections(
            self,
            parts.transport,
            half_open_limit=limits.half_open,
            key_work=parts.key_work,
            tls=TlsOpener(self.tls, parts.clock),
        )
        self.dialer = self.connections.dialer

    def _share_disks(self, parts: SessionParts, limits: SessionLimits) -> None:
        """What torrents have to share of disks, and of memory for them."""
        look, aside = parts.look_at_folder, parts.disks.aside
        self.budget = MemoryBudget(limits.memory_in_flight)
        self.devices = Devices(parts.disks, self.budget, parts.clock, look, limits.keep_free)
        self.cross_checks = CrossChecks(self)
        self.folders = DownloadFolders(self, look, limits.folder_watch_seconds)
        self.checks = CheckQueue(aside, limits.check_workers, per_device=limits.checks_per_device)

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring back every torrent of the state database, then move."""
        self.started_at = self.clock.seconds()
        self._next_checkpoint = self.started_at + CHECKPOINT_SECONDS
        self.rules.settings_changed()
        self.rates.settings_changed()
        self.queues.settings_changed()
        self.dht.settings_changed()
        self.reaching.begin()
        self.lsd.settings_changed()
        await self.bans.recall()
        await self.nodes.recall()
        self.background(self.blocklist.recall(), "blocklist")
        self.background(self.catcher.recall(), "caught hosts")
        await self.tls.recall()
        cut_off = await self.moves.cut_off()
        for record in await self.secrets.recall(await self.store.load_all()):
            self._restore(record, cut_off.get(record.id))
        self._resume()
        await self.tls.revoking.endings.begin()
        self.cross_checks.resume()
        self.queues.begin()
        await self.removals.resume()
        awake = [torrent.record.id for torrent in self.torrents if not torrent.resting]
        await self.store.mark_running(awake)
        self._tick_call = self.clock.callLater(1.0, self._tick)

    async def stop(self) -> None:
        """Stop every torrent, record everything, and leave nothing running."""
        self.closing = True
        unmapped = self.reaching.close()
        self.events.close()
        if self._tick_call is not None and self._tick_call.active():
            self._tick_call.cancel()
        self.moves.leave()
        self.removals.close()
        self.blocklist.close()
        self.checks.stop_all()
        self.first_looks.close()
        self.queues.close()
        self.dht.close()
        self.tls.close()
        self.lsd.close()
        await self.connections.close()
        await SessionClosing(self, self._work.run).close(list(self.torrents))
        self.catcher.close()
        self.activity.close()
        self.resting.close()
        self.rates.close()
        await unmapped
        # What waits for a disk that does not answer is given up.
        await self._work.rest().addTimeout(REST_SECONDS, cast(Any, self.clock))

    def _restore(self, record: TorrentRecord, move: MoveRow | None) -> None:
        move = None if move is None else settled(record, move)
        torrent = Torrent(self, record, InfoHashes(record.hash_v1, record.hash_v2))
        self._admit(torrent)
        if not record.paused:
            self.queues.expect(torrent)
        if not torrent.resting:
            self.background(self._open_restored(torrent), record.name)
        if move is not None:
            self.moves.resume(torrent, move)
        self.moves.bring_home(torrent)

    def _resume(self) -> None:
        """Those at rest go on resting, and are looked at: first those that were active last."""
        resting = [torrent for torrent in self.torrents if torrent.resting]
        for torrent in sorted(resting, key=lambda torrent: -torrent.record.active_at):
            if torrent.record.paused:
                self.first_looks.add(torrent)
            else:
                torrent.begin_at_rest()

    def _admit(self, torrent: Torrent) -> None:
        self.torrents.add(torrent)
        self.queues.add(torrent)
        self.activity.add(torrent)
        self.rates.torrent_changed(torrent)

    async def _open_restored(self, torrent: Torrent) -> None:
        metainfo = None
        if torrent.record.torrent is not None:
            try:
                metainfo = await self.resting.metainfo(torrent)
            except P2pdError as problem:
                torrent.fail(f"its record cannot be read: {problem}")
                return
        await torrent.open(metainfo)

    # -- torrents ------------------------------------------------------------------------------

    async def add(self, record: TorrentRecord, metainfo: Metainfo | None) -> Torrent:
        """Take in a new torrent, record it, and open it in the background."""
        hashes = InfoHashes(record.hash_v1, record.hash_v2)
        torrent = Torrent(self, record, hashes)
        if record.queue_place is None:
            record.queue_place = self.queues.order.end
        await self.store.add(record)
        # Last, for a torrent with the same secret may have gone until now, and that with it.
        await self.secrets.recall([record])
        self._admit(torrent)
        self.activity.changed(torrent)
        torrent.telling.added()
        self.background(torrent.open(metainfo), record.name)
        return torrent

    async def remove(self, torrent: Torrent, *, delete_data: bool) -> None:
        """Forget a torrent, and its files if so wished, but for those that others have.

        Raises P2pdError: it cannot be told yet which these are, or not all could be removed.
        """
        await self.removals.remove(torrent, delete_data=delete_data)

    def metadata_arrived(self, torrent: Torrent, metainfo: Metainfo) -> None:
        """A magnet became a torrent: it may be found by its other hash too, and is recorded."""
        self.torrents.learn_hashes(torrent)
        torrent.record.hash_v1 = metainfo.info_hashes.v1
        torrent.record.hash_v2 = metainfo.info_hashes.v2
        torrent.record.torrent = to_torrent(metainfo)
        torrent.telling.tell(EventKind.METADATA)

    def twin_of(self, torrent: Torrent, hashes: InfoHashes) -> Torrent | None:
        """Another torrent that is here by one of these hashes."""
        found = map(self.torrents.by_wire_id, hashes.wire_ids)
        return next((one for one in found if one not in (None, torrent)), None)

    def yield_hashes(self, torrent: Torrent, twin: Torrent) -> None:
        """By the hashes of the one the other is to be found from now on."""
        self.torrents.yield_hashes(torrent, twin)

    @property
    def swarm_keys(self) -> SwarmKeys:
        """The torrents by what encrypted handshakes call them."""
        return self.torrents.swarm_keys

    def torrent_by_wire_id(self, info_hash: bytes) -> Torrent | None:
        """For a peer that dialled us."""
        return self.torrents.by_wire_id(info_hash)

    # -- what torrents need (TorrentHost) ------------------------------------------------------

    def new_announcer(
        self,
        torrent: AnnounceTorrent,
        tiers: Sequence[Sequence[str]],
        found: PeersFound,
        port: Callable[[], int],
    ) -> Announcer:
        """The announcer of one torrent."""
        return self._make_announcer(torrent, tiers, found, self.peer_id, port)

    def new_window(self) -> RequestWindow:
        """The request window of one peer."""
        return RequestWindow(initial_timeout=self.limits.request_timeout)

    def count_downloaded(self, size: int, now: float) -> None:
        """Payload came, for any torrent."""
        self.rate_download.add(size, now)

    def count_uploaded(self, size: int, now: float) -> None:
        """Payload went, for any torrent."""
        self.rate_upload.add(size, now)

    def connection_ended(self, host: str) -> None:
        """An established connection with somebody at this host is gone."""
        self.connections.peer_gone(host)

    def settings_changed(self) -> None:
        """A client changed settings: what is copied elsewhere follows."""
        for torrent in self.torrents:
            torrent.trackers.refresh()
            if torrent.has_parts:
                torrent.rechoke_soon()
                self.activity.wake(torrent)
        parts = (self.rules, self.moves, self.rates, self.queues, self.blocklist, self.dht)
        for part in (*parts, self.lsd, self.reaching, self.catcher):
            part.settings_changed()
        self.activity.noted_all()

    def in_time(self, done: Deferred[T]) -> Deferred[T]:
        """While the session ends, a StorageError if the disk does not answer soon."""
        return in_time(done, CLOSE_SECONDS, self.clock) if self.closing else done

    def background(self, work: Work, what: str) -> None:
        """Run something nobody waits for; `stop` does wait, and a failure is logged."""
        self._work.keep(work, what)

    # -- time ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._tick_call = self.clock.callLater(1.0, self._tick)
        now = self.clock.seconds()
        self.connections.tick(now)
        if self.rates.tick():
            self.activity.noted_all()
        for device in self.devices.tick(now):
            device_changed(self, device)
        self.folders.tick(now)
        self.activity.tick(now)
        self.send_queues.look(peer for torrent in self.activity.busy for peer in torrent.peers)
        self.dialer.resume()
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + CHECKPOINT_SECONDS
            self.bans.tick()
            for torrent in self.activity.busy:
                if torrent.dirty or torrent.counters.save_due(now):
                    self.background(torrent.checkpoint(), torrent.record.name)
