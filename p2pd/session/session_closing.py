"""The session ends: all torrents hang up, all are recorded, and then trackers are told.

Ten thousand torrents are as many small jobs for a disk and for the database. Handed to threads one
by one each would cost more than it does, so they go in batches, one after the other on each device,
and devices side by side. What was recorded before is true without all this: it spares a look at the
files at the next start. So a disk that does not answer is left alone.
"""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Iterable, Protocol, Sequence, cast

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.logger import Logger

from p2pd.base.clock import Clock
from p2pd.base.errors import StorageError
from p2pd.session.disks.devices import Device
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.state.resume import TorrentStore

BATCH = 64
"""Torrents that a thread looks at in one job."""

FAREWELL_SECONDS = 5.0
"""From the beginning of the end until trackers that have not answered are given up."""


FAREWELLS = 500
"""Torrents whose trackers are told at the same time."""


class ClosingHost(Protocol):
    """The session."""

    clock: Clock
    store: TorrentStore

    def in_time(self, done: Deferred[Any]) -> Deferred[Any]:
        """A StorageError if the disk does not answer soon."""


Run = Callable[[Coroutine[Any, Any, Any] | Deferred[Any], str], Deferred[Any]]
"""Runs something; a failure is logged with the name."""


class SessionClosing:
    """Ends the torrents of a session."""

    log = Logger()

    def __init__(self, host: ClosingHost, run: Run) -> None:
        self._host = host
        self._run = run
        self._saves: list[Deferred[Any]] = []

    async def close(self, torrents: Sequence[Torrent]) -> None:
        """End all of them."""
        began = self._host.clock.seconds()
        sure: dict[Device, list[Torrent]] = {}
        resting: list[Torrent] = []
        unsure: list[Torrent] = []
        for torrent in torrents:
            if torrent.end() and torrent.content is not None:
                sure.setdefault(torrent.content.device, []).append(torrent)
            elif torrent.resting:
                resting.append(torrent)
            else:
                unsure.append(torrent)
        looks = [self._run(self._look(*each), "closing") for each in sure.items()]
        self._save(unsure)
        for batch in _batches(resting):
            records = [torrent.record for torrent in batch]
            self._saves.append(self._run(self._host.store.save_totals(records), "closing"))
        await DeferredList(looks)
        await DeferredList(self._saves)
        for torrent in torrents:
            if torrent.content is not None:
                torrent.content.pieces.close()
        left = FAREWELL_SECONDS - (self._host.clock.seconds() - began)
        await self._farewells(torrents, max(1.0, left))

    async def _look(self, device: Device, torrents: list[Torrent]) -> None:
        """Bring to disk what is not there, those that have something first, and record it."""
        torrents.sort(key=lambda torrent: not torrent.dirty)
        for batch in _batches(torrents):
            if not device.silent:
                try:
                    await self._look_at(device, batch)
                except StorageError as problem:
                    device.silent = True
                    self.log.error("closing: {problem}", problem=str(problem))
            self._save(batch)

    async def _look_at(self, device: Device, batch: Sequence[Torrent]) -> None:
        contents = [torrent.content for torrent in batch if torrent.content is not None]
        on_their_way = [Deferred.fromCoroutine(each.pieces.all_stored()) for each in contents]
        if not all(each.called for each in on_their_way):
            await self._host.in_time(DeferredList(on_their_way))
        found = await self._host.in_time(device.run("write", _sync_and_look, contents))
        for torrent, states in zip(batch, found, strict=True):
            if isinstance(states, StorageError):
                name = torrent.record.name
                self.log.error("{name}: {problem}", name=name, problem=str(states))
            else:
                torrent.recording.closed(states)

    def _save(self, torrents: Iterable[Torrent]) -> None:
        for batch in _batches(torrents):
            records = [torrent.record for torrent in batch]
            self._saves.append(self._run(self._host.store.save_closed(records), "closing"))

    async def _farewells(self, torrents: Sequence[Torrent], seconds: float) -> None:
        """Last, for they are many, and what is recorded must not wait for them.

        So many at a time, or all would be begun before the first is through. Who has no turn in
        time is forgotten by the trackers by itself.
        """
        clock = self._host.clock
        end, turns = clock.seconds() + seconds, DeferredSemaphore(FAREWELLS)
        saying: dict[Deferred[None], None] = {}

        def said(_: object, farewell: Deferred[None]) -> None:
            saying.pop(farewell, None)
            turns.release()

        async def turn() -> bool:
            left = max(0.0, end - clock.seconds())
            await turns.acquire().addTimeout(left, cast(Any, clock), lambda *_: None)
            return clock.seconds() < end

        for torrent in torrents:
            if not await turn():
                break
            farewell = torrent.trackers.stop()
            saying[farewell] = None
            farewell.addBoth(said, farewell)
        while saying and await turn():
            pass  # until all have given their turns back
        for farewell in list(saying):
            farewell.cancel()


def _sync_and_look(contents: Sequence[TorrentContent]) -> list[str | StorageError]:
    found: list[str | StorageError] = []
    for content in contents:
        try:
            found.append(content.sync_and_look())
            content.storage.close()
        except StorageError as problem:
            found.append(problem)
    return found


def _batches(torrents: Iterable[Torrent]) -> Iterable[Sequence[Torrent]]:
    every = list(torrents)
    return [every[first : first + BATCH] for first in range(0, len(every), BATCH)]
