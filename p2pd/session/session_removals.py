"""Torrents that are removed, and the files that go with them.

What is to go is in the journal (state/removals.py) from the moment that the torrent is forgotten
until it is gone: what a kill cuts off is gone on with after the next start, and what a disk refuses
is tried again. Files that another torrent has, too, stay.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.clock import DelayedCall
from p2pd.base.errors import P2pdError, StateError, StorageError
from p2pd.formats.file_layout import FileLayout, LaidOutFile
from p2pd.formats.file_names import partial_paths
from p2pd.session.disks.devices import FAULT_SECONDS, SILENT_SECONDS, Device, in_time
from p2pd.session.moving.moves import Moves
from p2pd.session.torrents.shared_files import Paths, files_of_others
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_registry import TorrentRegistry
from p2pd.state.records import TorrentRecord
from p2pd.state.removals import DoomedFiles, RemovalRow
from p2pd.storage.interfaces import Storage
from p2pd.storage.new_place import FOLDER, staged_paths

CLEAR_SECONDS = 10.0
"""What the old files of a torrent that was just moved have to go before it is removed."""

CERTIFICATES = "(certificates)"
"""In the place of a folder in the journal: these are the info-hashes of torrents of which no
certificate and no private key is to be kept."""

RETRY_SECONDS = (*FAULT_SECONDS, 60.0)
"""Before each further attempt; the last pause is made again and again."""


class RemovalJournal(Protocol):
    """See state.removals.RemovalStore."""

    def begin(
        self, torrent: int | None, doomed: Sequence[DoomedFiles]
    ) -> Deferred[list[RemovalRow]]: ...
    def load(self) -> Deferred[list[RemovalRow]]: ...
    def end(self, id_: int) -> Deferred[None]: ...


class RemovalHost(TorrentHost, Protocol):
    """The session."""

    @property
    def torrents(self) -> TorrentRegistry:
        """All of them."""

    @property
    def moves(self) -> Moves:
        """Torrents that are moved."""


class SessionRemovals:
    """Removes torrents, and sees to it that their files go."""

    log = Logger()

    def __init__(self, host: RemovalHost, journal: RemovalJournal) -> None:
        self._host = host
        self._journal = journal
        self._retries: dict[int, DelayedCall] = {}

    async def resume(self) -> None:
        """Go on with what the end of the last session cut off."""
        for row in await self._journal.load():
            self._host.background(self._go_on(row, 0), row.doomed.folder)

    def close(self) -> None:
        """The session ends: the rest goes after the next start."""
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()

    async def remove(self, torrent: Torrent, *, delete_data: bool) -> None:
        """Forget a torrent, and its files if so wished, but for those that others have.

        Raises P2pdError: it cannot be told yet which these are, or not all could be removed.
        """
        record, layout = torrent.record, None
        kept = tuple((each,) for each in self._host.tls.kept_of(torrent))
        if delete_data or self._host.moves.of(torrent) is not None:
            layout = await self._layout(torrent)
        if delete_data:
            await files_of_others(self._host, (record.name,), record.download_dir, torrent)
        doomed = self._doomed(torrent, layout, delete_data)
        if kept:
            doomed.append(DoomedFiles(CERTIFICATES, kept))
        rows = await self._journal.begin(record.id, doomed)
        if self._host.torrents.by_id(record.id) is not torrent:
            for row in rows:  # somebody else removed it meanwhile, and sees to its files
                await self._journal.end(row.id)
            return
        await self._end(torrent)
        content, closed = torrent.content, None
        if content is not None:
            # A magnet's metadata came just now, or its files got other names.
            if delete_data and layout is not content.storage.layout:
                rows += await self._journal.begin(
                    record.id, [_all_of(content.storage.layout, record.download_dir)]
                )
            closed = self._closed(content)
            # Not what another disk waits for: this one may not answer.
            await self._while_answering(content.device, closed)
        problems = []
        for row in rows:
            here = content is not None and row.doomed.folder == record.download_dir
            try:
                if content is not None and here:
                    await self._attempt(row, 0, content.device, closed)
                else:
                    await self._attempt(row, 0)
            except StorageError as problem:
                problems.append(problem)  # which keeps nothing else
        if problems:
            raise problems[0]

    async def left(self, doomed: DoomedFiles) -> None:
        """A move could not remove what it had there. Raises StateError."""
        for row in await self._journal.begin(None, [doomed]):
            self._later(row, 0)

    async def _layout(self, torrent: Torrent) -> FileLayout | None:
        """Of its files, None if nobody knows them."""
        if torrent.content is not None:
            return torrent.content.storage.layout
        with suppress(P2pdError):  # what cannot be read tells of no files
            return (await self._host.resting.details(torrent)).layout
        return None

    def _doomed(
        self, torrent: Torrent, layout: FileLayout | None, delete_data: bool
    ) -> list[DoomedFiles]:
        """What goes with it: its files, and what a move has at its other end."""
        if layout is None:
            return []
        record = torrent.record
        doomed = [_all_of(layout, record.download_dir)] if delete_data else []
        if delete_data and record.renaming:  # whichever name they have, or get yet
            doomed.append(_renamed(layout, record))
        if delete_data and torrent.content is not None and torrent.missing.why:
            doomed.append(_unfinished(torrent.content, record.download_dir))
        move = self._host.moves.of(torrent)
        if move is not None and not move.is_switched:
            staged = staged_paths(layout, torrent.info_hashes.hash_string)
            doomed.append(DoomedFiles(move.target, staged))
        elif move is not None and delete_data:
            doomed.append(_all_of(layout, move.row.source))
        return doomed

    async def _end(self, torrent: Torrent) -> None:
        """Nobody finds it any more, and nothing is at work on it."""
        host = self._host
        host.torrents.remove(torrent, host.wall())
        torrent.telling.removed()
        host.activity.forget(torrent)
        torrent.missing.close()
        with suppress(StateError):  # the row of the move went with the torrent's
            await host.moves.end(torrent, patience=CLEAR_SECONDS)
        host.tls.forget(torrent)
        host.resting.forget(torrent)
        host.queues.forget(torrent)
        await torrent.stop()
        host.rates.torrent_removed(torrent.record)
        # A start or a check under way would make files anew behind their removal.
        await torrent.settled()
        with suppress(StorageError):
            named = Deferred.fromCoroutine(host.moves.renamed(torrent))
            await in_time(named, CLEAR_SECONDS, host.clock)

    def _closed(self, content: TorrentContent) -> Deferred[None]:
        """Fires when nothing more comes to its files, and none is open."""
        content.pieces.close()

        async def close() -> None:
            await content.pieces.all_stored()
            await content.device.run("write", content.storage.close)

        return Deferred.fromCoroutine(close())

    @staticmethod
    async def _while_answering(device: Device, done: Deferred[None]) -> None:
        """Wait for it; a disk that does not answer is not waited for."""
        try:
            await device.while_answering(done)
        except StorageError:
            if not device.silent:
                raise

    # -- files ---------------------------------------------------------------------------------

    async def _go_on(self, row: RemovalRow, tried: int) -> None:
        with suppress(StorageError):  # it is in the log, and tried again
            await self._attempt(row, tried)

    async def _attempt(
        self,
        row: RemovalRow,
        tried: int,
        device: Device | None = None,
        after: Deferred[None] | None = None,
    ) -> None:
        """Remove them; what goes wrong is tried again, and raised: StorageError."""
        try:
            await self._delete(row, device, after)
        except StorageError as problem:
            self._again(row, tried, problem)
            raise

    async def _delete(
        self, row: RemovalRow, device: Device | None, after: Deferred[None] | None
    ) -> None:
        folder, files = row.doomed
        if folder == CERTIFICATES:
            await self._forget_certificates(row)
            return
        keep = await self._kept(row.doomed)
        # Of files of which nothing but the names is known.
        doomed = [LaidOutFile(path, 0, 0, False, 0, 0) for path in files if path not in keep]
        if not doomed:
            await self._journal.end(row.id)
            return
        storage = self._host.new_storage(FileLayout(doomed, 1, aligned=False), folder)
        if device is None:
            asked = self._host.devices.of(storage)
            device = await in_time(asked, SILENT_SECONDS, self._host.clock)
        going = Deferred.fromCoroutine(self._gone(row, storage, device, after))
        await self._while_answering(device, going)

    async def _forget_certificates(self, row: RemovalRow) -> None:
        try:
            await self._host.tls.forget_removed([path[0] for path in row.doomed.files])
        except StateError as problem:
            raise StorageError(f"a private key of it is not gone: {problem}") from None
        await self._journal.end(row.id)

    async def _gone(
        self, row: RemovalRow, storage: Storage, device: Device, after: Deferred[None] | None
    ) -> None:
        if after is not None:
            await after
        await device.run("write", storage.delete_files)
        await self._journal.end(row.id)

    async def _kept(self, doomed: DoomedFiles) -> Paths:
        """What torrents have of it, also those that came since. Raises StorageError."""
        names = {path[0] for path in doomed.files}
        kept = set(await files_of_others(self._host, names, doomed.folder, None))
        for name in names:
            torrent = self._host.torrents.by_hash_string(name.removeprefix(FOLDER))
            move = None if torrent is None else self._host.moves.of(torrent)
            if move is not None and move.target == doomed.folder:
                kept.update(doomed.files)  # it is on its way there again
        return frozenset(kept)

    def _again(self, row: RemovalRow, tried: int, problem: StorageError) -> None:
        if not tried:
            self.log.error(
                "not all that was removed is gone, and the rest is tried again: {problem}",
                problem=str(problem),
            )
        self._later(row, tried)

    def _later(self, row: RemovalRow, tried: int) -> None:
        if self._host.closing:
            return

        def retry() -> None:
            del self._retries[row.id]
            self._host.background(self._go_on(row, tried + 1), row.doomed.folder)

        pause = RETRY_SECONDS[min(tried, len(RETRY_SECONDS) - 1)]
        self._retries[row.id] = self._host.clock.callLater(pause, retry)


def _renamed(layout: FileLayout, record: TorrentRecord) -> DoomedFiles:
    """What a rename that is not over concerns, by the names that it gives."""
    *_, old, new = (tuple(path.split("/")) for path in record.renaming)
    paths = [file.path for file in layout.files if not file.pad]
    inside = (path for path in paths if path[: len(old)] == old)
    return DoomedFiles(record.download_dir, tuple((*new, *path[len(old) :]) for path in inside))


def _unfinished(content: TorrentContent, folder: str) -> DoomedFiles:
    """Files that nobody could look at, by the names that they have until they are complete."""
    lacking = content.lacking_files()
    paths = partial_paths(content.layout).items()
    return DoomedFiles(folder, tuple(path for index, path in paths if index in lacking))


def _all_of(layout: FileLayout, folder: str) -> DoomedFiles:
    ours = (file for file in layout.files if not file.pad and file.symlink is None)
    return DoomedFiles(folder, tuple(file.path for file in ours))
