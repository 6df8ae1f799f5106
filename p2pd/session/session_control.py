"""What control asks of a session, done: the implementation of api.SessionApi."""

from __future__ import annotations

import functools
import os
from typing import Any, Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from p2pd import __version__
from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.base.measures import Measure
from p2pd.formats.metainfo import Metainfo
from p2pd.session.api import (
    AddedTorrent,
    FreeSpace,
    SessionStatistics,
    SessionSummary,
    TorrentView,
)
from p2pd.session.blocklist.session_blocklist import SessionBlocklist
from p2pd.session.creating.creation_tasks import CreationTasks
from p2pd.session.discovering.dht_requests import DhtRequests
from p2pd.session.disks.devices import in_time
from p2pd.session.free_space import free_space_of
from p2pd.session.importing.import_requests import ImportedTorrent, ImportTorrent
from p2pd.session.importing.torrent_importing import TorrentImporting
from p2pd.session.nodes.nodes_control import NodesControl
from p2pd.session.queueing.queue_control import QueueControl, save_all
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.reaching_api import ReachingReport
from p2pd.session.resource_reports import DescriptorReport, cache_report
from p2pd.session.session import Session
from p2pd.session.session_events import SessionEvents
from p2pd.session.session_history import SessionHistory
from p2pd.session.session_measures import session_measures
from p2pd.session.session_totals import SessionTotals
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.settings.settings_rules import checked_settings
from p2pd.session.state_backups import StateBackups, TakeAccounts
from p2pd.session.tls.certificate_control import CertificateControl
from p2pd.session.torrents.following import Following
from p2pd.session.torrents.resting_reader import RestingReader
from p2pd.session.torrents.resting_report import report_at_rest
from p2pd.session.torrents.starts_and_stops import start, stop
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_adding import TorrentAdding
from p2pd.session.torrents.torrent_changes import apply_changes, needs_content
from p2pd.session.torrents.torrent_detailing import TorrentDetailing
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.state.backups import BackupFolder
from p2pd.storage.block_cache import BlockCache
from p2pd.swarm.bans import Ban

ANSWER_SECONDS = 5.0
"""What a disk has to say how much room it has."""


class SessionControl:
    """A session as control sees it."""

    def __init__(
        self,
        session: Session,
        *,
        save_setting: Callable[[str, Any], Any],
        earlier: SessionStatistics,
        shut_down: Callable[[], None],
        block_cache: BlockCache | None = None,
        descriptors: Callable[[], DescriptorReport] | None = None,
        state_notice: Callable[[], str] = str,
        backups: BackupFolder | None = None,
        take_accounts: TakeAccounts | None = None,
        history: SessionHistory | None = None,
    ) -> None:
        self._session = session
        self.nodes = NodesControl(session)
        self.detailing = TorrentDetailing(session)
        self.dht = DhtRequests(session.dht, session.clock)
        self._adding = TorrentAdding(session)
        self._queueing = QueueControl(session)
        self._save_setting = save_setting
        self._totals = SessionTotals(session, earlier)
        self._shut_down = shut_down
        self._block_cache = block_cache or BlockCache(0)
        self._descriptors = descriptors
        self._reports: dict[int, TorrentReport] = {}
        self._state_notice = state_notice
        self._backups = backups
        self._take_accounts = take_accounts
        self._history = history

    @functools.cached_property
    def backups(self) -> StateBackups:
        """Of the whole state. Raises P2pdError."""
        if self._backups is None:
            raise P2pdError("there is no state folder")
        return StateBackups(
            self._session,
            self._adding,
            self._backups,
            self.change_settings,
            self._totals.take,
            self._take_accounts,
        )

    @property
    def state_notice(self) -> str:
        """What happened to the state database, if it was damaged."""
        return self._state_notice()

    @property
    def blocklist(self) -> SessionBlocklist:
        """The addresses to keep away from."""
        return self._session.blocklist

    @property
    def events(self) -> SessionEvents:
        """What happens to torrents."""
        return self._session.events

    @property
    def history(self) -> SessionHistory:
        """The statistics of earlier times. Raises P2pdError."""
        if self._history is None:
            raise P2pdError("no statistics are kept: state.history_mib is 0")
        return self._history

    @functools.cached_property
    def certificates(self) -> CertificateControl:
        """Those of torrents whose peers are reached by TLS."""
        return CertificateControl(self._session.tls, self._torrent)

    @functools.cached_property
    def creating(self) -> CreationTasks:
        """Torrents in the making."""
        return CreationTasks(self._session, self.import_torrent)

    @property
    def version(self) -> str:
        """p2pd's version."""
        return __version__

    @property
    def settings(self) -> SessionSettings:
        """The settings in force."""
        return self._session.settings

    # -- finding -------------------------------------------------------------------------------

    def torrents(self) -> Iterable[TorrentView]:
        """All torrents."""
        return [self._report(torrent) for torrent in self._session.torrents]

    def find(self, key: int | str) -> TorrentView | None:
        """By id, or by info-hash in hex."""
        registry = self._session.torrents
        found = registry.by_id(key) if isinstance(key, int) else registry.by_hash_string(key)
        return None if found is None else self._report(found)

    def at_rest(self, torrent: TorrentView) -> TorrentView | None:
        """The same torrent, to be read now, if it has everything and nobody uses it."""
        return report_at_rest(self._torrent(torrent))

    def reader_at_rest(self, attributes: Sequence[str]) -> RestingReader:
        """Reads these of many such."""
        return RestingReader(attributes)

    async def detailed(self, torrent: TorrentView) -> TorrentView:
        """The same torrent with its files, and with what its signatures are worth."""
        return await self.detailing.detailed(self._torrent(torrent), self._report)

    async def metainfo(self, torrent: TorrentView) -> Metainfo | None:
        """What its .torrent file says. Raises P2pdError."""
        return await self.detailing.metainfo(self._torrent(torrent))

    def changed_since(self, wall_time: float) -> list[TorrentView]:
        """Torrents that changed, the latest first."""
        changed = self._session.activity.changed_since(wall_time)
        return [self._report(torrent) for torrent in changed]

    def follow(self, wake: Callable[[], object]) -> Following:
        """Collect what changes from now on; `wake` is called when there is something to take."""
        return Following(self._session.activity, self._report, wake)

    def removed_since(
        self, wall_time: float, sees: Callable[[str, tuple[str, ...]], bool] | None = None
    ) -> list[int]:
        """Ids of removed torrents."""
        return self._session.torrents.removed_since(wall_time, sees)

    # -- torrents ------------------------------------------------------------------------------

    async def add(self, request: AddTorrent) -> AddedTorrent:
        """Add a torrent, or find it here. Raises AddTorrentError."""
        torrent, duplicate = await self._adding.add(request)
        if not duplicate:
            self._totals.files_added += 1
            await self._arrange(torrent.record.id, request)
        return AddedTorrent(self._report(torrent), duplicate, self._adding.found_for(torrent))

    async def import_torrent(self, request: ImportTorrent) -> ImportedTorrent:
        """Add a torrent that another program had. Raises P2pdError, IndexError."""
        imported = await TorrentImporting(self._session, self._adding).take(request)
        if imported.id and not imported.duplicate:
            self._totals.files_added += 1
            await self._arrange(imported.id, request.add)
        return imported

    async def _arrange(self, id_: int, request: AddTorrent) -> None:
        """What others see of a new torrent: its group, and its place in the queue."""
        await self._need_group(request.bandwidth_group)
        if request.queue_position is not None:
            await self._queueing.move_to(id_, request.queue_position)

    async def remove(self, torrent: TorrentView, *, delete_data: bool) -> None:
        """Forget it, and its files if so wished."""
        self._reports.pop(torrent.id, None)
        await self._session.remove(self._torrent(torrent), delete_data=delete_data)

    async def start(self, torrent: TorrentView) -> None:
        """Run it."""
        await start(self._session, self._torrent(torrent))

    async def start_now(self, torrent: TorrentView) -> None:
        """Run it, whoever is before it."""
        await start(self._session, self._torrent(torrent), now=True)

    async def move_in_queue(self, torrents: Iterable[TorrentView], where: QueueMove) -> None:
        """Move these."""
        await self._queueing.move([torrent.id for torrent in torrents], where)

    async def stop(self, torrent: TorrentView) -> None:
        """Pause it."""
        await stop(self._session, self._torrent(torrent))

    async def verify(self, torrent: TorrentView) -> None:
        """Hash its data again; answers when the check is queued."""
        subject = self._torrent(torrent)
        self._session.background(subject.verify(), subject.record.name)

    async def set_location(self, torrent: TorrentView, folder: str, *, move: bool) -> None:
        """Move its files there, or find them there. Raises P2pdError."""
        await self._session.moves.set_location(self._torrent(torrent), folder, move=move)

    async def rename(self, torrent: TorrentView, path: str, name: str) -> None:
        """Give one of its files or folders another name. Raises P2pdError."""
        await self._session.moves.rename(self._torrent(torrent), path, name)

    def reannounce(self, torrent: TorrentView) -> None:
        """Ask its trackers for peers now."""
        self._torrent(torrent).trackers.reannounce()

    def mark_reached(self, torrent: TorrentView, kinds: tuple[str, ...]) -> None:
        """These share limits were acted on."""
        subject = self._torrent(torrent)
        subject.record.limits_reached = kinds
        self._session.activity.changed(subject)

    def add_peers(self, torrent: TorrentView, addresses: Sequence[PeerAddress]) -> int:
        """Dial these now."""
        return self._torrent(torrent).add_peers(addresses, "manual")

    def bans(self) -> list[Ban]:
        """Those in force."""
        return self._session.bans.list()

    def ban(
        self,
        addresses: Sequence[PeerAddress],
        reason: str,
        seconds: float | None,
        keys: Sequence[bytes] = (),
    ) -> None:
        """Ban hosts, peers there, or nodes."""
        self._session.bans.ban(addresses, reason, seconds, keys)

    def lift_bans(self, addresses: Sequence[PeerAddress], keys: Sequence[bytes] = ()) -> int:
        """Of hosts, of peers there, or of nodes; how many there were."""
        return len(self._session.bans.lift(addresses, keys))

    async def change(self, torrent: TorrentView, changes: TorrentChanges) -> None:
        """Change files, priorities, trackers, labels and the like."""
        subject = self._torrent(torrent)
        if needs_content(changes):
            await self._session.resting.wake(subject)
        apply_changes(subject, changes)
        if changes.secret is not None:
            await self._session.secrets.change(subject, changes.secret)
        await self._need_group(changes.bandwidth_group)
        if changes.queue_position is not None:
            await self._queueing.move_to(torrent.id, changes.queue_position)
        await self._session.store.save(subject.record)

    async def _need_group(self, name: str | None) -> None:
        """Make it, if it is not there."""
        if name and name not in self.settings.bandwidth_groups:
            groups = {**self.settings.bandwidth_groups, name: {}}
            await self.change_settings({"bandwidth_groups": groups})

    async def remove_groups(self, names: Collection[str]) -> None:
        """Forget bandwidth groups."""
        members = [t for t in self._session.torrents if t.record.bandwidth_group in names]
        for torrent in members:
            apply_changes(torrent, TorrentChanges(bandwidth_group=""))
        kept = {n: g for n, g in self.settings.bandwidth_groups.items() if n not in names}
        await self.change_settings({"bandwidth_groups": kept})
        await save_all(self._session.store, [torrent.record for torrent in members])

    @property
    def reached_at(self) -> Mapping[str, float]:
        """When somebody outside connected to us last."""
        return self._session.connections.reached_at

    # -- the session ---------------------------------------------------------------------------

    def reaching(self) -> ReachingReport:
        """By which port and addresses peers outside reach us."""
        return self._session.reaching.report()

    async def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Change settings by name. Raises P2pdError."""
        checked = self._set(changes)
        # They hold from now on, also when the database refuses to keep them.
        self._session.settings_changed()
        if any(name.startswith("alt_speed_time") for name in checked):
            # The schedule may have turned it, now or before.
            checked["alt_speed_enabled"] = self.settings.alt_speed_enabled
        for name, value in checked.items():
            await self._save_setting(name, value)

    def _set(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        checked = checked_settings(changes)
        self._session.connections.opener.check(checked.get("encryption"))
        for name, value in checked.items():
            setattr(self._session.settings, name, value)
        return checked

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Settings that the configuration has now; they are not kept. Raises P2pdError."""
        if self._set(changes):
            self._session.settings_changed()

    def summary(self) -> SessionSummary:
        """What it is doing."""
        session = self._session
        now = session.clock.seconds()
        this_run = self.this_run()
        return SessionSummary(
            torrents=len(session.torrents),
            active=session.activity.running,
            paused=len(session.torrents) - session.activity.running,
            rate_download=session.rate_download.per_second(now),
            rate_upload=session.rate_upload.per_second(now),
            this_run=this_run,
            all_runs=self.all_runs(),
            block_cache=cache_report(self._block_cache),
            write_backlog=session.budget.backlog,
            limit_down=session.rates.session_down,
            limit_up=session.rates.session_up,
            descriptors=self._descriptors() if self._descriptors is not None else None,
        )

    async def measures(self, pause: Callable[[], Awaitable[None]]) -> list[Measure]:
        """The session in numbers."""
        return await session_measures(self._session, self._adding.line, pause)

    def this_run(self) -> SessionStatistics:
        """Totals since the start."""
        return self._totals.this_run()

    def all_runs(self) -> SessionStatistics:
        """Totals since the state folder was made."""
        return self._totals.all_runs()

    async def free_space(self, path: str) -> FreeSpace:
        """Room on the file system that holds `path`. Raises P2pdError."""
        if not os.path.isabs(path):
            raise P2pdError(f"the path is not absolute: {path!r}")
        found = self._session.disks.ask(("room", path), lambda: free_space_of(path))
        return await in_time(found, ANSWER_SECONDS, self._session.clock)

    def close(self) -> None:
        """Stop the daemon, cleanly and soon."""
        self._session.clock.callLater(0.1, self._shut_down)

    def _torrent(self, view: TorrentView) -> Torrent:
        assert isinstance(view, TorrentReport)
        return view.torrent

    def _report(self, torrent: Torrent) -> TorrentReport:
        if torrent.content is None:  # there is nothing that a report would remember
            self._reports.pop(torrent.record.id, None)
            return TorrentReport(torrent)
        report = self._reports.get(torrent.record.id)
        if report is None:
            report = self._reports[torrent.record.id] = TorrentReport(torrent)
        return report
