"""The first look at the files of torrents that a session found at rest.

Their records say that all is there. Before the first of them is announced somebody may have moved
or changed its files, so each is looked at first: not all at once, for ten thousand looks would keep
the disk and everybody else for seconds, and as many announces would follow. A torrent that somebody
asks for meanwhile is woken, which is a look of its own.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any, Coroutine, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import FormatError, MissingError, P2pdError, StateError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import layout_of
from p2pd.formats.metainfo import parse_torrent
from p2pd.session.disks.devices import Devices
from p2pd.session.torrents.resting import Resting, RestingTorrent
from p2pd.session.torrents.torrent_resume import plan_resume
from p2pd.state.resume import Opening, TorrentRecord, TorrentStore
from p2pd.storage.disks import Disks
from p2pd.storage.interfaces import Storage

PER_SECOND = 50
"""Torrents that are looked at, and then announced, in a second."""

RETRY_SECONDS = 10.0
"""After the database refused."""

AT_ONCE = 10
"""Looks in one job of a thread."""


class FirstLooksHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    disks: Disks
    devices: Devices
    store: TorrentStore
    resting: Resting

    @property
    def closing(self) -> bool: ...
    def new_storage(self, layout: FileLayout, download_dir: str) -> Storage:
        """Where a torrent's files are."""

    def background(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Run something nobody waits for."""


class RunningAtRest(RestingTorrent, Protocol):
    """A torrent that is listed as a seed, and not yet announced."""

    def looked_at(self) -> None:
        """Its files are as they were recorded: it may be announced."""


class FirstLooks:
    """Torrents wait here for their look, in the order in which they came."""

    log = Logger()

    def __init__(self, host: FirstLooksHost) -> None:
        self._host = host
        self._waiting: dict[RunningAtRest, None] = {}
        self._call: DelayedCall | None = None
        self._looking = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, torrent: RunningAtRest) -> None:
        """It runs, and has not been looked at."""
        self._waiting[torrent] = None
        self._go_on(0.0)

    def close(self) -> None:
        """The session ends."""
        self._waiting.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _go_on(self, seconds: float) -> None:
        if self._waiting and self._call is None and not self._looking:
            self._call = self._host.clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._call = None
        batch = list(islice(self._waiting, AT_ONCE))
        for torrent in batch:
            del self._waiting[torrent]
        self._looking = True
        self._host.background(self._look(batch), "the first look at torrents")

    async def _look(self, batch: Sequence[RunningAtRest]) -> None:
        pause = AT_ONCE / PER_SECOND
        try:
            batch = [torrent for torrent in batch if torrent.resting]
            openings = await self._host.store.openings([torrent.record.id for torrent in batch])
        except StateError:
            if not self._host.closing:
                self._waiting.update(dict.fromkeys(batch))
            pause = RETRY_SECONDS
            raise
        else:
            by_folder: dict[str, list[tuple[RunningAtRest, Opening]]] = {}
            for torrent, opening in zip(batch, openings, strict=True):
                by_folder.setdefault(torrent.record.download_dir, []).append((torrent, opening))
            for some in by_folder.values():
                self._host.background(self._look_in_folder(some), "the first look at torrents")
        finally:
            self._looking = False
            self._go_on(pause)

    async def _look_in_folder(self, some: Sequence[tuple[RunningAtRest, Opening]]) -> None:
        work = [(torrent.record, opening) for torrent, opening in some]
        read = self._host.disks.aside.run
        layouts = await read("read", lambda: [_layout(*one) for one in work])
        storages = [
            None if layout is None else self._host.new_storage(layout, record.download_dir)
            for layout, (record, _) in zip(layouts, work, strict=True)
        ]
        seen: list[bool | MissingError] = [False] * len(work)
        known = next((storage for storage in storages if storage is not None), None)
        if known is not None:
            device = await self._host.devices.of(known)
            # What the disk refuses now it may give when they are woken, or else they say why not.
            with suppress(StorageError):
                seen = await device.run("read", _look_at, work, layouts, storages)
        for (torrent, _), layout, storage, found in zip(some, layouts, storages, seen, strict=True):
            if self._host.closing or not torrent.resting:
                continue  # it was woken meanwhile
            if found is True:
                torrent.looked_at()
            elif isinstance(found, MissingError) and layout is not None and storage is not None:
                torrent.missing.gone_at_rest(found, layout, storage)
            else:
                self._host.background(self._host.resting.wake(torrent), torrent.record.name)


def _layout(record: TorrentRecord, opening: Opening) -> FileLayout | None:
    try:
        return layout_of(parse_torrent(opening.torrent or b""), record.file_names)
    except FormatError:
        return None


def _look_at(
    work: Sequence[tuple[TorrentRecord, Opening]],
    layouts: Sequence[FileLayout | None],
    storages: Sequence[Storage | None],
) -> list[bool | MissingError]:
    """In a thread: of each torrent, whether its files are as they were recorded."""
    seen: list[bool | MissingError] = []
    for (record, opening), layout, storage in zip(work, layouts, storages, strict=True):
        found: bool | MissingError = False
        if layout is not None and storage is not None:
            try:
                plan = plan_resume(
                    layout,
                    storage,
                    recorded=record.pieces,
                    clean=record.clean,
                    recorded_states=opening.file_states,
                )
                found = not plan.check and plan.have.is_full and not storage.partial
            except MissingError as problem:
                found = problem
            except P2pdError:
                pass  # waking it will tell what is wrong
            storage.close()
        seen.append(found)
    return seen
