"""Torrents that have everything and that nobody uses keep nothing but their record: they rest.

    awake -> (a minute without peers) -> at rest -> (somebody comes, or asks for its files) -> awake

At rest a torrent is announced and listed like any other. It has neither content nor swarm: those
are made anew of its metadata, which is in the database. Before it rests its row says what a clean
stop would say, and since nothing is written to the files of a torrent that has everything, that
stays true, also after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Coroutine, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import FormatError, MissingError, P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.base.schedule import Schedule
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import layout_of
from p2pd.formats.metainfo import Metainfo, parse_torrent
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.state.resume import TorrentRecord, TorrentStore
from p2pd.storage.disks import Disks

if TYPE_CHECKING:  # which know the session that has this
    from p2pd.session.disks.missing_data import MissingData
    from p2pd.session.torrents.torrent_content import TorrentContent
    from p2pd.session.torrents.torrent_dialling import TorrentDialling
    from p2pd.session.torrents.torrent_opening import TorrentOpening
    from p2pd.session.torrents.torrent_recording import TorrentRecording
    from p2pd.session.torrents.torrent_trackers import TorrentTrackers

REST_SECONDS = 60.0
"""Without peers, and without anybody to dial, before a torrent rests."""


class RestingTorrent(Protocol):
    """What is needed of a torrent."""

    record: TorrentRecord
    content: TorrentContent | None

    @property
    def opening(self) -> TorrentOpening: ...
    @property
    def missing(self) -> MissingData: ...
    @property
    def trackers(self) -> TorrentTrackers: ...
    @property
    def dialling(self) -> TorrentDialling: ...
    @property
    def info_hashes(self) -> InfoHashes: ...
    @property
    def running(self) -> bool: ...
    @property
    def resting(self) -> bool:
        """Whether it has everything, and no content."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way, in doubt or wrong."""

    @property
    def has_parts(self) -> bool:
        """Whether it has something to let go of."""

    def drop_parts(self) -> None:
        """Let go of it."""

    def next_dial(self, now: float) -> float | None:
        """When it may dial somebody."""

    @property
    def recording(self) -> TorrentRecording: ...

    def content_built(self, content: TorrentContent) -> None:
        """Have content again."""

    async def halt(self) -> None: ...
    async def open(self, metainfo: Metainfo) -> None:
        """See what of it is on disk, then go on."""

    def fail(self, sentence: str) -> None:
        """Something is wrong with it."""


class RestingHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    disks: Disks
    store: TorrentStore
    activity: ActiveTorrents[Any]

    @property
    def closing(self) -> bool: ...
    def background(self, work: Coroutine[Any, Any, Any] | Deferred[Any], what: str) -> None:
        """Run something nobody waits for."""


class Details(NamedTuple):
    """What the metadata of a torrent at rest tells of its files."""

    metainfo: Metainfo
    layout: FileLayout


class Resting:
    """Brings torrents to rest, and wakes them."""

    def __init__(self, host: RestingHost, timers: Schedule) -> None:
        self._host = host
        self._timers = timers
        self._alarms: dict[RestingTorrent, DelayedCall] = {}
        self._waking: dict[RestingTorrent, list[Deferred[None]]] = {}

    def close(self) -> None:
        """The session ends: nobody goes to rest any more."""
        for torrent in list(self._alarms):
            self._stay(torrent)

    def idle(self, torrent: RestingTorrent) -> None:
        """Nothing is to be done for it now: it rests if that stays so for a while."""
        self._stay(torrent)
        if self._may_rest(torrent):
            self._alarms[torrent] = self._timers.callLater(REST_SECONDS, self._due, torrent)

    def forget(self, torrent: RestingTorrent) -> None:
        """It is gone."""
        self._stay(torrent)

    async def wake(self, torrent: RestingTorrent) -> None:
        """Have its content, if it rests. What goes wrong is the torrent's error."""
        if torrent.resting:
            done: Deferred[None] = Deferred()
            self._waking.setdefault(torrent, []).append(done)
            if len(self._waking[torrent]) == 1:
                self._host.background(self._wake(torrent), torrent.record.name)
            await done

    async def wake_anyway(self, torrent: RestingTorrent) -> None:
        """The same, also when its data is missing: it is looked for elsewhere, or given up."""
        await self.wake(torrent)
        if torrent.missing.why:
            await self.wake(torrent)

    async def details(self, torrent: RestingTorrent) -> Details:
        """What there is to know of its files, without waking it. Raises P2pdError."""
        metainfo = await self._stored_metainfo(torrent)
        names = torrent.record.file_names
        layout = await self._host.disks.aside.run("read", layout_of, metainfo, names)
        return Details(metainfo, layout)

    async def _stored_metainfo(self, torrent: RestingTorrent) -> Metainfo:
        record, before = torrent.record, torrent.record.torrent
        record.torrent = (await self._host.store.openings([record.id]))[0].torrent
        try:
            return await self.metainfo(torrent)
        finally:
            record.torrent = before

    async def metainfo(self, torrent: RestingTorrent) -> Metainfo:
        """The metadata in the record or, if that is damaged, in its copy. Raises P2pdError."""
        record = torrent.record
        problem = FormatError("its metadata is not there")
        for _ in range(2):
            try:
                data = record.torrent or b""
                metainfo = await self._host.disks.aside.run("read", parse_torrent, data)
                if metainfo.info_hashes == torrent.info_hashes:
                    return metainfo
                problem = FormatError("it is the metadata of another torrent")
            except FormatError as error:
                problem = error
            copy = await self._host.store.kept_torrent(record)
            if copy is None:
                break
            record.torrent = copy
        raise problem

    # -- coming to rest ------------------------------------------------------------------------

    def _stay(self, torrent: RestingTorrent) -> None:
        alarm = self._alarms.pop(torrent, None)
        if alarm is not None and alarm.active():
            alarm.cancel()

    def _due(self, torrent: RestingTorrent) -> None:
        del self._alarms[torrent]
        if self._may_rest(torrent):
            self._host.background(self._rest(torrent), torrent.record.name)

    def _may_rest(self, torrent: RestingTorrent) -> bool:
        """Whether nobody uses it, and nothing would be lost."""
        if self._host.closing or not torrent.has_parts or not torrent.is_settled:
            return False
        if not (torrent.resting if torrent.content is None else torrent.content.may_go):
            return False
        now = self._host.clock.seconds()
        due = torrent.next_dial(now)
        return due is None or due > now + REST_SECONDS

    async def _rest(self, torrent: RestingTorrent) -> None:
        """Have its row say what a clean stop would, then let go of what can be made anew."""
        content, record = torrent.content, torrent.record
        if content is not None:
            if not (record.clean and content.as_recorded):
                states = await content.device.run("write", content.sync_and_look)
                if not self._may_rest(torrent) or content is not torrent.content:
                    return
                torrent.recording.closed(states)
            summary = record.summary = content.summary()
            await self._host.store.save_closed([record])
            if not self._may_rest(torrent) or content is not torrent.content:
                return
            if summary != content.summary():
                return  # other files are wanted since
            content.pieces.close()
            self._host.background(content.device.run("write", content.storage.close), record.name)
        torrent.drop_parts()
        self._host.activity.forget_alarm(torrent)
        self._forget_opening(record)

    # -- waking --------------------------------------------------------------------------------

    async def _wake(self, torrent: RestingTorrent) -> None:
        record = torrent.record
        try:
            ((record.torrent, record.file_states),) = await self._host.store.openings([record.id])
            await self._open(torrent, await self.metainfo(torrent))
        except P2pdError as problem:
            torrent.fail(f"it cannot be woken: {problem}")
        finally:
            if torrent.resting:
                self._forget_opening(record)
            for done in self._waking.pop(torrent):
                done.callback(None)

    async def _open(self, torrent: RestingTorrent, metainfo: Metainfo) -> None:
        content = await torrent.opening.rebuild(metainfo)
        try:
            as_it_was = await torrent.opening.look(content)
        except MissingError as problem:
            if not torrent.missing.why:
                torrent.missing.gone_at_rest(problem, content.layout, content.storage)
                return
            as_it_was = True  # somebody wants it all the same: to check it anew
        if not torrent.resting:
            return
        if not as_it_was:
            self._host.background(self._open_anew(torrent, metainfo), torrent.record.name)
            return
        torrent.content_built(content)
        self._host.activity.wake(torrent)
        if torrent.running:
            torrent.trackers.start()
            # Whom it met before is left alone: those rest as well, and would wake their own.
            torrent.dialling.wake()

    @staticmethod
    async def _open_anew(torrent: RestingTorrent, metainfo: Metainfo) -> None:
        """Its files are not as they were when it came to rest: all is as at a start."""
        torrent.opening.busy = True  # from here on it does not rest
        await torrent.halt()
        await torrent.open(metainfo)

    @staticmethod
    def _forget_opening(record: TorrentRecord) -> None:
        """What the database has, and a torrent at rest does not need."""
        record.torrent = record.file_states = None
        if record.summary is not None:
            record.pieces = record.summary.all_pieces
