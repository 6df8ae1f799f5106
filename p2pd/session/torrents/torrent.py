"""One torrent: its life from being opened to being closed, and the joining of its parts.

    opened -> checking (if the record leaves doubt) -> running or paused -> closed
                                     at rest (resting.py) <-> running or paused

The parts (opening, content, trackers, and what is in torrent_parts.py) are objects of their own;
this one starts and stops them, and tells one what happened in another.
"""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import MissingError, P2pdError, ReadOnlyError, StorageError
from p2pd.base.ids import InfoHashes
from p2pd.formats.metainfo import Metainfo
from p2pd.session.disks.missing_data import MissingData, prepare
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_counters import TorrentCounters
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_link import TorrentLink
from p2pd.session.torrents.torrent_opening import TorrentOpening
from p2pd.session.torrents.torrent_parts import TorrentParts
from p2pd.session.torrents.torrent_recording import TorrentRecording
from p2pd.session.torrents.torrent_telling import TorrentTelling
from p2pd.session.torrents.torrent_trackers import TorrentTrackers
from p2pd.state.resume import TorrentRecord


class Torrent(TorrentParts):
    """A torrent in the session, whether it runs or not."""

    __slots__ = (
        "being_found", "counters", "dirty", "doubtful", "error", "info_hashes", "link", "missing",
        "opening", "preparing", "recording", "running", "started_at", "telling",
        "trackers",
    )  # fmt: skip

    log = Logger()

    def __init__(self, host: TorrentHost, record: TorrentRecord, hashes: InfoHashes) -> None:
        super().__init__(host, record)
        self.info_hashes = hashes
        self.running = self.being_found = False
        self.error = ""
        self.started_at = 0.0
        self.dirty = self.doubtful = False
        self.missing = MissingData(self)
        self.link = TorrentLink(self)
        self.opening = TorrentOpening(self)
        self.trackers = TorrentTrackers(self, self._found)
        self.recording = TorrentRecording(self)
        self.preparing = 0
        self.counters = TorrentCounters(record)
        self.telling = TorrentTelling(self)

    # -- life ----------------------------------------------------------------------------------

    async def open(self, metainfo: Metainfo | None) -> None:
        """See what of it is on disk, then run if the user wants it to."""
        self.host.activity.wake(self)
        if metainfo is None:
            await self.start_unless_paused()
        else:
            await self.go_on(checked=await self.opening.open(metainfo))

    async def start(self, *, now: bool = False) -> None:
        """Run when it is its turn, or `now`; if it is opened or checked, when that is over."""
        self.record.paused = False
        self.error = ""
        if self.missing.why:
            await self.host.folders.look_for(self)
            return
        if now:
            self.host.queues.force(self)
        if self.running or self.opening.busy or self.opening.check is not None:
            return
        if self.resting:
            self.begin_at_rest()
            return
        if self.opening.unseen:
            await self.reopen()
            return
        if self.doubtful:
            await self.verify()
            return
        if not self._admitted():
            self.host.activity.changed(self)
            return
        self._expect_writes()
        if not await self.prepare() or self.record.paused or self.running:
            return
        if self.opening.busy or self.host.closing or not self._admitted():
            return
        self._begin()
        self.trackers.start()
        self.dialling.started()
        self.link.started()

    def _admitted(self) -> bool:
        """Whether it may run now; if not it is started when it may."""
        if why := self.host.secrets.why_not(self):
            self.fail(why)
            return False
        if self.host.tls.why_not(self):
            self.host.queues.leave(self)
            return False
        return self.host.queues.admits(self)

    def _begin(self) -> None:
        self.running = True
        self.started_at = self.host.wall()
        self.host.folders.watch(self, self.record.download_dir)
        self.counters.begin(self.seconds(), complete=self.is_complete())
        self.host.activity.started(self, busy=not self.resting)
        self.telling.started()

    def _expect_writes(self) -> None:
        """From now on its files may change: what is known of them would be wrong after a crash."""
        content = self.content
        if self.record.clean and not (content is not None and content.have.is_full):
            self.record.clean = False
            self._background(self.host.store.mark_running([self.record.id]))

    async def prepare(self) -> bool:
        """Make the files that need no data; whether the disk lets us."""
        await self.host.moves.switched(self)
        self.preparing += 1
        self.host.activity.note_change(self)  # lists show it as running already
        try:
            if self.content is not None:
                await prepare(self.content, self.record.pieces, self.host.folders.look_at)
        except (MissingError, ReadOnlyError) as problem:
            self.missing.gone(problem)
            return False
        except P2pdError as problem:
            self.fail(str(problem))
            return False
        finally:
            self.preparing -= 1
            self.host.activity.note_change(self)
        return True

    async def stop(self) -> None:
        """Pause: hang up, tell the trackers, and record where we are."""
        self.record.paused = True
        self.opening.stop()
        self.telling.stopped()
        self.host.queues.leave(self)
        await self.halt()

    async def settled(self) -> None:
        """Wait until no thread is at work on its files, for half a minute at most."""
        for _ in range(600):
            if not self.is_being_opened:
                return
            pause: Deferred[None] = Deferred()
            self.host.clock.callLater(0.05, pause.callback, None)
            await pause

    async def halt(self) -> None:
        """Run no more, for now: what the user chose (paused or not) stays as it is."""
        if not self.running:
            return
        self._hang_up()
        stopped = self.trackers.stop()
        if self.content is None:
            await self.checkpoint()
        else:
            with suppress(StorageError):  # a disk that does not answer is not waited for
                device = self.content.device
                await device.while_answering(Deferred.fromCoroutine(self._bring_to_disk()))
        await stopped
        self._let_go_of_files()

    async def _bring_to_disk(self) -> None:
        """What is on its way to the disk, and the record of it."""
        if self.content is not None:
            await self.host.in_time(Deferred.fromCoroutine(self.content.pieces.all_stored()))
        await self.checkpoint()

    def _let_go_of_files(self) -> None:
        """Where nothing is open a volume can be unmounted."""
        if self.content is not None and not self.running:
            self._background(self.content.device.run("write", self.content.storage.close))

    def leave_disk(self) -> None:
        """Run no more, and leave its files alone; what is recorded stays as it is."""
        self.dirty = self.doubtful = self.recording.sync_failed = False
        self.host.queues.leave(self)
        if self.running:
            # What was written in this run is not described by what the record says of the files.
            if self.content is not None:
                self.record.clean = self.content.as_recorded
            self._hang_up()
            self._background(self.trackers.stop())
            self._background(self.checkpoint())
        self._let_go_of_files()

    async def reopen(self) -> None:
        """Look at its files anew, as after a start, then go on."""
        await self.host.moves.switched(self)
        content = self.content
        if self.resting and not self.record.paused:
            self.begin_at_rest()
        if content is None or self.opening.busy or self.opening.check is not None:
            return
        if self.running:
            self.leave_disk()
        content.pieces.close()
        await self.go_on(checked=await self.opening.open(content.metainfo))

    def _hang_up(self) -> None:
        self.running = False
        self.host.folders.forget(self)
        self.counters.end(self.seconds())
        self.host.activity.stopped(self)
        if self._swarm is not None:
            self._swarm.dialling.stopped()
            self._swarm.web_seeds.stop()
            self._swarm.peers.disconnect_all("the torrent stopped")
        if self.content is not None:
            self.content.pieces.abandon_open()

    async def verify(self) -> None:
        """Hash all the data again, then go on as before."""
        await self.host.moves.switched(self)
        await self.host.resting.wake_anyway(self)
        content = self.content
        if content is None or self.opening.busy or self.opening.check is not None:
            return
        # Busy from here on: a start, or another verify, may come while this one hangs up.
        self.opening.busy = True
        try:
            if self.missing.why:
                self.missing.give_up()
            await self.halt()
            self.look_anew()
            checked = await self.opening.verify(content)
        except MissingError as problem:
            self.missing.gone(problem)
            return
        except P2pdError as problem:
            self.fail(str(problem))
            return
        finally:
            self.opening.busy = False
        await self.go_on(checked=checked)

    def look_anew(self) -> None:
        """What was wrong with its files is found again if it still is."""
        self.error = ""
        self.recording.sync_failed = False
        self.host.activity.changed(self)

    async def go_on(self, *, checked: bool) -> None:
        """A check is over: run if the user wants it to. One that was given up is due again."""
        if self.missing.why:
            return
        self.doubtful = not checked and self.content is not None
        if checked:
            self.telling.settle()
            self.host.moves.bring_home(self)
        if not self.error:
            await self.start_unless_paused()

    async def start_unless_paused(self) -> None:
        """Run if the user wants it to."""
        if not self.record.paused and not self.host.closing and not self.being_found:
            # To see what it is takes no place of those that download.
            await self.start(now=self.record.metadata_only)

    def end(self) -> bool:
        """The session ends: run no more. Whether it may be recorded as clean, see `closed`."""
        sure = not (self.opening.busy or self.opening.check is not None)
        self.opening.stop()
        if self.running:
            self._hang_up()
            self.count_time()
        kept = self.recording.sync_failed or self.missing.why or self.opening.unseen
        return sure and not kept

    def fail(self, sentence: str) -> None:
        """Something local went wrong: stop, and show the sentence until the user starts again."""
        self.log.error("{name}: {sentence}", name=self.record.name, sentence=sentence)
        self.telling.failed(sentence, before=self.error)
        self.error = sentence
        self.host.queues.leave(self)
        self.host.activity.changed(self)
        self._background(self.halt())

    async def checkpoint(self) -> None:
        """Record what is verified, after the disk has it."""
        await self.recording.checkpoint()

    # -- rest ----------------------------------------------------------------------------------

    @property
    def resting(self) -> bool:
        """Whether it has everything, and no content: that is made when somebody needs it."""
        return self.content is None and self.record.is_whole and not self.opening.busy

    def begin_at_rest(self) -> None:
        """Run if it is its turn, and be announced when its files were looked at."""
        if self._admitted():
            self._begin()
        else:
            self.host.activity.changed(self)
        self.look_first()

    def look_first(self) -> None:
        """Have its files looked at, when it is its turn."""
        self.host.first_looks.add(self)

    def looked_at(self) -> None:
        """Its files are as they were recorded: it may be announced."""
        if self.missing.why:
            self.missing.came_back()
            if not self.record.paused and self._admitted():
                self._begin()
        if self.running:
            self.trackers.start()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way, in doubt or wrong."""
        under_way = self.is_busy or self.is_being_opened or self.being_found
        wrong = self.error or self.missing.why or self.doubtful or self.recording.sync_failed
        return not (under_way or wrong or self.record.renaming or self.host.moves.need(self))

    # -- content -------------------------------------------------------------------------------

    def content_built(self, content: TorrentContent) -> None:
        """The metadata is known: make what needs it."""
        self.content = content
        self.record.torrent = None  # the database has it
        self.keep_http_seeds(content.metainfo.http_seeds)
        self.host.tls.metadata_known(self)
        self.host.way_known(self)
        self.trackers.refresh()
        self.host.dht.nodes_named(self, content.metainfo.nodes)
        if self._swarm is not None:
            self._swarm.content_built(content)

    def metadata_complete(self, metadata: bytes | Metainfo) -> None:
        """A magnet's metadata came, from peers or from a user: now it is like any other torrent."""
        self.link.complete(metadata)

    def storage_failed(self, problem: StorageError) -> None:
        """The disk refused a piece, or does not have what it should have."""
        if self.running:
            self._background(self.missing.doubt(problem))

    def is_complete(self) -> bool:
        """Whether every wanted piece is here."""
        return self.resting if self.content is None else self.content.is_complete()

    # -- time ----------------------------------------------------------------------------------

    @property
    def is_being_opened(self) -> bool:
        """Whether it is opened, checked, or made ready to run."""
        return bool(self.preparing or self.opening.busy or self.opening.check is not None)

    @property
    def is_busy(self) -> bool:
        """Whether it has something to do every second."""
        if not self.running:
            return self.opening.busy
        if self.dirty or self.counters.unsaved:
            return True
        return self._swarm is not None and self._swarm.is_busy

    def idle(self) -> None:
        """Nothing is to be done for it now."""
        self.host.resting.idle(self)

    def count_time(self) -> None:
        """Bring the record's seconds up to date."""
        self.counters.settle(self.seconds(), complete=self.is_complete())

    def tick(self, now: float) -> None:
        """Once a second while it is busy."""
        swarm = self._swarm
        moved = swarm is not None and swarm.exchange.moved
        if self.opening.busy or moved:
            self.host.activity.changed(self)
        if moved:
            self.host.queues.moved(self)
        if swarm is not None:
            swarm.tick(now, running=self.running)
