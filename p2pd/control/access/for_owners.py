"""What the daemon adds by itself for a user who does not call: from watch folders and feeds.

It is added as if the user had: with the user's labels, in the user's folder, under the quotas.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from p2pd.control.access.accounts import Accounts
from p2pd.control.access.caller import Caller, NotPermittedError, called_by
from p2pd.control.access.callers_session import CallersSession
from p2pd.control.access.roles import Need
from p2pd.session.api import AddedTorrent, SessionApi
from p2pd.session.torrents.torrent_requests import AddTorrent


class ForOwners:
    """Adds torrents in the name of users."""

    def __init__(self, api: SessionApi, callers: CallersSession, accounts: Accounts) -> None:
        self._api = api
        self._callers = callers
        self._accounts = accounts

    async def add(self, owner: str, request: AddTorrent) -> AddedTorrent:
        """Add it as the owner's, or as nobody's. Raises NotPermittedError, and as `add` does."""
        if not owner:
            return await self._api.add(request)
        identity = self._accounts.of_user(owner)
        if identity is None or not identity.permits(Need.TORRENTS):
            raise NotPermittedError(f"{owner} is no user who may add torrents")
        adding = self._callers.add(request)
        return await called_by(Caller(identity), Deferred.fromCoroutine, adding)


def owner_for(
    asked: str | None, identity_user: str, *, admin: bool, before: str | None = None
) -> str:
    """Whose something is that adds torrents later on: the caller's, unless an admin says otherwise.

    What it was `before` may be said again. Raises NotPermittedError.
    """
    if asked is None:
        return identity_user
    if admin or asked in (identity_user, before):
        return asked
    raise NotPermittedError("only an admin has torrents added for others, or for nobody")
