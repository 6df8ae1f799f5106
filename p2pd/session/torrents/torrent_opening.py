"""How a torrent comes to have its content: built from metadata, compared with what is on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from twisted.internet.defer import Deferred

from p2pd.base.errors import MissingError, P2pdError, StorageError
from p2pd.base.ids import InfoHashes
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import top_name
from p2pd.formats.magnet import parse_magnet
from p2pd.formats.metainfo import Metainfo, parse_info
from p2pd.formats.urls import MAX_WEB_SEEDS
from p2pd.session.disks.check_queue import CheckJob
from p2pd.session.disks.missing_data import MissingData, look_before_check, look_for
from p2pd.session.pieces.pieces_listener import PiecesListener
from p2pd.session.torrents.file_choices import levels_of_magnet
from p2pd.session.torrents.incomplete_folder import stay_with_data
from p2pd.session.torrents.partial_naming import settle_names
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_link import TorrentLink
from p2pd.session.torrents.torrent_renaming import layout_on_disk
from p2pd.session.torrents.torrent_resume import ResumePlan, plan_resume
from p2pd.state.resume import TorrentRecord


class ToldOpening(Protocol):
    """Tells others (torrent_telling.py)."""

    def opened(self, content: TorrentContent) -> None: ...
    def checked(self) -> None: ...


class OpeningOwner(Protocol):
    """The torrent that is opened."""

    host: TorrentHost
    record: TorrentRecord
    info_hashes: InfoHashes
    dirty: bool
    running: bool
    missing: MissingData

    @property
    def link(self) -> TorrentLink:
        """The magnet link that it came by."""

    @property
    def telling(self) -> ToldOpening:
        """Who tells others what came of it."""

    @property
    def outcomes(self) -> PiecesListener:
        """Who hears what becomes of pieces."""

    def content_built(self, content: TorrentContent) -> None:
        """The parts that need metadata can be made."""

    def fail(self, sentence: str) -> None: ...
    async def checkpoint(self) -> None: ...


class TorrentOpening:
    """Builds the content of one torrent and checks it; `busy` while it does either."""

    __slots__ = ("_building", "_owner", "_waiting", "busy", "check", "unseen")

    def __init__(self, owner: OpeningOwner) -> None:
        self._owner = owner
        self.busy = False
        self.unseen = False
        """Whether nobody could say what is here: what is recorded stays so."""
        self.check: CheckJob | None = None
        self._building = False
        self._waiting: list[Deferred[None]] = []

    def built(self) -> Deferred[None]:
        """Fires when the content is there, or cannot be: at once if nothing is being built."""
        done: Deferred[None] = Deferred()
        if self._building:
            self._waiting.append(done)
        else:
            done.callback(None)
        return done

    async def open(self, metainfo: Metainfo) -> bool:
        """Build the content and see what of it is here; whether that worked. Never raises."""
        self.busy = self._building = True
        try:
            layout = await layout_on_disk(self._owner, metainfo)
            content = await self._build(metainfo, layout)
            # A magnet runs, with peers, while it is opened: they may not see the content before
            # it is known what of it is here.
            late = self._owner.running
            if not late:
                self._owner.content_built(content)
                self._end_building()
            right = await self._resume(content)
            if late:
                self._owner.content_built(content)
            return right
        except MissingError as problem:
            self._owner.missing.gone(problem)
            return False
        except P2pdError as problem:
            self._owner.fail(str(problem))
            return False
        finally:
            self.busy = False
            self._end_building()

    async def rebuild(self, metainfo: Metainfo) -> TorrentContent:
        """The content of a torrent at rest, of which all is recorded. Raises P2pdError."""
        layout = await layout_on_disk(self._owner, metainfo)
        content = await self._build(metainfo, layout)
        content.set_have(PieceSet.full(layout.piece_count))
        return content

    async def look(self, content: TorrentContent) -> bool:
        """Whether all is there as it was recorded. Raises P2pdError."""
        plan = await content.device.run("read", _look, content, self._owner.record)
        content.as_recorded = plan.as_recorded
        await settle_names(self._owner, content)
        return not plan.check and plan.have.is_full

    async def adopt(self, metadata: bytes | Metainfo) -> tuple[Metainfo | None, bool]:
        """Open a magnet whose metadata came; None if it cannot be used. Never raises.

        Also whether what is here was looked at to the end.
        """
        self.busy = True
        try:
            aside = self._owner.host.disks.aside
            metainfo = await aside.run("read", self._parse, metadata)
        except P2pdError as problem:
            self.busy = False
            self._owner.fail(f"the metadata cannot be used: {problem}")
            return None, False
        twin = self._owner.host.twin_of(self._owner, metainfo.info_hashes)
        if twin is not None:
            self.busy = False
            self._owner.link.is_same_as(twin, metainfo)
            return None, False
        self._owner.info_hashes = metainfo.info_hashes
        return metainfo, await self.open(metainfo)

    async def verify(self, content: TorrentContent) -> bool:
        """Believe nothing, hash everything; whether it came to its end.

        Raises MissingError if the data is missing, before anything is given up or at the end.
        """
        recorded = self._owner.record.pieces
        await content.device.run("read", look_before_check, content, recorded)
        every = range(content.layout.piece_count)
        content.set_have(PieceSet(len(every)))
        right = await self._check(content, list(every))
        if right is not None:
            await content.device.run("read", look_before_check, content, recorded)
            content.set_have(right)
            await settle_names(self._owner, content)
            self._owner.dirty = True
            await self._owner.checkpoint()
            self._owner.telling.checked()
        return right is not None

    def stop(self) -> None:
        """Give up a check under way."""
        if self.check is not None:
            self.check.stop()

    def _end_building(self) -> None:
        self._building = False
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)

    async def _build(self, metainfo: Metainfo, layout: FileLayout) -> TorrentContent:
        owner, record = self._owner, self._owner.record
        if record.priorities is None and record.magnet is not None:
            link = parse_magnet(record.magnet)
            record.priorities = levels_of_magnet(layout, link, record.file_choices)
        record.name = top_name(layout, metainfo.name)
        await stay_with_data(owner.host, record, layout)
        storage = owner.host.new_storage(layout, record.download_dir)
        device = await owner.host.devices.of(storage)
        return TorrentContent(
            metainfo,
            layout,
            storage,
            rng=owner.host.rng,
            device=device,
            listener=owner.outcomes,
            levels=record.priorities,
            sequential=record.sequential,
            sequential_from=record.sequential_from,
        )

    async def _resume(self, content: TorrentContent) -> bool:
        self._owner.telling.opened(content)
        self.unseen = True
        plan = await content.device.run("read", _look, content, self._owner.record)
        self.unseen = False
        return await self.follow(content, plan)

    async def follow(self, content: TorrentContent, plan: ResumePlan) -> bool:
        """Believe what may be believed and check the rest; whether that came to its end.

        Raises MissingError.
        """
        recorded = self._owner.record.pieces
        content.set_have(plan.have)
        content.as_recorded = plan.as_recorded
        if not plan.check:
            await settle_names(self._owner, content)
            return True
        # Recorded before it is looked into: after a crash nothing that is in doubt is believed.
        self._owner.record.pieces = plan.have.to_bitfield()
        await self._owner.host.store.save_progress(self._owner.record)
        right = await self._check(content, plan.check)
        if right is None:
            return False
        # What cannot be read is not right, but that may be since the volume went meanwhile.
        await content.device.run("read", look_for, content, recorded)
        for piece in right:
            plan.have.add(piece)
        content.set_have(plan.have)
        await settle_names(self._owner, content)
        self._owner.dirty = True
        await self._owner.checkpoint()
        self._owner.telling.checked()
        return True

    async def _check(self, content: TorrentContent, pieces: list[int]) -> PieceSet | None:
        if self._owner.host.closing:
            return None
        # It has to ask again when it may run: a check of hours keeps nobody from its place.
        self._owner.host.queues.leave(self._owner)
        self.check = self._owner.host.checks.check(
            content.device.number, content.layout, content.storage, content.verifier, pieces
        )
        try:
            right: PieceSet | None = await self.check.done
            return right
        except StorageError as problem:
            self._owner.fail(str(problem))
            return None
        finally:
            self.check = None

    def _parse(self, metadata: bytes | Metainfo) -> Metainfo:
        owner = self._owner
        if isinstance(metadata, Metainfo):
            metainfo = metadata
        else:
            trackers = owner.record.trackers
            metainfo = parse_info(metadata, expected=owner.info_hashes, trackers=trackers)
        if metainfo.private:  # a link is written by anybody
            return metainfo
        known = dict.fromkeys((*metainfo.web_seeds, *owner.link.web_seeds))
        return replace(metainfo, web_seeds=tuple(known)[:MAX_WEB_SEEDS])


def _look(content: TorrentContent, record: TorrentRecord) -> ResumePlan:
    """In a thread: what of the data may be believed."""
    return plan_resume(
        content.layout,
        content.storage,
        recorded=record.pieces,
        clean=record.clean,
        recorded_states=record.file_states,
    )
