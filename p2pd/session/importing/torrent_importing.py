"""Taking in torrents that another program had, with their totals and what it had verified."""

from __future__ import annotations

import os
from dataclasses import replace

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import layout_of, names_given, top_name
from p2pd.formats.metainfo import Metainfo
from p2pd.session.disks.devices import in_time
from p2pd.session.importing.foreign_progress import Judgement, judge
from p2pd.session.importing.import_requests import Believed, ImportedTorrent, ImportTorrent
from p2pd.session.session import Session
from p2pd.session.torrents.torrent_adding import Described, TorrentAdding
from p2pd.state.resume import TorrentRecord
from p2pd.storage.partial_names import complete_names, partial_files, with_suffix

LOOK_SECONDS = 60.0
"""What a disk has to show a torrent's files."""

KEPT = (
    "uploaded", "downloaded", "corrupt", "completed_at", "active_at", "seconds_downloading",
    "seconds_seeding",
)  # fmt: skip
"""What the record has under the same names."""


class TorrentImporting:
    """Adds torrents with what another program knew of them, or finds them here."""

    def __init__(self, session: Session, adding: TorrentAdding) -> None:
        self._session = session
        self._adding = adding

    async def take(self, request: ImportTorrent) -> ImportedTorrent:
        """Add it, or say what would become of it.

        Raises P2pdError if its data is not there or cannot be read, AddTorrentError, IndexError.
        """
        with self._adding.line.place(len(request.add.torrent or b"")):
            described = await self._adding.described(request.add)
            try:
                return await self._take(request, described)
            finally:
                await self._adding.decided(described)

    async def _take(self, request: ImportTorrent, described: Described) -> ImportedTorrent:
        record, metainfo = described.record, described.metainfo
        here = self._here(record)
        if here is not None:
            described.judged(request.add)  # what is here may not be for who asks
            self._session.secrets.check_same(here, record)
            return _answer(here, duplicate=True)
        if request.file_names:
            await self._name(metainfo, request, record)
        judgement = None
        if metainfo is not None and (request.pieces is not None or request.is_whole):
            judgement = await self._judge(metainfo, request, record)
        _fill(record, request, judgement)
        if not request.trial:
            torrent = await self._adding.take_in(
                record, metainfo, lambda: described.judged(request.add)
            )
            if torrent is None:  # it came in the meantime
                return _answer(self._here(record) or record, duplicate=True)
            torrent.add_peers(request.peers, "resume")
        return _answer(record, judgement)

    def _here(self, record: TorrentRecord) -> TorrentRecord | None:
        """The record of the same torrent, if there is one."""
        here = self._session.torrents.sharing(InfoHashes(record.hash_v1, record.hash_v2))
        return None if here is None else here.record

    async def _name(
        self, metainfo: Metainfo | None, request: ImportTorrent, record: TorrentRecord
    ) -> None:
        """Its files keep the names that they have. Raises FormatError."""
        if metainfo is None:
            raise FormatError("names of files take a torrent whose files are known")
        aside, names = self._session.disks.aside, request.file_names
        layout = await aside.run("read", FileLayout.of, metainfo)
        record.file_names = await aside.run("read", names_given, layout, names)

    async def _judge(
        self, metainfo: Metainfo, request: ImportTorrent, record: TorrentRecord
    ) -> Judgement:
        session, folder = self._session, record.download_dir
        layout = await session.disks.aside.run("read", layout_of, metainfo, record.file_names)
        record.name = top_name(layout, metainfo.name)
        if request.is_whole:
            request = replace(request, pieces=PieceSet.full(layout.piece_count).to_bitfield())
        storage = session.new_storage(layout, folder)
        device = await in_time(session.devices.of(storage), LOOK_SECONDS, session.clock)
        looking = device.run("read", self._look, layout, request, record)
        return await in_time(looking, LOOK_SECONDS, session.clock)

    def _look(self, layout: FileLayout, request: ImportTorrent, record: TorrentRecord) -> Judgement:
        """In a thread."""
        folder, suffix = record.download_dir, request.partial_suffix
        partial = partial_files(folder, layout, suffix) if suffix else []
        if request.trial:
            layout = with_suffix(layout, partial, suffix)
        else:
            complete_names(folder, layout, partial, suffix)
        storage = self._session.new_storage(layout, folder)
        try:
            return judge(layout, storage, request, record)
        finally:
            storage.close()


def _fill(record: TorrentRecord, request: ImportTorrent, judgement: Judgement | None) -> None:
    for name in KEPT:
        setattr(record, name, getattr(request, name))
    record.final_dir = os.path.normpath(request.final_dir) if request.final_dir else ""
    record.added_at = request.added_at or record.added_at
    if judgement is None or not judgement.counts.claimed:
        return  # then it is looked at as any torrent that is added
    record.pieces, record.file_states = judgement.pieces, judgement.file_states
    record.clean = True
    record.paused = record.paused or bool(judgement.absent)


def _answer(
    record: TorrentRecord, judgement: Judgement | None = None, *, duplicate: bool = False
) -> ImportedTorrent:
    return ImportedTorrent(
        id=record.id,
        name=record.name,
        hash_string=InfoHashes(record.hash_v1, record.hash_v2).hash_string,
        duplicate=duplicate,
        paused=record.paused,
        pieces=judgement.counts if judgement is not None else Believed(),
        problem=_missing(judgement.absent) if judgement is not None else "",
    )


def _missing(files: tuple[str, ...]) -> str:
    if not files:
        return ""
    others = f" and {len(files) - 1} more files are" if len(files) > 1 else " is"
    return f"{files[0]}{others} not there: it is not started, for it would download them anew"
