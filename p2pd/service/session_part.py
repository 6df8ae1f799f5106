"""The session as a part of the node: its port, its database, its disk threads, its torrents."""

from __future__ import annotations

import random
import secrets
import time
from functools import partial
from typing import Any, Collection, Sequence

from cryptography.x509 import Certificate
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from p2pd.base.clock import DelayedCall
from p2pd.base.errors import P2pdError, StateError
from p2pd.base.measures import Measure
from p2pd.discovery.peer_names import PeerNames
from p2pd.formats.file_layout import FileLayout
from p2pd.service import certificate_watch
from p2pd.service.clearing import clear_state
from p2pd.service.config import Config
from p2pd.service.countries import Countries
from p2pd.service.daemon_measures import (
    database_measures,
    file_measures,
    lag_measure,
    process_measures,
)
from p2pd.service.descriptors import DescriptorShares, raise_limit
from p2pd.service.folders import Place, download_folder, trouble_with
from p2pd.service.garbage import Garbage
from p2pd.service.handshake_keys import key_work, tls_parts
from p2pd.service.key_passphrase import key_files, seal_keys
from p2pd.service.loop_lag import LoopLag
from p2pd.service.network import Network, PeerSockets
from p2pd.service.session_config import SETTINGS, limits_of, settings_of, shares_of
from p2pd.service.spare_memory import SpareMemory
from p2pd.service.trusted_signers import read_signers
from p2pd.session.api import SessionApi, SessionStatistics
from p2pd.session.blocklist.blocklist_source import BlocklistSource
from p2pd.session.resource_reports import DescriptorReport
from p2pd.session.session import Session
from p2pd.session.session_control import SessionControl
from p2pd.session.session_history import SessionHistory
from p2pd.session.session_parts import SessionParts
from p2pd.session.settings.session_settings import SCRIPT_FILENAMES
from p2pd.session.settings.settings_rules import checked_settings, kept_settings
from p2pd.session.state_backups import TakeAccounts
from p2pd.state.accounts import AccountStore
from p2pd.state.audit import AuditStore
from p2pd.state.backups import BackupFolder
from p2pd.state.bans import BanStore
from p2pd.state.blocklist_file import BlocklistFile
from p2pd.state.caught_hosts import CaughtHostStore
from p2pd.state.database import Database
from p2pd.state.good_peers import GoodPeerStore
from p2pd.state.history import HistoryStore
from p2pd.state.moves import MoveStore
from p2pd.state.node_key import NodeKeyFile
from p2pd.state.removals import RemovalStore
from p2pd.state.resume import TorrentStore
from p2pd.state.settings import SettingsStore
from p2pd.state.statistics import StatisticsStore
from p2pd.state.trusted_nodes import TrustedNodeStore
from p2pd.storage.block_cache import BlockCache
from p2pd.storage.disks import Disks
from p2pd.storage.file_storage import FileStorage
from p2pd.storage.interfaces import Storage
from p2pd.storage.open_files import OpenFiles

AT_ONCE = (
    HALF_OPEN,
    BAN_HOURS,
    REFRESH_HOURS,
    OPEN_FILES,
    FOLDER_WATCH,
    KEEP_FREE,
    CONTENT,
    SIGNERS,
) = (
    ("peers", "max_half_open"),
    ("peers", "ban_hours"),
    ("blocklist", "refresh_hours"),
    ("storage", "open_files"),
    ("storage", "folder_watch_seconds"),
    ("storage", "keep_free_mib"),
    ("storage", "content_folders"),
    ("keys", "trusted_signers"),
)
"""Keys that hold at once, besides the settings."""

STATISTICS_SECONDS = 60.0
STATISTICS = ("uploaded", "downloaded", "files_added", "seconds_active", "session_count")


class SessionPart:
    """Puts a session together and runs it. `api` is there once it has started."""

    log = Logger()
    name = "session"
    api: SessionApi

    def __init__(
        self, config: Config, place: Place, reactor: Any, handed: PeerSockets | None = None
    ) -> None:
        """`handed` are sockets where peers are listened for already."""
        self._config = config
        self._place = place
        self._reactor = reactor
        self.disks = Disks(reactor, config.storage.threads)
        self._shares = shares_of(config, raise_limit(), tracker=config.tracker.enabled)
        self._open_files = OpenFiles(self._shares.files)
        self._block_cache = BlockCache(config.storage.cache_mib * 1024 * 1024)
        self._database = Database(reactor, place.state_dir, default_folder=place.download_dir)
        self._history_store = HistoryStore(reactor, place.state_dir)
        self._settings_store = SettingsStore(self._database)
        self._statistics = StatisticsStore(self._database)
        self._good_peers = GoodPeerStore(self._database)
        self.accounts = AccountStore(self._database)
        self.audit = AuditStore(self._database)
        self.keys = key_files(config.keys.passphrase_file)
        self.take_accounts: TakeAccounts | None = None
        """What a restore does with users of the control API."""
        self.network = Network(
            config, reactor, place.state_dir, handed or PeerSockets(), self._database
        )
        self._countries = Countries(config.peers.geoip_database)
        self._control: SessionControl | None = None
        self._set_by_clients: set[str] = set()
        self._saving: DelayedCall | None = None
        self._garbage = Garbage(
            reactor, lambda since: len(self._session.torrents.removed_since(since))
        )
        self._lag = LoopLag(reactor)
        self._spare_memory = SpareMemory(reactor, self.disks.aside)
        self._session = Session(
            self._parts(),
            settings_of(config, place.download_dir, place.state_dir),
            limits_of(config, self._shares),
        )
        self._signers: Sequence[Certificate] = ()
        self._history: SessionHistory | None = None
        if config.state.history_mib:
            most_bytes = config.state.history_mib * 1024 * 1024
            self._history = SessionHistory(self._session, self._history_store, most_bytes)

    @property
    def database(self) -> Database:
        """Where everything is kept."""
        return self._database

    def prepare(self) -> None:
        """Open the databases and listen for peers. Raises StateError or ConfigError."""
        self._database.open()
        self._countries.open()
        seal_keys(self.keys, self._place.state_dir)
        self._signers = read_signers(self._config.keys.trusted_signers)
        self.network.listen(self._session)

    def describe(self) -> str:
        """Where peers find it."""
        tls = self._session.tls_port
        also = f" (by TLS at {tls})" if tls else ""
        return (
            f"peers at port {self._session.own_port}{also}, downloads in {self._place.download_dir}"
        )

    async def start(self) -> None:
        """Bring back what clients set, and the torrents."""
        self._say_what_is_lowered()
        await clear_state(self._place.state_dir, partial(self.disks.aside.run, "write"))
        await self._restore_settings()
        await self._good_peers.open()
        earlier = await self._statistics.load()
        self.api = self._control = SessionControl(
            self._session,
            save_setting=self._save_setting,
            earlier=SessionStatistics(**{name: earlier.get(name, 0) for name in STATISTICS}),
            shut_down=self._reactor.stop,
            block_cache=self._block_cache,
            descriptors=self._descriptors,
            state_notice=lambda: self._database.notice,
            backups=BackupFolder(self._place.state_dir, self.keys),
            take_accounts=self.take_accounts,
            history=self._history,
        )
        self._control.backups.listen(self._keep_totals)
        self._control.detailing.trust_signers(self._signers)
        self._garbage.hold()
        self._session.events.hold()  # until what the daemon does by itself has started
        await self._session.start()
        if self._history is not None:
            self._history.start()
        self._garbage.start()
        self._lag.start()
        self._spare_memory.start()
        await self.network.start(self._session)
        self._try_downloads()
        self._saving = self._reactor.callLater(STATISTICS_SECONDS, self._save_statistics)

    def _try_downloads(self) -> None:
        """Say it if nothing can be downloaded to the usual folder; in a thread, for it may hang."""
        folder = self._place.download_dir

        def say(trouble: str) -> None:
            if trouble:
                self.log.warn("the download folder cannot be written: {trouble}", trouble=trouble)

        tried = self.disks.ask(("try", folder), lambda: trouble_with(folder)).addCallback(say)
        self._session.background(tried, "the download folder")

    async def stop(self) -> None:
        """Everything recorded, every file closed."""
        self._garbage.stop()
        self._spare_memory.stop()
        try:
            if self._control is None:
                await self._session.connections.close()
                await self.network.stop()
            else:
                await self._stop_session()
        finally:
            self._history_store.close()
            self._database.close()

    def measures(self) -> list[Measure]:
        """What is below and around the session, in numbers."""
        return [
            *process_measures(self._reactor.seconds() - self._session.started_at),
            *file_measures(self._descriptors(), self._block_cache),
            *self.network.measures(),
            *database_measures(self._database),
            *(self._history.measures() if self._history is not None else ()),
            lag_measure(self._lag.seen),
        ]

    async def _stop_session(self) -> None:
        self._lag.stop()
        if self._saving is not None and self._saving.active():
            self._saving.cancel()
        self.network.stay()
        self._database.leave_copies()
        if self._history is not None:
            await self._history.stop()
        await self._session.stop()
        try:
            await self._keep_totals()
        except StateError as problem:
            self.log.error("the totals of the last minute are lost: {problem}", problem=problem)
        await self.network.stop()
        self.disks.stop()

    def _save_statistics(self) -> None:
        """Now and then, so that a crash costs the totals of a minute and not of a year."""
        self._saving = self._reactor.callLater(STATISTICS_SECONDS, self._save_statistics)
        self._session.background(self._keep_totals(), "statistics")

    async def _keep_totals(self) -> None:
        """Raises StateError."""
        assert self._control is not None
        await self._statistics.save(_totals(self._control))

    def reconfigure(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], str]:
        """Take over what can be; what clients set stays. Raises P2pdError before any of it."""
        assert self._control is not None
        wanted = settings_of(config, download_folder(config))
        taken, changes = {}, {}
        for key in changed:
            names = SETTINGS.get(key, ())
            kept = [name for name in names if name in self._set_by_clients]
            changes.update({name: getattr(wanted, name) for name in names if name not in kept})
            if names:
                now = ", ".join(f"{n} = {getattr(self._session.settings, n)}" for n in kept)
                taken[key] = f"but clients set {now}, which stays" if kept else ""
        self._control.configure(changes)
        taken |= self.network.reconfigure(config, changed)
        return taken | self._reconfigure_limits(config, changed)

    def _reconfigure_limits(
        self, config: Config, changed: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], str]:
        shares = shares_of(config, self._shares.limit, tracker=self._config.tracker.enabled)
        limits = limits_of(config, shares)
        if shares != self._shares:
            self._share_out(shares)
        if HALF_OPEN in changed:
            self._session.dialer.limit(limits.half_open)
        certificate_watch.limit(self._session.tls.revoking.endings, config)
        if BAN_HOURS in changed:
            self._session.bans.seconds = limits.ban_seconds
        if FOLDER_WATCH in changed:
            self._session.folders.seconds = limits.folder_watch_seconds
        if KEEP_FREE in changed:
            self._session.devices.keep_free = limits.keep_free
        if CONTENT in changed:
            folders = settings_of(config, download_folder(config)).fixed["content_folders"]
            settings = self._session.settings
            settings.fixed = {**settings.fixed, "content_folders": folders}
        if SIGNERS in changed:
            self._session.background(self._read_signers(config), "trusted signers")
        if REFRESH_HOURS in changed:
            self._session.blocklist.refresh_every(limits.blocklist_refresh_seconds)
        return {key: "" for key in (*AT_ONCE, *certificate_watch.AT_ONCE) if key in changed}

    async def _read_signers(self, config: Config) -> None:
        assert self._control is not None
        paths = config.keys.trusted_signers
        try:
            signers = await self.disks.aside.run("read", read_signers, paths)
        except P2pdError as problem:
            self.log.error("{problem}; those of before stay", problem=problem)
        else:
            self._control.detailing.trust_signers(signers)

    def _share_out(self, shares: DescriptorShares) -> None:
        self._shares = shares
        self._say_what_is_lowered()
        self._session.connection_bound = shares.connections
        # in a thread: closing a file may wait for its disk
        resized = self.disks.aside.run("write", self._open_files.resize, shares.files)
        self._session.background(resized, "open files")

    def _say_what_is_lowered(self) -> None:
        if self._shares.remark:
            self.log.warn("{remark}", remark=self._shares.remark)

    def _descriptors(self) -> DescriptorReport:
        return DescriptorReport(
            limit=self._shares.limit,
            files=len(self._open_files),
            files_limit=self._open_files.limit,
            connections=self._session.connections.total,
            connections_limit=self._shares.connections,
        )

    def _save_setting(self, name: str, value: Any) -> Any:
        self._set_by_clients.add(name)
        return self._settings_store.save(name, value)

    async def _restore_settings(self) -> None:
        """What clients changed goes over the configuration; what no longer fits is left out."""
        for name, value in kept_settings(await self._settings_store.load()).items():
            try:
                if name in SCRIPT_FILENAMES and not self._config.automation.allow_commands_over_rpc:
                    continue  # it was allowed once
                setattr(self._session.settings, name, checked_settings({name: value})[name])
                self._set_by_clients.add(name)
            except P2pdError:
                continue

    def _parts(self) -> SessionParts:
        return SessionParts(
            clock=self._reactor,
            wall=time.time,
            # Choices among pieces and peers, thousands a second: a system call each would show.
            rng=random.Random(secrets.randbits(128)),
            transport=self.network.transport,
            dht=self.network.dht,
            web_seeds=self.network.web_seeds,
            key_work=key_work(self._reactor),
            tls=tls_parts(self._config, self._place.state_dir, self.keys, self._reactor),
            disks=self.disks,
            store=TorrentStore(self._database),
            removals=RemovalStore(self._database),
            make_storage=self._new_storage,
            make_announcer=self.network.announcing.announcer,
            peer_memory=self._good_peers,
            caught_hosts=CaughtHostStore(self._database),
            names=PeerNames(self._reactor, self.network.way),
            country_of=self._countries,
            keys=self.keys,
            ban_memory=BanStore(self._database),
            node_keeper=NodeKeyFile(self._place.state_dir, self.keys),
            node_memory=TrustedNodeStore(self._database),
            node_work=partial(deferToThreadPool, self._reactor, self._reactor.getThreadPool()),
            blocklist_memory=BlocklistFile(self._place.state_dir),
            blocklist_source=BlocklistSource(self._reactor, self.disks, self.network.way),
            journal=MoveStore(self._database),
            make_port_mapping=self.network.port_mapping.mapper,
            lsd=self.network.neighbours,
        )

    def _new_storage(self, layout: FileLayout, download_dir: str) -> Storage:
        preallocation = self._config.storage.preallocation
        return FileStorage(
            download_dir,
            layout,
            self._open_files,
            preallocation=preallocation,
            cache=self._block_cache,
            keep_free=lambda: self._session.devices.keep_free,
        )


def _totals(control: SessionControl) -> dict[str, int]:
    totals = control.all_runs()
    return {name: getattr(totals, name) for name in STATISTICS}
