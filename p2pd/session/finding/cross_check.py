"""A torrent is added whose data may be on a disk already: it is looked for, and checked first.

What looks like the data lies in a folder of other torrents, or of nobody: it may be read, and never
written. So the torrent stands still there until it is checked. Then it seeds from where it is, or
goes to the folder that it was added for, with what is right there by hard links; only in that
folder anything is downloaded. What is to be done is in its record: if the daemon ends before that,
it is checked after the next start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.errors import P2pdError, StorageError
from p2pd.base.ids import InfoHashes
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo
from p2pd.session.disks.devices import in_time
from p2pd.session.finding.data_search import best_folder, link_files
from p2pd.session.settings.session_settings import HARD_LINK, OFF
from p2pd.state.records import TorrentRecord

if TYPE_CHECKING:
    from p2pd.session.session import Session
    from p2pd.session.torrents.torrent import Torrent

SEARCH_SECONDS = 15.0
"""What disks have to show what is on them; a torrent is added without it then."""

LOOK_SECONDS = 1.0


PAUSED = "paused"


class Finding(NamedTuple):
    """What was asked for of a torrent whose data may be where it is now: what its record has."""

    aim: str
    """The folder that it was added for."""
    how: str
    """One of session_settings.FIND_DATA."""
    paused: str
    """PAUSED, if it is not to run then."""


class CrossChecks:
    """Finds, checks and shares the data of torrents that are added."""

    log = Logger()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.under_way: dict[int, str] = {}
        """Ids of torrents that are checked, and where."""

    async def search(
        self, how: str | None, record: TorrentRecord, metainfo: Metainfo | None
    ) -> bool:
        """Look for it, if that is wanted; whether the record is now for where it is."""
        session = self._session
        how = how or session.settings.find_data
        hashes = InfoHashes(record.hash_v1, record.hash_v2)
        if (
            how == OFF
            or metainfo is None
            or record.file_names
            or session.torrents.sharing(hashes) is not None
        ):
            return False
        aim = record.download_dir
        folders = list(dict.fromkeys(torrent.record.download_dir for torrent in session.torrents))
        roots = list(session.settings.fixed.get("content_folders", ()))
        try:
            layout = await session.disks.aside.run("read", FileLayout.of, metainfo)
            asked = session.disks.ask(
                ("data", hashes, aim),
                lambda: best_folder(layout, aim, folders, roots, session.new_storage),
            )
            folder = await in_time(asked, SEARCH_SECONDS, session.clock)
        except P2pdError as problem:
            self.log.warn("{name}: its data was not found: {problem}", name=record.name,
                          problem=problem)  # fmt: skip
            return False
        if folder == aim:
            return False
        record.finding = Finding(aim, how, PAUSED if record.paused else "")
        record.download_dir, record.paused = folder, True
        return True

    def resume(self) -> None:
        """Go on with those that the end of the last session cut off."""
        for torrent in self._session.torrents:
            if torrent.record.finding:
                self.begin(torrent)

    def begin(self, torrent: Torrent) -> None:
        """It is there: see to it when it is checked."""
        self.log.info(
            "{name}: what looks like its data is in {folder}, and is checked",
            name=torrent.record.name,
            folder=torrent.record.download_dir,
        )
        self.under_way[torrent.record.id] = torrent.record.download_dir
        self._session.background(self._run(torrent), torrent.record.name)

    def notes(self, torrent: Torrent, *, paused: bool) -> bool:
        """Whether it only is noted that a torrent is to run, or not: it may not write there."""
        if torrent.record.id not in self.under_way:
            return False
        finding = Finding(*torrent.record.finding)
        torrent.record.finding = finding._replace(paused=PAUSED if paused else "")
        return True

    async def _run(self, torrent: Torrent) -> None:
        session, record = self._session, torrent.record
        try:
            await self._follow(torrent)
        finally:
            self.under_way.pop(record.id, None)
            here = session.torrents.by_id(record.id) is torrent
            if record.finding and here and not session.closing:
                record.finding = ()
                await session.store.save(record)

    async def _follow(self, torrent: Torrent) -> None:
        record = torrent.record
        folder, finding = record.download_dir, Finding(*record.finding)
        if not await self._checked(torrent, folder):
            return
        layout = await self._layout(torrent)
        right = self._right_files(torrent, layout)
        linked = False
        if finding.how == HARD_LINK and right:
            linked = await self._link(torrent, layout, right, finding.aim)
        paused = bool(Finding(*record.finding).paused)
        if torrent.is_complete() and not linked:
            self.log.info("{name}: all of it is there", name=record.name)
            record.finding = ()
            if not paused:
                await torrent.start()
            await self._session.store.save(record)
            return
        if not linked:
            # What is had is had there: in the other folder nothing is missing.
            torrent.doubtful = True
        await self._go(torrent, finding.aim, paused)

    async def _layout(self, torrent: Torrent) -> FileLayout:
        if torrent.content is not None:
            return torrent.content.layout
        return (await self._session.resting.details(torrent)).layout

    async def _checked(self, torrent: Torrent, folder: str) -> bool:
        """Wait for it; whether it is still here then, and fit to go on."""
        session = self._session
        while True:
            tick: Deferred[None] = Deferred()
            session.clock.callLater(LOOK_SECONDS, tick.callback, None)
            await tick
            if session.closing or session.torrents.by_id(torrent.record.id) is not torrent:
                return False
            if torrent.error or torrent.record.download_dir != folder:
                return False
            if not torrent.is_being_opened and (torrent.resting or torrent.content is not None):
                return True

    def _right_files(self, torrent: Torrent, layout: FileLayout) -> list[int]:
        """Those of which every byte is as it should be."""
        have = None if torrent.content is None else torrent.content.have.flags
        return [
            index
            for index, file in enumerate(layout.files)
            if not file.pad
            and file.length
            and file.symlink is None
            and (have is None or all(have[file.first_piece : file.end_piece]))
        ]

    async def _link(self, torrent: Torrent, layout: FileLayout, right: list[int], aim: str) -> bool:
        """Whether it could be done: another file system shares no file."""
        folder = torrent.record.download_dir
        work = self._session.disks.ask(
            ("link", torrent.record.id), lambda: link_files(layout, right, folder, aim)
        )
        try:
            await work
        except StorageError as problem:
            self.log.warn("{name}: no hard links: {problem}", name=torrent.record.name,
                          problem=problem)  # fmt: skip
            return False
        return True

    async def _go(self, torrent: Torrent, aim: str, paused: bool) -> None:
        """To the folder that it was added for, with what is there of it."""
        session, record = self._session, torrent.record
        try:
            await session.disks.ask(("make", aim), lambda: os.makedirs(aim, exist_ok=True))
            record.finding, record.paused = (), paused
            await session.moves.set_location(torrent, aim, move=False)
        except (P2pdError, OSError) as problem:
            record.paused = True
            await session.store.save(record)
            raise StorageError(f"it stays paused in {record.download_dir}: {problem}") from None
        await session.store.save(record)
