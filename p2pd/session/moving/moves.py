"""Torrents on their way to other folders: asked for by clients, gone on with after a restart."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Awaitable, Callable, Collection, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.session.disks.devices import Device, at_most, in_time
from p2pd.session.moving.move_copying import needed_files
from p2pd.session.moving.move_journal import MoveJournal
from p2pd.session.moving.move_line import MoveLine
from p2pd.session.moving.torrent_finding import find_at
from p2pd.session.moving.torrent_moving import RETRY_SECONDS, TorrentMove
from p2pd.session.torrents.partial_naming import needs_names, settle_names
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_renaming import rename
from p2pd.state.moves import BEGUN, CLEARING, PLACING, MoveRow
from p2pd.state.records import TorrentRecord
from p2pd.storage.new_place import NewPlace
from p2pd.storage.old_place import OldPlace

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

T = TypeVar("T")

ANSWER_SECONDS = 5.0
"""What a disk has to say before a client is answered."""

END_SECONDS = 10.0
"""What the step under way has to end when a move is given up."""


class Moves:
    """All moves of a session, by torrent."""

    log = Logger()

    def __init__(self, host: TorrentHost, journal: MoveJournal | None) -> None:
        self._host = host
        self._kept = journal
        self._line = MoveLine()
        self._moves: dict[Torrent, TorrentMove] = {}
        self._partial_names = host.settings.rename_partial_files
        self._asking: dict[Torrent, DeferredLock] = {}
        """One wish at a time of each torrent that has any."""

    @property
    def _journal(self) -> MoveJournal:
        if self._kept is None:
            raise P2pdError("there is no state database, so nothing can be moved")
        return self._kept

    async def cut_off(self) -> dict[int, MoveRow]:
        """Those that the end of the last session cut off, by the torrents' ids."""
        rows = [] if self._kept is None else await self._kept.load()
        return {row.torrent: row for row in rows}

    def counts(self) -> tuple[int, int]:
        """How many get on, and how many wait, for others or for what is in their way."""
        waiting = sum(move.waits for move in self._moves.values())
        return len(self._moves) - waiting, waiting

    def of(self, torrent: Torrent) -> TorrentMove | None:
        """The move of a torrent, if there is one."""
        return self._moves.get(torrent)

    def need(self, torrent: Torrent) -> bool:
        """Whether a torrent may not rest now, for it is moved."""
        move = self._moves.get(torrent)
        return move is not None and move.at_work

    def keep_busy(self, torrent: Torrent) -> bool:
        """Whether its files are about to have another folder, or other names."""
        move = self._moves.get(torrent)
        if move is None:
            return torrent in self._asking
        content = torrent.content
        unnamed = content is not None and bool(content.storage.partial)
        return torrent in self._asking or unnamed or not move.is_switched

    # -- what clients ask for ------------------------------------------------------------------

    async def set_location(self, torrent: Torrent, folder: str, *, move: bool) -> None:
        """Have a torrent's files in another folder: move them, or find them there.

        Answers when the move is in the journal, or the files were looked at. To move it to where
        it is ends a move under way. Raises P2pdError.
        """
        if not os.path.isabs(folder) or "\0" in folder:
            raise P2pdError(f"the folder is not absolute: {folder!r}")
        target = os.path.normpath(folder)
        self._refuse_while_renamed(torrent)
        await self._alone(torrent, lambda: self._set_location(torrent, target, move))

    async def rename(self, torrent: Torrent, path: str, name: str) -> None:
        """Another name for one of its files or folders. Raises P2pdError.

        What the disk is slow to do it does all the same.
        """
        self._refuse_while_renamed(torrent)
        over = False

        async def work() -> None:
            nonlocal over
            await self._alone(torrent, lambda: rename(torrent, path, name))
            over = True
            self.name_files(torrent)

        renaming = Deferred.fromCoroutine(work())
        answer, rest = at_most(ANSWER_SECONDS, renaming, self._host.clock)
        self._host.background(rest, torrent.record.name)
        await answer
        if not over:
            raise StorageError("the disk does not answer; it is renamed when the disk does")

    def name_files(self, torrent: Torrent, completed: Collection[int] | None = None) -> None:
        """Files are complete (None: any), or are to have other names while they are not."""
        content = torrent.content
        if content is None or not needs_names(torrent, content):
            return
        settling = self._alone(torrent, lambda: settle_names(torrent, content, completed))
        self._host.background(settling, torrent.record.name)

    def settings_changed(self) -> None:
        """Files that are not complete may have to have other names."""
        wanted = self._host.settings.rename_partial_files
        if wanted != self._partial_names:
            self._partial_names = wanted
            for torrent in self._host.torrents:
                self.name_files(torrent)

    async def renamed(self, torrent: Torrent) -> None:
        """Wait, if just now some of its files get other names."""
        if torrent in self._asking:
            await self._alone(torrent, _nothing)

    def _refuse_while_renamed(self, torrent: Torrent) -> None:
        if torrent.record.renaming and torrent in self._asking:
            raise P2pdError(f"{torrent.record.name}: its files are being renamed; try again")

    async def _alone(self, torrent: Torrent, work: Callable[[], Awaitable[None]]) -> None:
        """One wish of a torrent after the other."""
        lock = self._asking.setdefault(torrent, DeferredLock())
        await lock.acquire()
        try:
            await work()
        finally:
            lock.release()
            if not lock.locked:
                self._asking.pop(torrent, None)
                torrent.telling.arrived()

    async def _set_location(self, torrent: Torrent, target: str, move: bool) -> None:
        record, under_way = torrent.record, self._moves.get(torrent)
        await self._in_time(Deferred.fromCoroutine(self._host.resting.wake_anyway(torrent)))
        await self._in_time(torrent.opening.built())
        content = torrent.content
        if move and under_way is not None and target == under_way.target:
            # What keeps it from removing the old files may be there for good.
            if under_way.is_switched and under_way.trouble:
                await self.end(torrent)
            return
        if record.final_dir and move and not torrent.is_complete():
            await self._go_later(torrent, target)
        elif content is None:
            if record.magnet is None:
                raise P2pdError(f"{record.name}: its files are not known")
            torrent.telling.moved(record.download_dir, target)
            record.download_dir, record.final_dir = target, ""
            await self._host.store.save(record)
        elif move and target == record.download_dir:
            await self.end(torrent)
            await self._go_later(torrent, target)
        elif move and not await self._is_here(torrent, content, target):
            await self._move(torrent, content, target)
        else:
            await self.end(torrent)
            record.renaming = ()  # of a volume that is missing: what is found here counts
            await find_at(torrent, content, target)
            await self._go_later(torrent, target)
        self._host.activity.changed(torrent)

    async def _go_later(self, torrent: Torrent, target: str) -> None:
        """It goes there when it is complete, or stays if it is there."""
        record = torrent.record
        final = "" if target == record.download_dir else target
        if record.final_dir != final:
            record.final_dir = final
            await self._host.store.save(record)

    def bring_home(self, torrent: Torrent) -> None:
        """If it is complete, and not where it is to be then: move it there."""
        if self._is_due(torrent):
            self._host.background(
                self._alone(torrent, lambda: self._bring_home(torrent)), torrent.record.name
            )

    async def _bring_home(self, torrent: Torrent) -> None:
        record = torrent.record
        if not self._is_due(torrent):
            return
        row = MoveRow(record.id, record.download_dir, record.final_dir, BEGUN)
        try:
            await self._journal.save(row)
        except StateError:
            self._host.clock.callLater(RETRY_SECONDS, self.bring_home, torrent)
            raise
        if self._is_due(torrent):
            self._begin(torrent, row)

    def _is_due(self, torrent: Torrent) -> bool:
        free = torrent not in self._moves and not self._host.closing
        if not (torrent.record.final_dir and free and torrent.is_complete()):
            return False
        return any(other is torrent for other in self._host.torrents)

    async def _move(self, torrent: Torrent, content: TorrentContent, target: str) -> None:
        under_way, record = self._moves.get(torrent), torrent.record
        if under_way is not None and under_way.is_switched:
            raise P2pdError(
                f"{record.name}: it was moved just now, and what is left in "
                f"{under_way.row.source} is still being removed; if that cannot be, move it to "
                "where it is, and the rest stays there"
            )
        if torrent.missing.why:
            raise P2pdError(f"{record.name}: {torrent.missing.why}")
        await self._look(content, record.download_dir, target)
        await self.end(torrent)
        if all(other is not torrent for other in self._host.torrents):
            raise P2pdError(f"{record.name}: it was removed")
        row = MoveRow(record.id, record.download_dir, target, BEGUN)
        await self._journal.save(row)
        self._begin(torrent, row)

    async def _is_here(self, torrent: Torrent, content: TorrentContent, target: str) -> bool:
        """Whether that is another name of the folder where it is."""
        layout, device = content.layout, await self._device(content.layout, target)
        here = OldPlace(torrent.record.download_dir, layout).identity
        there = OldPlace(target, layout).identity
        found = await self._in_time(device.run("read", there))
        return found is not None and found == await self._in_time(content.device.run("read", here))

    async def _look(self, content: TorrentContent, source: str, target: str) -> None:
        """Whether it can be moved, as far as can be said before. Raises StorageError."""
        layout, device = content.storage.layout, await self._device(content.layout, target)
        old, needed = OldPlace(source, layout), needed_files(layout, content.have)
        files = await self._in_time(content.device.run("read", old.files, needed))
        size = 0 if device is content.device else sum(file.held for file in files)
        keep_free = self._host.devices.keep_free
        for names in {id(each): each for each in (layout, content.layout)}.values():
            new = NewPlace(target, names, "")
            await self._in_time(device.run("read", new.look, files, size, keep_free))

    async def _device(self, layout: FileLayout, folder: str) -> Device:
        return await self._in_time(self._host.devices.of(self._host.new_storage(layout, folder)))

    def _in_time(self, done: Deferred[T]) -> Deferred[T]:
        return in_time(done, ANSWER_SECONDS, self._host.clock)

    # -- their lives ---------------------------------------------------------------------------

    def resume(self, torrent: Torrent, row: MoveRow) -> None:
        """Go on with one that the end of the last session cut off, when the torrent is there."""
        self._begin(torrent, row)

    def leave(self) -> None:
        """The session ends: what is in the journal goes on after the next start."""
        for move in self._moves.values():
            move.leave()

    async def switched(self, torrent: Torrent) -> None:
        """Wait, if just now the torrent gets its new folder."""
        move = self._moves.get(torrent)
        if move is not None:
            await move.switched()

    async def end(self, torrent: Torrent, *, patience: float = 0.0) -> None:
        """Have it end where the torrent is now, with nothing left at the other place.

        Old files that are still there after a switch are left, after so many seconds. Raises
        StateError.
        """
        move = self._moves.get(torrent)
        if move is None:
            return
        over: Deferred[None] = Deferred()
        move.over.append(over)
        try:
            if move.is_switched and patience:
                with suppress(StorageError):
                    await in_time(over, patience, self._host.clock)
            if self._moves.get(torrent) is move:
                await self._leave(move)
        finally:
            self._moves.pop(torrent, None)
            self._over(torrent)
        await self._journal.end(torrent.record.id)

    async def _leave(self, move: TorrentMove) -> None:
        over: Deferred[None] = Deferred()
        move.over.append(over)
        move.leave()
        try:
            await in_time(over, END_SECONDS, self._host.clock)
            if not move.is_switched:
                cleaned = Deferred.fromCoroutine(move.clean())
                await in_time(cleaned, END_SECONDS, self._host.clock)
        except P2pdError as problem:
            self.log.error(
                "{name}: what was copied to {target} is still there: {problem}",
                name=move.torrent.record.name,
                target=move.target,
                problem=str(problem),
            )
            if not move.is_switched:
                await self._host.removals.left(await move.staged())

    def _begin(self, torrent: Torrent, row: MoveRow) -> None:
        move = TorrentMove(self._host, torrent, row, self._journal, self._line)
        self._moves[torrent] = move
        self._host.background(self._run(move), torrent.record.name)

    async def _run(self, move: TorrentMove) -> None:
        if await move.run() and self._moves.get(move.torrent) is move:
            del self._moves[move.torrent]
            self._over(move.torrent)

    def _over(self, torrent: Torrent) -> None:
        self._host.activity.changed(torrent)
        self.name_files(torrent)
        torrent.telling.arrived()


async def _nothing() -> None:
    """Only to have waited."""


def settled(record: TorrentRecord, row: MoveRow) -> MoveRow | None:
    """What is left of a move at a start, None if nothing is; `record` may get its new folder.

    They only disagree when one of them came from what was left of a damaged database.
    """
    if row.stage == CLEARING and record.download_dir == row.source:
        # The switch was made: of the old files some are gone.
        record.download_dir, record.final_dir = row.target, ""
    if row.stage == PLACING and record.download_dir == row.target:
        return row._replace(stage=CLEARING)
    expected = row.target if row.stage == CLEARING else row.source
    return row if record.download_dir == expected else None
