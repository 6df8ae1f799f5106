"""What control asks of the queues; see p2pd/session/api.py, which has it."""

from __future__ import annotations

from typing import Any, Iterable, Protocol

from p2pd.session.queueing.queue_order import QueueMove


class QueueApi(Protocol):
    """Torrents are api.TorrentView."""

    async def start_now(self, torrent: Any) -> None:
        """Have it run, whoever is before it in the queue."""

    async def move_in_queue(self, torrents: Iterable[Any], where: QueueMove) -> None:
        """Move these, which stay in their order."""
