"""Turning what a caller wants added into a torrent's first record."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Callable, NamedTuple

from twisted.internet.defer import DeferredLock

from p2pd.base.errors import FormatError, StorageError
from p2pd.base.ids import InfoHashes
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import wanted_names
from p2pd.formats.magnet import Magnet, parse_magnet
from p2pd.formats.metainfo import Metainfo, parse_torrent
from p2pd.session.add_line import AddLine
from p2pd.session.disks.devices import in_time
from p2pd.session.secrets.secret_torrents import HAS_CERTIFICATES
from p2pd.session.session import Session
from p2pd.session.torrents.file_choices import choices_of, choose
from p2pd.session.torrents.file_selection import FileSelection
from p2pd.session.torrents.incomplete_folder import begin_apart
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import (
    AddProblem,
    AddTorrent,
    AddTorrentError,
    Candidate,
    check_pieces,
)
from p2pd.state.records import Tiers
from p2pd.state.resume import TorrentRecord

MAX_TORRENT_SIZE = 64 * 1024 * 1024
"""Bytes of the largest .torrent that is looked at."""

BUILT_SECONDS = 2.0
"""What a torrent has to show its files before it is said to be added."""


class Described(NamedTuple):
    """A torrent that may be added: its first record, and its metadata or the link to it."""

    record: TorrentRecord
    metainfo: Metainfo | None
    magnet: Magnet | None = None
    wanted: int | None = None
    """Bytes of the files that are wanted; None while there is no metadata."""

    def judged(self, request: AddTorrent) -> None:
        """Raise what whoever asked for it has against it."""
        if request.judge is not None:
            hashes = InfoHashes(self.record.hash_v1, self.record.hash_v2)
            request.judge(Candidate(hashes, self.wanted))


class TorrentAdding:
    """Adds torrents to a session, one at a time, so that two adds of the same one are one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.line = AddLine()
        self._lock = DeferredLock()

    async def add(self, request: AddTorrent) -> tuple[Torrent, bool]:
        """Add it, or find it here: the torrent, and whether it was here.

        Raises AddTorrentError, IndexError for a file index out of range, PieceIndexError.
        """
        with self.line.place(len(request.torrent or b"")):
            described = await self.described(request)
            try:
                return await self._add(request, described)
            finally:
                await self.decided(described)

    async def decided(self, described: Described) -> None:
        """It was added, or will not be: of a secret that no torrent has nothing is kept."""
        if described.record.secret:
            await self._lock.acquire()  # who adds now may have the same
            try:
                self._session.secrets.let_go(described.record.secret)
            finally:
                self._lock.release()

    def found_for(self, torrent: Torrent) -> str:
        """The folder where its data is just being checked."""
        return self._session.cross_checks.under_way.get(torrent.record.id, "")

    async def described(self, request: AddTorrent) -> Described:
        """What would be added, which is to be `decided` then. Raises as `add` does."""
        folder = request.download_dir
        if folder is not None and (not os.path.isabs(folder) or "\0" in folder):
            raise AddTorrentError(
                AddProblem.PATH, f"the download folder is not absolute: {folder!r}"
            )
        if request.torrent is not None:
            described = await self._of_torrent(request, request.torrent)
        elif request.magnet is not None:
            described = self._of_magnet(request, request.magnet)
        else:
            raise AddTorrentError(AddProblem.UNRECOGNIZED, "neither a torrent nor a magnet link")
        described.record.secret = await self._secret(request, described)
        return described

    async def _secret(self, request: AddTorrent, described: Described) -> str:
        """What its record has of the secret that it is to have."""
        if request.secret_of is not None:
            like = self._session.torrents.by_id(request.secret_of)
            if like is None:  # it may have had one: nothing is for everybody by mistake
                raise AddTorrentError(
                    AddProblem.SYSTEM, "the torrent that it is to replace is gone"
                )
            # Nor does it meet anybody in the clear whose predecessor did not.
            described.record.by_tls |= like.wants_certificates
            return like.record.secret
        if not request.secret:
            return ""
        record, metainfo = described.record, described.metainfo
        if record.by_tls or (metainfo is not None and metainfo.tls_ca is not None):
            raise AddTorrentError(AddProblem.SYSTEM, HAS_CERTIFICATES)
        hashes = InfoHashes(record.hash_v1, record.hash_v2)
        return await self._session.secrets.kept(request.secret, hashes, record.name)

    async def _add(self, request: AddTorrent, described: Described) -> tuple[Torrent, bool]:
        record = described.record
        if described.magnet is not None and record.paused:
            # Its files cannot be chosen before it is known which there are.
            fetched = self._session.settings.paused_magnets_fetch
            record.metadata_only = request.metadata_only or fetched
            record.paused = not record.metadata_only
        cross_checks = self._session.cross_checks
        found = await cross_checks.search(request.find_data, record, described.metainfo)
        if not found:
            begin_apart(record, self._session.settings, request.apart)
        torrent, here = await self._admit(request, described)
        if found and not here:
            cross_checks.begin(torrent)
        return torrent, here

    async def _of_torrent(self, request: AddTorrent, data: bytes) -> Described:
        if len(data) > MAX_TORRENT_SIZE:
            raise AddTorrentError(
                AddProblem.CORRUPT, f"the torrent has {len(data)} bytes, too many"
            )
        try:
            metainfo = await self._session.disks.aside.run("read", parse_torrent, data)
            chosen = self._session.disks.aside.run("read", chosen_files, request, metainfo)
            levels, wanted = await chosen
        except FormatError as problem:
            raise AddTorrentError(AddProblem.CORRUPT, str(problem)) from None
        if request.sequential_from:
            layout = await self._session.disks.aside.run("read", FileLayout.of, metainfo)
            check_pieces(layout, metainfo.name, request.sequential_from + 1)
        record = self._record(request, metainfo.info_hashes, metainfo.name, metainfo.trackers)
        record.torrent = data
        record.priorities = levels
        return Described(record, metainfo, wanted=wanted)

    def _of_magnet(self, request: AddTorrent, uri: str) -> Described:
        try:
            magnet = parse_magnet(uri)
        except FormatError as problem:
            raise AddTorrentError(AddProblem.UNRECOGNIZED, str(problem)) from None
        trackers = tuple((url,) for url in magnet.trackers)
        record = self._record(request, magnet.info_hashes, magnet.name or "", trackers)
        record.magnet = uri
        record.by_tls = magnet.by_tls
        record.file_choices = choices_of(request)
        return Described(record, None, magnet)

    async def _admit(self, request: AddTorrent, described: Described) -> tuple[Torrent, bool]:
        record, metainfo, magnet, _ = described
        await self._lock.acquire()
        try:
            described.judged(request)
            here = self._session.torrents.sharing(InfoHashes(record.hash_v1, record.hash_v2))
            if here is not None:
                self._session.secrets.check_same(here.record, record)
                if record.by_tls and metainfo is None and here.link.has_no_metadata:
                    await self._session.tls.close_marked(here)
                # A link is written by anybody: it names no tracker of a private torrent (BEP 27).
                if metainfo is not None or not here.private:
                    here.trackers.add(record.trackers)
                here.link.joined_by(magnet, choices_of(request))
                if metainfo is not None:
                    here.link.given(metainfo, record.torrent)
                torrent = here
            else:
                torrent = await self._session.add(record, metainfo)
        finally:
            self._lock.release()
        if metainfo is not None:
            # Clients ask for the files next. Those of a disk that does not answer come later.
            with suppress(StorageError):
                await in_time(torrent.opening.built(), BUILT_SECONDS, self._session.clock)
        return torrent, here is not None

    async def restore(self, record: TorrentRecord, metainfo: Metainfo | None) -> bool:
        """Add it as it was chosen, to be checked; False if it is here."""
        record.pieces = record.file_states = None
        record.clean = False
        return await self.take_in(record, metainfo) is not None

    async def take_in(
        self,
        record: TorrentRecord,
        metainfo: Metainfo | None,
        judge: Callable[[], None] = lambda: None,
    ) -> Torrent | None:
        """Add it with what is recorded of it; None if it is here. Raises what `judge` raises."""
        await self._lock.acquire()
        try:
            hashes = InfoHashes(record.hash_v1, record.hash_v2)
            if self._session.torrents.sharing(hashes) is not None:
                return None
            judge()
            return await self._session.add(record, metainfo)
        finally:
            self._lock.release()

    def _record(
        self, request: AddTorrent, hashes: InfoHashes, name: str, trackers: Tiers
    ) -> TorrentRecord:
        settings, paused, sequential = self._session.settings, request.paused, request.sequential
        rules = self._session.rules
        labels = tuple(dict.fromkeys((*request.labels, *rules.labels_for(trackers))))
        folder = request.download_dir or rules.folder_for(labels, trackers)
        try:
            names = wanted_names(request.name, request.content_layout)
        except FormatError as problem:
            raise AddTorrentError(AddProblem.PATH, str(problem)) from None
        record = TorrentRecord(
            hash_v1=hashes.v1,
            hash_v2=hashes.v2,
            name=request.name if ("", request.name) in names else name,
            file_names=names,
            download_dir=os.path.normpath(folder or settings.download_dir),
            paused=request.metadata_only
            or (not settings.start_added_torrents if paused is None else paused),
            added_at=self._session.wall(),
            trackers=trackers,
            labels=labels,
            owner=request.owner,
            sequential=settings.sequential_download if sequential is None else sequential,
            sequential_from=request.sequential_from,
            super_seeding=request.super_seeding or settings.super_seeding,
            trusted_only=request.trusted_only,
            seed_choking=request.seed_choking,
            peer_limit=request.peer_limit,
            bandwidth_group=request.bandwidth_group,
            bandwidth_priority=request.bandwidth_priority,
            honors_session_limits=request.honors_session_limits,
            share_limits=request.share_limits,
        )
        if request.download_limit is not None:
            record.download_limit, record.download_limited = request.download_limit, True
        if request.upload_limit is not None:
            record.upload_limit, record.upload_limited = request.upload_limit, True
        return record


def chosen_files(request: AddTorrent, metainfo: Metainfo) -> tuple[bytes | None, int]:
    """The files' levels that the caller asked for, None if it did not, and the wanted bytes.

    Raises IndexError.
    """
    selection = FileSelection(FileLayout.of(metainfo))
    choose(selection, choices_of(request))
    untouched = selection.levels == FileSelection(FileLayout.of(metainfo)).levels
    return None if untouched else bytes(selection.levels), selection.wanted_size()
