"""A torrent whose data is not where its record says: an unmounted volume, a disk that was pulled.

Missing is, that of all files that hold something by the record none is there. Then what is recorded
stays as it is, nothing is made in the folder, and the torrent waits: its folder is looked at now
and then (download_folders.py), and when the files are back it is opened as after a start, which
believes those that are as they were. A volume is known by the files on it, not by its device
number, which is another one after each boot. To give the data up is the user's decision, by a
verify.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.errors import DiskFaultError, MissingError, StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.session.disks.devices import LookAt
from p2pd.session.disks.download_folders import FolderLook, Found
from p2pd.session.session_events import EventKind, Teller
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_resume import least_sizes, raise_if_missing, recorded_pieces
from p2pd.state.resume import TorrentRecord
from p2pd.storage.interfaces import Presence, Storage


class MissingOwner(Protocol):
    """The torrent."""

    host: TorrentHost
    record: TorrentRecord
    running: bool

    @property
    def telling(self) -> Teller: ...
    @property
    def missing(self) -> MissingData: ...
    @property
    def content(self) -> TorrentContent | None: ...
    @property
    def resting(self) -> bool: ...
    def look_first(self) -> None:
        """Have them looked at."""

    def leave_disk(self) -> None:
        """Run no more, and leave its files alone; what is recorded stays as it is."""

    def writable(self, yes: bool) -> None: ...
    def fail(self, sentence: str) -> None: ...
    async def reopen(self) -> None:
        """Look at its files anew, then go on."""


class MissingData:
    """Whether the data of one torrent is missing, how that comes to be known, and how it ends."""

    __slots__ = ("_before", "_closed", "_doubting", "_least", "_owner", "_storage", "why")

    def __init__(self, owner: MissingOwner) -> None:
        self.why = ""
        """What is missing, for the user; empty while nothing is."""
        self._owner = owner
        self._doubting = False
        self._closed = False
        self._least: Sequence[tuple[int, int]] = ()
        self._storage: Storage | None = None
        """Of a torrent at rest, which has no content that has it."""
        self._before: tuple[FolderLook, Found] | None = None

    # -- going missing -------------------------------------------------------------------------

    def gone(self, problem: StorageError) -> None:
        """It is missing from now on. A magnet without metadata has nothing to miss."""
        owner, content = self._owner, self._owner.content
        if self.why or self._closed or (content is None and not owner.resting):
            return
        self._storage = None
        self.why = (
            f"the data is not there ({problem}). It goes on by itself when it is back; "
            f"to download it again, verify it (p2pctl verify {owner.record.id})"
        )
        self._before = None
        owner.telling.tell(EventKind.MISSING, error_string=self.why)
        owner.leave_disk()
        if content is not None:
            have = recorded_pieces(owner.record.pieces, content.layout.piece_count)
            self._least = least_sizes(content.layout, have)
            content.set_have(have)
        else:
            owner.look_first()  # which finds out where its files were
        owner.host.folders.watch(owner, owner.record.download_dir)
        owner.host.activity.changed(owner)

    def gone_at_rest(self, problem: StorageError, layout: FileLayout, storage: Storage) -> None:
        """It is missing, as a look at its files told."""
        self.gone(problem)
        self._least = least_sizes(layout, PieceSet.full(layout.piece_count))
        self._storage = storage

    async def doubt(self, problem: StorageError) -> None:
        """The disk refused: is the data missing? If not, the problem is what stops the torrent."""
        try:
            if not await self._is_there():
                return
        except StorageError:  # its disk cannot even tell
            pass
        if not self.why:
            self._owner.fail(self._advised(problem))

    def _advised(self, problem: StorageError) -> str:
        """The problem, and what is to be done about it, as far as that can be told."""
        if not isinstance(problem, DiskFaultError):
            return str(problem)
        return (
            f"{problem}. The disk failed again and again: see to it, then start the torrent "
            f"(p2pctl start {self._owner.record.id})"
        )

    async def moved(self, *, device: bool) -> None:
        """The folder is not the one that it was: see if the data is there."""
        if self._owner.resting and self._owner.running:
            self._owner.look_first()
        elif await self._is_there() and device and self._owner.running:
            await self._owner.reopen()

    async def _is_there(self) -> bool:
        """Whether it is, and nobody is asking already."""
        content = self._owner.content
        if self.why or self._doubting or content is None:
            return False
        self._doubting = True
        try:
            await content.device.run("read", _look_again, content, self._owner.record.pieces)
        except MissingError as missing:
            if content is self._owner.content:
                self.gone(missing)
            return False
        finally:
            self._doubting = False
        return content is self._owner.content

    # -- coming back ---------------------------------------------------------------------------

    def search(self) -> Found:
        """In a thread: which of the files with recorded data are there, as long as they were."""
        content = self._owner.content
        storage = self._storage if content is None else content.storage
        if storage is None:
            # At rest it bears no witness that the folder is another one.
            return Found(Presence(0, 0, ""), not self.why)
        return Found(storage.presence(self._least), storage.same_folder())

    async def looked(self, look: FolderLook, found: Found, *, eager: bool = False) -> None:
        """What was found: when all is there it goes on. `eager`: with a part of it, too."""
        before, self._before = self._before, (look, found)
        if self.why and _is_back(look, found, before, eager=eager):
            self.came_back()
            await self._owner.reopen()

    def came_back(self) -> None:
        """It is there."""
        if self.why:
            self._owner.telling.tell(EventKind.BACK)
        self.end()

    def end(self) -> None:
        """It is there, or not asked for any more."""
        if self.why:
            self.why = ""
            self._storage = None
            self._owner.host.folders.forget(self._owner)
            self._owner.host.activity.changed(self._owner)

    def close(self) -> None:
        """The torrent is removed: nothing more is asked."""
        self._closed = True
        self.end()

    def give_up(self) -> None:
        """The user wants it anew: nothing is recorded any more."""
        self.end()
        record = self._owner.record
        record.pieces = record.file_states = None
        record.clean = False


def _is_back(
    look: FolderLook, found: Found, before: tuple[FolderLook, Found] | None, *, eager: bool
) -> bool:
    """A part alone is enough if it is not about to become more: somebody may be copying it there.

    Of what was never recorded there is nothing to look for but the folder: it is back when it is
    the one that it was, or not the one that was seen in its place, or can be written to again.
    """
    asked, there, _ = found.presence
    if asked:
        same = before is not None and before[1].presence == found.presence
        return there == asked or (there > 0 and (eager or same))
    if look.state is None:
        return False
    if found.same_folder or before is None:
        return found.same_folder
    was = before[0].state
    return was is None or was.root != look.state.root or was.read_only > look.state.read_only


def look_for(content: TorrentContent, recorded: bytes | None) -> None:
    """In a thread. Raises MissingError if what is recorded is not there, none of it."""
    have = recorded_pieces(recorded, content.layout.piece_count)
    raise_if_missing(content.layout, content.storage, have)


def look_before_check(content: TorrentContent, recorded: bytes | None) -> None:
    """The same, but in the folder where it was prepared files that are not there were removed."""
    if not content.storage.same_folder():
        look_for(content, recorded)


async def prepare(content: TorrentContent, recorded: bytes | None, look_at: LookAt) -> None:
    """Make what needs no data, and see how much room there is for a download.

    Raises StorageError; MissingError if the data is missing: then nothing is made.
    """
    device, root, downloads = content.device, content.storage.root, not content.is_complete()

    def work() -> int | None:
        look_for(content, recorded)
        content.storage.prepare()
        return look_at(root).free if downloads else None

    mark = device.room.mark()
    free = await device.run("write", work)
    if free is not None:
        device.room.learned(root, free, mark)


def _look_again(content: TorrentContent, recorded: bytes | None) -> None:
    look_for(content, recorded)
    have = recorded_pieces(recorded, content.layout.piece_count)
    if not have and not content.storage.same_folder():
        root = content.storage.root
        raise MissingError(f"{root}: the volume that was there is not there any more")
