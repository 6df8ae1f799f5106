"""Stops links that turn out to be bigger than their users may have.

How big a torrent is that is added by a link is known when its metadata came; until then it took
room for a byte. It stays, stopped, and is not started by its user while there is no room for it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.control.access.accounts import Accounts
from p2pd.control.access.quotas import Quotas
from p2pd.session.api import SessionApi
from p2pd.session.session_events import EventKind, TorrentEvent


class QuotaKeeper:
    """Follows the session from when it is made."""

    log = Logger()

    def __init__(self, api: SessionApi, accounts: Accounts) -> None:
        self._api = api
        self._accounts = accounts
        self._quotas = Quotas(api)
        api.events.listen(self._told)

    def _told(self, event: TorrentEvent) -> None:
        if event.kind is EventKind.METADATA:
            Deferred.fromCoroutine(self._judge(event.torrent_id)).addErrback(self._failed)

    async def _judge(self, id_: int) -> None:
        torrent = self._api.find(id_)
        identity = None if torrent is None else self._accounts.of_user(torrent.owner)
        if torrent is None or identity is None or not self._quotas.are_exceeded(identity):
            return
        self.log.warn(
            "{name} is stopped: {user} may have no more than {most} bytes",
            name=torrent.name,
            user=identity.user,
            most=identity.most_bytes,
        )
        await self._api.stop(torrent)

    def _failed(self, failure: Any) -> None:
        self.log.failure("a torrent beyond a quota could not be stopped", failure)
