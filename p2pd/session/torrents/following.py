"""What changes in a session, as those outside see it: views and ids."""

from __future__ import annotations

from typing import Callable

from p2pd.session.api import TorrentView
from p2pd.session.follow_api import SeenChanges
from p2pd.session.torrents.active_torrents import ActiveTorrents
from p2pd.session.torrents.torrent import Torrent


class Following:
    """Collects what changes, until it is closed (api.FollowApi)."""

    def __init__(
        self,
        activity: ActiveTorrents[Torrent],
        view: Callable[[Torrent], TorrentView],
        wake: Callable[[], object],
    ) -> None:
        self._activity = activity
        self._view = view
        self._watch = activity.watch(wake)

    def take(self) -> SeenChanges:
        """What changed since this was asked last."""
        torrents, gone, everything = self._watch.take()
        removed = [torrent.record.id for torrent in gone]
        return SeenChanges([self._view(torrent) for torrent in torrents], removed, everything)

    def close(self) -> None:
        """Collect no more."""
        self._activity.unwatch(self._watch)
