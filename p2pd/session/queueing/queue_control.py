"""What control asks of the queues, done and written down (queue_api.QueueApi)."""

from __future__ import annotations

from typing import Any, Iterable, Protocol

from twisted.internet.defer import DeferredList, ensureDeferred

from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.queueing.torrent_queues import TorrentQueues
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.session.torrents.torrent_registry import TorrentRegistry
from p2pd.state.resume import TorrentRecord, TorrentStore


class QueueControlHost(Protocol):
    """What is needed of the session."""

    queues: TorrentQueues[Any]
    activity: ActiveTorrents[Any]
    torrents: TorrentRegistry
    store: TorrentStore


class QueueControl:
    """Moves torrents in the queue."""

    def __init__(self, host: QueueControlHost) -> None:
        self._host = host

    async def move(self, ids: Iterable[int], where: QueueMove) -> None:
        """Move these."""
        await self._keep_places(self._host.queues.move(ids, where))

    async def move_to(self, id_: int, position: int) -> None:
        """Move one so that so many torrents stand before it."""
        await self._keep_places(self._host.queues.move_to(id_, position))

    async def _keep_places(self, ids: Iterable[int]) -> None:
        """Write down where these stand."""
        host, moved_ones = self._host, []
        for id_ in ids:
            moved = host.torrents.by_id(id_)
            if moved is not None:
                moved.record.queue_place = host.queues.order.place(id_)
                host.activity.note_change(moved)
                moved_ones.append(moved.record)
        await save_all(host.store, moved_ones)


async def save_all(store: TorrentStore, records: Iterable[TorrentRecord]) -> None:
    """Write down these records, all at the same time. Raises StateError if one cannot be."""
    saves = [ensureDeferred(store.save(record)) for record in records]
    outcomes: list[tuple[bool, Any]] = await DeferredList(saves, consumeErrors=True)
    for done, result in outcomes:
        if not done:
            result.raiseException()
