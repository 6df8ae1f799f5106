"""Watch folders: what is put into them is added, once it is there as a whole.

A file is taken when two looks see it with the same size and time of change. One that cannot be
read as what its name says may still be written by somebody who pauses: it is tried again, and then
gets another name, and a line in the log. Looks and reads are done in threads, one for each folder,
so that one on a dead disk holds up no other.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.automation.owners import AddFor, as_nobodys
from p2pd.automation.watching.folder_scan import (
    TORRENT,
    Found,
    Scan,
    links_in,
    mark_invalid,
    put_away,
    read,
    scan,
)
from p2pd.automation.watching.notices import Notices
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import FormatError, P2pdError
from p2pd.base.measures import Labels, Measure, counters, gauge
from p2pd.session.api import SessionApi
from p2pd.session.settings.watch_settings import WatchFolder, label_of, watch_folders_of
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrent, AddTorrentError

T = TypeVar("T")

TICK_SECONDS = 1.0
STILL_SECONDS = 2.0
"""How long a file has to stay as it is before it is taken."""

RESCAN_SECONDS = 30.0
"""Between two looks at a folder of which nobody tells; a network file system, above all."""

TRY_SECONDS = (5.0, 15.0, 45.0)
"""Before each further attempt at a file that makes no sense."""

WAIT_SECONDS = 30.0
"""Before an attempt at a file that the session did not take, though it is none the worse for it."""

MOST_TAKEN = 10_000
"""Files that are remembered, which were added and cannot be put away."""

HOPELESS = (AddProblem.CORRUPT, AddProblem.UNRECOGNIZED)

InThread = Callable[[object, Callable[[], T]], Deferred[T]]
"""Runs something in a thread of its own; who asks for the same meanwhile waits with the first."""

Fetch = Callable[[str], Awaitable[bytes | str]]
"""A .torrent file, or a magnet link, from a URL. Raises P2pdError."""


@dataclass(slots=True)
class _Waiting:
    """A file that was seen and not taken yet."""

    found: Found
    due: float
    tries: int = 0


class _Folder:
    """One watch folder, as it is being watched."""

    def __init__(self, watched: WatchFolder) -> None:
        self.watched = watched
        self.files: dict[tuple[str, ...], _Waiting] = {}
        self.look_at = 0.0
        self.busy = False
        self.trouble = ""


class WatchFolders:
    """Watches the folders of the setting `watch_folders`, from `start` to `stop`."""

    log = Logger()

    def __init__(
        self,
        api: SessionApi,
        reactor: Any,
        clock: Clock,
        in_thread: InThread[Any],
        fetch: Fetch,
        add_for: AddFor | None = None,
    ) -> None:
        """`add_for` knows the owners of folders."""
        self._api = api
        self._add_for = add_for or as_nobodys(api)
        self._clock = clock
        self._in_thread = in_thread
        self._fetch = fetch
        self._setting: object = None
        self._folders: list[_Folder] = []
        self._notices = Notices(reactor, self._heard)
        self._taken: OrderedDict[tuple[str, Found], None] = OrderedDict()
        self._call: DelayedCall | None = None
        self._stopped = False
        self._counts: dict[Labels, float] = {("added",): 0, ("duplicate",): 0, ("invalid",): 0}

    def start(self) -> None:
        """Look from now on."""
        self._tick()

    def stop(self) -> None:
        """Begin nothing any more."""
        self._stopped = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._notices.end()

    def measures(self) -> list[Measure]:
        """How many folders there are, and what came of what was in them."""
        return [
            gauge("watch_folders", "Folders that are watched for torrents.", len(self._folders)),
            gauge(
                "watch_folder_files",
                "Files in watch folders that are not added yet.",
                sum(len(folder.files) for folder in self._folders),
            ),
            counters(
                "watch_folder_torrents_total",
                "Torrents and files of watch folders, by what came of them.",
                ("result",),
                dict(self._counts),
            ),
        ]

    # -- looking -------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._call = self._clock.callLater(TICK_SECONDS, self._tick)
        setting = self._api.settings.watch_folders
        if setting is not self._setting:
            self._setting = setting
            self._follow(watch_folders_of(setting))
        now = self._clock.seconds()
        for folder in self._folders:
            due = any(waiting.due <= now for waiting in folder.files.values())
            if not folder.busy and (due or folder.look_at <= now):
                folder.busy = True
                Deferred.fromCoroutine(self._see_to(folder)).addErrback(self._failed, folder)

    def _follow(self, wanted: list[WatchFolder]) -> None:
        """Those that are as before are gone on with."""
        known = {folder.watched: folder for folder in self._folders}
        self._folders = [known.get(each) or _Folder(each) for each in wanted]
        if not wanted:
            self._notices.end()

    def _heard(self) -> None:
        """Something changed somewhere: look soon."""
        soon = self._clock.seconds() + TICK_SECONDS / 2
        for folder in self._folders:
            folder.look_at = min(folder.look_at, soon)

    def _failed(self, failure: Any, folder: _Folder) -> None:
        folder.busy = False
        self.log.failure("the watch folder {path}", failure, path=folder.watched.folder)

    async def _see_to(self, folder: _Folder) -> None:
        watched, now = folder.watched, self._clock.seconds()
        self._notices.begin()
        folder.look_at = now + RESCAN_SECONDS
        try:
            seen = await self._in_thread(folder, lambda: self._scan(watched))
        except P2pdError as problem:
            if folder.trouble != str(problem):
                self.log.warn("the watch folder {problem}", problem=problem)
            folder.trouble = str(problem)
            folder.busy = False
            return
        folder.trouble = ""
        for found in self._still(folder, seen, now):
            if self._stopped or folder not in self._folders:
                break
            await self._take(folder, found)
        folder.busy = False

    def _scan(self, watched: WatchFolder) -> Scan:
        """In a thread."""
        seen = scan(watched, self._api.settings.private_folder)
        self._notices.follow(seen.folders)
        return seen

    def _still(self, folder: _Folder, seen: Scan, now: float) -> list[Found]:
        """The files whose time has come; the others wait."""
        before, folder.files = folder.files, {}
        ready = []
        for found in seen.files:
            if (folder.watched.folder, found) in self._taken:
                continue
            waiting = before.get(found.parts)
            if waiting is None or waiting.found != found:
                waiting = _Waiting(found, now + STILL_SECONDS)
            elif waiting.due <= now:
                ready.append(found)
            folder.files[found.parts] = waiting
        return ready

    # -- taking --------------------------------------------------------------------------------

    async def _take(self, folder: _Folder, found: Found) -> None:
        watched, waiting = folder.watched, folder.files[found.parts]
        path = os.path.join(watched.folder, *found.parts)
        try:
            data = await self._in_thread(folder, lambda: read(watched, found))
            if data is None:  # it goes on changing
                waiting.due = self._clock.seconds() + STILL_SECONDS
                return
            await self._add(watched, found, data)
        except P2pdError as problem:
            await self._refused(folder, waiting, path, problem)
            return
        folder.files.pop(found.parts, None)
        await self._put_away(folder, found, put_away)

    async def _add(self, watched: WatchFolder, found: Found, data: bytes) -> None:
        """Raises P2pdError."""
        labels = watched.labels
        if watched.folder_labels:
            names = (label_of(part) for part in found.parts[:-1])
            labels = tuple(dict.fromkeys((*labels, *filter(None, names))))
        wanted = AddTorrent(
            download_dir=watched.download_dir or None, paused=watched.paused, labels=labels
        )
        if found.parts[-1].lower().endswith(TORRENT):
            await self._add_one(watched.owner, replace(wanted, torrent=data), found)
            return
        links = links_in(data)
        if not links:
            raise FormatError("there is no magnet link in it, and no URL")
        for link in links:
            content = link if link[:7].lower() == "magnet:" else await self._fetch(link)
            if isinstance(content, str):
                await self._add_one(watched.owner, replace(wanted, magnet=content), found)
            else:
                await self._add_one(watched.owner, replace(wanted, torrent=content), found)

    async def _add_one(self, owner: str, wanted: AddTorrent, found: Found) -> None:
        added = await self._add_for(owner, wanted)
        self._counts["duplicate" if added.duplicate else "added",] += 1
        self.log.info(
            "{name}: {what}, from {file} in a watch folder",
            name=added.torrent.name,
            what="was here already" if added.duplicate else "added",
            file=found.parts[-1],
        )

    async def _refused(
        self, folder: _Folder, waiting: _Waiting, path: str, problem: P2pdError
    ) -> None:
        hopeless = isinstance(problem, FormatError) or (
            isinstance(problem, AddTorrentError) and problem.problem in HOPELESS
        )
        now = self._clock.seconds()
        if not hopeless:
            if not waiting.tries:
                self.log.warn("{path}: {problem}; it is tried again", path=path, problem=problem)
            waiting.tries, waiting.due = 1, now + WAIT_SECONDS
        elif waiting.tries < len(TRY_SECONDS):
            waiting.due = now + TRY_SECONDS[waiting.tries]
            waiting.tries += 1
        else:
            self._counts["invalid",] += 1
            self.log.warn("{path}: {problem}; it is named .invalid", path=path, problem=problem)
            folder.files.pop(waiting.found.parts, None)
            await self._put_away(folder, waiting.found, mark_invalid)

    async def _put_away(
        self, folder: _Folder, found: Found, how: Callable[[WatchFolder, Found], None]
    ) -> None:
        watched = folder.watched
        try:
            await self._in_thread(folder, lambda: how(watched, found))
        except P2pdError as problem:
            self._taken[watched.folder, found] = None
            while len(self._taken) > MOST_TAKEN:
                self._taken.popitem(last=False)
            self.log.warn("{problem}: the file stays as it is, and is left alone", problem=problem)
