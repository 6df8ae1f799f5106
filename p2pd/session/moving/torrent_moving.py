"""The move of one torrent to another folder: copied, verified, switched, and then removed.

What is done is in the journal (state/moves.py) before the next is begun, so that a kill at any
moment costs nothing: until the switch nothing at the old place is touched, and after it nothing at
the new one. Peers are served from the old files until the switch. Pieces that come meanwhile are
written to the old files and copied in rounds; for the last one those that come stay in memory.

A move that has begun is not given up because something is in its way (a full disk, a volume that
is gone): it says what, waits, and goes on by itself. The user ends it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.session.disks.devices import Device
from p2pd.session.moving.move_clearing import MoveClearing
from p2pd.session.moving.move_copying import MoveCopying, take_over
from p2pd.session.moving.move_journal import MoveJournal
from p2pd.session.moving.move_line import MoveLine
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.moves import BEGUN, CLEARING, COPYING, PLACING, MoveRow
from p2pd.state.removals import DoomedFiles
from p2pd.storage.interfaces import Storage
from p2pd.storage.new_place import NewPlace, remove_folder, staged_paths
from p2pd.storage.old_place import OldPlace

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

RETRY_SECONDS = 10.0
"""Until something is tried again that was in the way."""

LAST_ROUND_BYTES = 32 * 1024 * 1024
"""Pieces that may be left for the last round, in which a download waits."""

ROUNDS = 20
"""Of a download that is faster than the disk the last one is longer."""

WAITING, VERIFYING, FINISHING = "waiting", "verifying", "finishing"
"""What a move may be doing, besides COPYING and CLEARING."""


class MoveEndedError(Exception):
    """The user, or the end of the session, ended it."""


class TorrentMove:
    """One move, from when it is asked for to when the old files are gone."""

    log = Logger()

    def __init__(
        self,
        host: TorrentHost,
        torrent: Torrent,
        row: MoveRow,
        journal: MoveJournal,
        line: MoveLine,
    ) -> None:
        self.torrent = torrent
        self.row = row
        self.stage = WAITING
        self.trouble = ""
        self.switching = False
        self.at_work = False
        """Whether it needs the torrent's content; until then the torrent may rest."""
        self.over: list[Deferred[None]] = []
        self._host = host
        self._journal = journal
        self._line = line
        self._copying: MoveCopying | None = None
        self._old_storage: Storage | None = None
        self._ended = False
        self._logged = ""
        self._stuck = False
        self._switches: list[Deferred[None]] = []
        self._pause: Deferred[None] | None = None

    @property
    def target(self) -> str:
        """The folder that it goes to."""
        return self.row.target

    @property
    def progress(self) -> float:
        """0 to 1, of the bytes to copy and to read back."""
        if self.row.stage == CLEARING:
            return 1.0
        copying = self._copying
        return min(1.0, copying.done / copying.total) if copying and copying.total else 0.0

    @property
    def waits(self) -> bool:
        """Whether it does not get on."""
        return bool(self.trouble) or self.stage == WAITING

    @property
    def is_switched(self) -> bool:
        """Whether the torrent is at the new place."""
        return self.row.stage == CLEARING

    async def switched(self) -> None:
        """Wait, if just now the torrent gets its new folder."""
        if self.switching:
            done: Deferred[None] = Deferred()
            self._switches.append(done)
            await done

    def leave(self) -> None:
        """Go no further; what is in the journal stays as it is."""
        self._ended = True
        if self._pause is not None and not self._pause.called:
            self._pause.callback(None)

    async def run(self) -> bool:
        """Do it, however often it takes; whether it came to its end."""
        try:
            while not self._ended:
                self._stuck = False
                try:
                    await self._attempt()
                    return True
                except MoveEndedError:
                    break
                except Exception as problem:
                    self._say(problem)
                await self._wait(RETRY_SECONDS)
        except MoveEndedError:
            pass
        finally:
            _tell(self.over)
        return False

    async def clean(self) -> None:
        """It ended before the switch: remove what came to the new place. Raises StorageError."""
        if self.row.stage == BEGUN:
            # Its folder may be there all the same: the disk or the journal failed just then.
            place = self.target, self.torrent.info_hashes.hash_string
            await self._host.disks.ask(place, lambda: remove_folder(*place))
            return
        layout = await self._layout()
        old, new = OldPlace(self.row.source, layout), self._new_place(layout)
        device = await self._host.devices.of(self._host.new_storage(layout, self.target))
        if self._copying is not None:
            await self._copying.clean()
        if self.row.stage == PLACING:
            source = await self._host.devices.of(self._host.new_storage(layout, self.row.source))
            await device.run("move", new.take_back, await source.run("move", old.files, ()))
        await device.run("move", new.clean)

    async def staged(self) -> DoomedFiles:
        """What may be there when it could not be cleaned. Raises P2pdError."""
        name = self.torrent.info_hashes.hash_string
        return DoomedFiles(self.target, staged_paths(await self._layout(), name))

    async def _layout(self) -> FileLayout:
        """The torrent's, also if it rests. Raises P2pdError."""
        torrent = self.torrent
        if torrent.content is None and not torrent.resting:
            await torrent.opening.built()
        if torrent.content is not None:
            return torrent.content.storage.layout
        return (await self._host.resting.details(torrent)).layout

    # -- one attempt ---------------------------------------------------------------------------

    async def _attempt(self) -> None:
        turn = self._line.join(self.row.source, self.target)
        try:
            self._doing(WAITING)
            await self._until(turn.came)
            self.at_work = True
            content = await self._content()
            if not self.is_switched:
                await self._bring(content)
                content = await self._content()
            self._doing(CLEARING)
            await self._clear(content)
        finally:
            self.at_work = False
            turn.end()

    async def _content(self) -> TorrentContent:
        """The torrent's, when nobody opens or checks it."""
        torrent = self.torrent
        while True:
            await self._host.resting.wake(torrent)
            content = torrent.content
            if torrent.missing.why:
                raise StorageError(torrent.missing.why)
            if content is not None and not torrent.is_being_opened:
                return content
            if torrent.error:
                raise StorageError(torrent.error)
            self._doing(WAITING)
            await self._wait(1.0)

    async def _bring(self, content: TorrentContent) -> None:
        final = self._host.new_storage(content.layout, self.target)
        device = await self._host.devices.of(final)
        self._check()
        turn = self._line.join(content.device.number, device.number)
        try:
            self._doing(WAITING)
            await self._until(turn.came)
            copying = self._copying_to(content, device)
            await self._make_ready(copying)
            await self._copy(content, copying)
            await self._finish(content, copying, final, device)
        finally:
            turn.end()

    def _copying_to(self, content: TorrentContent, device: Device) -> MoveCopying:
        copying = self._copying
        if copying is None or not copying.is_between(content.device, device):
            layout = content.storage.layout
            new = self._new_place(layout)
            copying = self._copying = MoveCopying(
                OldPlace(self.row.source, layout),
                new,
                content.device,
                device,
                self._host.new_storage(new.staged_layout(), self.target),
                layout,
                content.verifier,
                self._check,
            )
        return copying

    def _new_place(self, layout: FileLayout) -> NewPlace:
        return NewPlace(self.target, layout, self.torrent.info_hashes.hash_string)

    async def _make_ready(self, copying: MoveCopying) -> None:
        if self.row.stage == PLACING:
            # Pieces may have come since, and there is nowhere to copy them to.
            await copying.take_back()
            await self._record(COPYING)
        elif self.row.stage == BEGUN:
            await copying.run_new(copying.new.make)
            await self._record(COPYING)

    async def _copy(self, content: TorrentContent, copying: MoveCopying) -> None:
        """Everything but what comes in the last round."""
        self._doing(COPYING)
        await copying.copy(content.have)
        self._doing(VERIFYING)
        await copying.verify(content.have)
        for _ in range(ROUNDS):
            left = copying.left(content.have)
            if sum(map(content.layout.piece_size, left)) <= LAST_ROUND_BYTES:
                return
            await self._round(content, copying)

    async def _round(self, content: TorrentContent, copying: MoveCopying) -> None:
        """What came since the last one."""
        await copying.copy(content.have)
        await copying.copy_pieces(copying.left(content.have))
        await copying.verify(content.have)

    async def _finish(
        self, content: TorrentContent, copying: MoveCopying, final: Storage, device: Device
    ) -> None:
        """The last round, the names, and the switch, while nothing is written."""
        await self._content()
        self._doing(FINISHING)
        self.switching = True
        content.pieces.hold()
        try:
            await content.pieces.all_stored()
            self._check()
            await self._round(content, copying)
            await self._record(PLACING)
            await copying.place()
            lacking = content.lacking_files()
            await copying.run_new(take_over, final, lacking, self.torrent.running)
            if self.torrent.content is not content or self.torrent.missing.why:
                raise StorageError(f"{self.row.source}: it was opened anew")
            await self._switch()
            self._old_storage = content.storage
            content.relocate(final, device)
            self._tell_torrent(content)
        finally:
            self.switching = False
            content.pieces.go_on()
            _tell(self._switches)
        if self.torrent.running:
            self.torrent.exchange.feed_all()

    def _tell_torrent(self, content: TorrentContent) -> None:
        """It is elsewhere, and goes on as it did."""
        torrent = self.torrent
        torrent.telling.moved(self.row.source, self.target)
        torrent.telling.arrived()
        if torrent.running or torrent.missing.why:
            self._host.folders.watch(torrent, torrent.record.download_dir)
        if torrent.running:
            for peer in torrent.peers:
                peer.relocated(content)

    async def _switch(self) -> None:
        """The record has the new folder from now on, whoever saves it for whatever reason."""
        record = self.torrent.record
        before, record.final_dir = (record.download_dir, record.final_dir), ""
        record.download_dir = self.target
        record.clean = False  # what it says of the files is of the old ones
        row = self.row._replace(stage=CLEARING)
        try:
            await self._journal.switch(row, record)
        except StateError:
            record.download_dir, record.final_dir = before
            with suppress(StateError):
                await self._host.store.save(record)
            raise
        self.row = row
        told = {"name": record.name, "source": row.source, "target": self.target}
        self.log.info("{name}: moved from {source} to {target}", **told)

    async def _clear(self, content: TorrentContent) -> None:
        """Remove the old files, once nothing that is left of a damaged database leads there."""
        while not await self._journal.is_kept(self.torrent.record):
            await self._wait(RETRY_SECONDS)
        clearing = MoveClearing(self._host, self.torrent, self.row.source, self._check)
        await clearing.clear(content, self._old_storage)
        await self._journal.end(self.torrent.record.id)

    # -- how it goes on ------------------------------------------------------------------------

    async def _record(self, stage: str) -> None:
        row = self.row._replace(stage=stage)
        await self._journal.save(row)
        self.row = row
        self._check()

    def _check(self) -> None:
        """After every step: it got on, or it is to end. Raises MoveEndedError."""
        if self._ended:
            raise MoveEndedError
        if not self._stuck:  # a read that was under way may still come in
            self.trouble = ""
        self._host.activity.changed(self.torrent)

    def _doing(self, stage: str) -> None:
        self.stage = stage
        self._check()

    def _say(self, problem: Exception) -> None:
        """Something is in its way; in the log once."""
        known = isinstance(problem, P2pdError)
        trouble = str(problem) if known else f"internal error: {problem!r}"
        if trouble != self._logged:
            name, target = self.torrent.record.name, self.target
            tell = self.log.error if known else self.log.failure
            tell(
                "{name}: moving to {target} waits: {trouble}",
                name=name,
                target=target,
                trouble=trouble,
            )
        self.trouble = self._logged = trouble
        self._stuck = True
        self._host.activity.changed(self.torrent)

    async def _wait(self, seconds: float) -> None:
        passed: Deferred[None] = Deferred()
        timer = self._host.clock.callLater(seconds, passed.callback, None)
        try:
            await self._until(passed)
        finally:
            if timer.active():
                timer.cancel()

    async def _until(self, done: Deferred[None]) -> None:
        """Wait for it, but no longer than until the move is to end."""
        pause: Deferred[None] = Deferred()
        if self._ended:
            raise MoveEndedError
        self._pause = pause
        done.addCallback(lambda _: None if pause.called else pause.callback(None))
        await pause
        if self._ended:
            raise MoveEndedError


def _tell(waiting: list[Deferred[None]]) -> None:
    for each in waiting[:]:
        if not each.called:
            each.callback(None)
    waiting.clear()
