"""Torrents that a user starts and stops; while one is cross-checked it is noted for afterwards."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from p2pd.session.disks.devices import at_most
from p2pd.session.session import Session
from p2pd.session.torrents.torrent import Torrent

STOP_SECONDS = 2.0
"""What a stop of a torrent may take before it is answered."""


async def start(session: Session, torrent: Torrent, *, now: bool = False) -> None:
    """Run it when it is its turn, or `now`. Raises StateError if that cannot be kept."""
    torrent.record.metadata_only = False
    if not session.cross_checks.notes(torrent, paused=False):
        await torrent.start(now=now)
    await session.store.save(torrent.record)


async def stop(session: Session, torrent: Torrent) -> None:
    """Pause it. Raises StateError if that cannot be kept."""
    torrent.record.metadata_only = False
    if not session.cross_checks.notes(torrent, paused=True):
        # It runs no more at once. What its disk holds up is not waited for.
        stopping = Deferred.fromCoroutine(torrent.stop())
        answer, rest = at_most(STOP_SECONDS, stopping, session.clock)
        session.background(rest, torrent.record.name)
        await answer
    await session.store.save(torrent.record)
