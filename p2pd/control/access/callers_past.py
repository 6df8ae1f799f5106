"""What happens and happened to torrents, for one who does not see all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pd.control.access.caller import Identity, NotPermittedError
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.follow_api import SeenChanges
from p2pd.session.history_api import SESSION, History
from p2pd.session.session_events import Listener, TorrentEvent

REMEMBERED_SECONDS = 60.0
"""A torrent that is gone is looked for among those that were removed so lately."""


class CallersEvents:
    """Events of the torrents that somebody sees, judged when each is told."""

    def __init__(self, api: SessionApi, identity: Identity) -> None:
        self._api = api
        self._identity = identity

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Have it called with every event from now on; what is returned ends that."""

        def told(event: TorrentEvent) -> None:
            if self._sees(event):
                callback(event)

        return self._api.events.listen(told)

    def _sees(self, event: TorrentEvent) -> bool:
        torrent = self._api.find(event.torrent_id)
        if torrent is not None:
            return self._identity.sees(torrent.owner, torrent.labels)
        since = event.at - REMEMBERED_SECONDS
        return event.torrent_id in self._api.removed_since(since, self._identity.sees)


class CallersFollowing:
    """What changes of the torrents that somebody sees (session.follow_api.FollowApi).

    One that is hidden from now on, for its labels changed, is as good as removed.
    """

    def __init__(self, api: SessionApi, identity: Identity, wake: Callable[[], object]) -> None:
        self._identity = identity
        self._following = api.follow(wake)
        self._shown = {torrent.id for torrent in api.torrents() if self._sees(torrent)}

    def take(self) -> SeenChanges:
        """What changed since this was asked last."""
        changed = self._following.take()
        seen = [torrent for torrent in changed.torrents if self._sees(torrent)]
        hidden = [torrent.id for torrent in changed.torrents if not self._sees(torrent)]
        gone = [id_ for id_ in (*changed.removed, *hidden) if id_ in self._shown]
        self._shown.difference_update(gone)
        self._shown.update(torrent.id for torrent in seen)
        return SeenChanges(seen, gone, changed.everything)

    def close(self) -> None:
        """Collect no more."""
        self._following.close()

    def _sees(self, torrent: TorrentView) -> bool:
        return self._identity.sees(torrent.owner, torrent.labels)


class CallersHistory:
    """The history of torrents that somebody sees, and of no others that were here."""

    def __init__(self, api: SessionApi, find: Callable[[int | str], TorrentView | None]) -> None:
        self._api = api
        self._find = find

    async def read(
        self, subjects: Sequence[bytes], since: int, until: int, most_rows: int
    ) -> History:
        """As the session's own. Raises NotPermittedError for what is of all together."""
        if SESSION in subjects:
            raise NotPermittedError("the session's history is for one who sees all torrents")
        seen = [subject for subject in subjects if self._find(subject.hex()) is not None]
        if not seen:
            # Nothing is known of them: all that is asked for is one step, and it is empty.
            return History(since, until, max(1, until - since), until, {})
        return await self._api.history.read(seen, since, until, most_rows)
