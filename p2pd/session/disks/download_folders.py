"""The download folders in use, and what they are on: each is looked at now and then.

One question a folder, in a thread of its own, however many torrents are in it: is it there, is it
still the same one, may it be written; and for torrents whose data was not there, is it back.
"""

from __future__ import annotations

from typing import Coroutine, NamedTuple, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.clock import Clock
from p2pd.base.errors import StorageError
from p2pd.session.disks.devices import LookAt, in_time
from p2pd.storage.disks import Disks
from p2pd.storage.interfaces import Presence
from p2pd.storage.volumes import VolumeState

ANSWER_SECONDS = 2.0
"""What a folder has to answer when somebody waits for that."""


class FolderLook(NamedTuple):
    """What was seen: `state`, or None and the problem."""

    state: VolumeState | None
    problem: StorageError | None = None


class Found(NamedTuple):
    """What was seen of one torrent's data, and whether the folder is the one that was prepared."""

    presence: Presence
    same_folder: bool


class Missing(Protocol):
    """How a torrent goes missing and comes back."""

    why: str

    def gone(self, problem: StorageError) -> None: ...
    def search(self) -> Found:
        """In a thread: what is there of the data."""

    async def looked(self, look: FolderLook, found: Found, *, eager: bool = False) -> None:
        """What was found."""

    async def moved(self, *, device: bool) -> None:
        """The folder is another one than before; `device`: and on another device."""


class FolderTorrent(Protocol):
    """A torrent in a folder."""

    @property
    def missing(self) -> Missing: ...
    def writable(self, yes: bool) -> None:
        """Whether anything in the folder can be changed."""


class FoldersHost(Protocol):
    """The session."""

    clock: Clock
    disks: Disks

    def background(self, work: Coroutine[object, object, object], what: str) -> None: ...


class _Folder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.torrents: dict[FolderTorrent, None] = {}
        self.state: VolumeState | None = None
        self.due = float("-inf")
        self.asking = False
        self.missing_said = 0


class DownloadFolders:
    """The folders of torrents that run, or whose data is missing."""

    log = Logger()

    def __init__(self, host: FoldersHost, look_at: LookAt, seconds: float) -> None:
        """`seconds` lie between two looks at one folder."""
        self.look_at = look_at
        self.seconds = seconds
        self._host = host
        self._folders: dict[str, _Folder] = {}
        self._of: dict[FolderTorrent, _Folder] = {}

    def watch(self, torrent: FolderTorrent, path: str) -> None:
        """Tell this torrent what becomes of its folder, until it is forgotten."""
        self.forget(torrent)
        folder = self._folders.setdefault(path, _Folder(path))
        folder.torrents[torrent] = None
        self._of[torrent] = folder
        if folder.due == float("-inf") and not folder.asking:
            self._ask(folder)  # at once, before it can become another one
        torrent.writable(folder.state is None or not folder.state.read_only)

    def forget(self, torrent: FolderTorrent) -> None:
        """It stopped, or is gone."""
        folder = self._of.pop(torrent, None)
        if folder is not None:
            del folder.torrents[torrent]
            if not folder.torrents and not folder.missing_said:
                del self._folders[folder.path]

    def tick(self, now: float) -> None:
        """Once a second: ask about those that are due."""
        for folder in list(self._folders.values()):
            if now >= folder.due and not folder.asking:
                self._ask(folder)

    def soon(self, torrent: FolderTorrent) -> None:
        """Something is wrong with the folder of this torrent: ask at the next tick."""
        folder = self._of.get(torrent)
        if folder is not None:
            folder.due = float("-inf")

    async def look_for(self, torrent: FolderTorrent) -> None:
        """Look for the missing data of one torrent now; any part of it will do."""
        folder = self._of.get(torrent)
        if folder is None:
            return
        try:
            asked = self._question(folder, [torrent])
            look, found = await in_time(asked, ANSWER_SECONDS, self._host.clock)
        except StorageError:  # it does not answer
            return
        if torrent in found and self._of.get(torrent) is folder:
            await torrent.missing.looked(look, found[torrent], eager=True)

    def _question(
        self, folder: _Folder, torrents: Sequence[FolderTorrent]
    ) -> Deferred[tuple[FolderLook, dict[FolderTorrent, Found]]]:
        key = ("folder", folder.path, torrents[0] if len(torrents) == 1 else None)
        return self._host.disks.ask(key, lambda: _look(self.look_at, folder.path, torrents))

    def _ask(self, folder: _Folder) -> None:
        lost = [torrent for torrent in folder.torrents if torrent.missing.why]
        self._say(folder, len(lost))
        if not folder.torrents:
            del self._folders[folder.path]
            return
        folder.asking = True
        # Nothing is known of the folder yet but what one that runs found when it started.
        witnesses = (
            [] if folder.state else [each for each in folder.torrents if not each.missing.why]
        )
        self._question(folder, lost + witnesses[:1]).addCallbacks(
            self._answered, self._unanswered, callbackArgs=(folder,), errbackArgs=(folder,)
        )

    def _unanswered(self, failure: Failure, folder: _Folder) -> None:
        failure.trap(StorageError)
        self._next(folder)

    def _answered(
        self, answer: tuple[FolderLook, dict[FolderTorrent, Found]], folder: _Folder
    ) -> None:
        look, found = answer
        self._next(folder)
        before, folder.state = folder.state, look.state
        here = [torrent for torrent in folder.torrents if not torrent.missing.why]
        if look.problem is not None:
            for torrent in here:
                torrent.missing.gone(look.problem)
        elif look.state is not None:
            if before is None or before.read_only != look.state.read_only:
                for torrent in here:
                    torrent.writable(not look.state.read_only)
            another = any(torrent in found and not found[torrent].same_folder for torrent in here)
            if another or (before is not None and before.root != look.state.root):
                device = before is not None and before.root[0] != look.state.root[0]
                for torrent in here:
                    self._run(torrent.missing.moved(device=device))
        for torrent, seen in found.items():
            if torrent in folder.torrents and torrent.missing.why:
                self._run(torrent.missing.looked(look, seen))

    def _next(self, folder: _Folder) -> None:
        folder.asking = False
        folder.due = self._host.clock.seconds() + self.seconds

    def _say(self, folder: _Folder, lost: int) -> None:
        if lost > folder.missing_said:
            self.log.warn(
                "{folder}: data is not there, and {lost} will wait until it is back",
                folder=folder.path,
                lost="1 torrent" if lost == 1 else f"{lost} torrents",
            )
        elif folder.missing_said and not lost:
            self.log.info("{folder}: all data is back", folder=folder.path)
        folder.missing_said = lost

    def _run(self, work: Coroutine[object, object, object]) -> None:
        self._host.background(work, "a download folder")


def _look(
    look_at: LookAt, path: str, torrents: Sequence[FolderTorrent]
) -> tuple[FolderLook, dict[FolderTorrent, Found]]:
    """In a thread."""
    try:
        look = FolderLook(look_at(path))
    except StorageError as problem:
        look = FolderLook(None, problem)
    return look, {torrent: torrent.missing.search() for torrent in torrents}
