"""p2pd's own: user_… and api_key_…, who may call this API, and with what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.access.accounts import AccountError, Accounts
from p2pd.control.access.caller import NotPermittedError, current_caller
from p2pd.control.access.passwords import LONGEST
from p2pd.control.access.roles import Role
from p2pd.control.auth import MAX_TRIES
from p2pd.control.methods.selection import Ids, Selection, ids
from p2pd.control.schema import (
    JsonObject,
    Param,
    absolute_path,
    boolean,
    described,
    integer,
    labels,
    one_of,
    refuse,
    takes,
    text,
)
from p2pd.session.api import SessionApi
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.state.accounts import KeyRow, UserRow

MOST_DAYS = 36_600
SECONDS_A_DAY = 24 * 3600.0
UNLIMITED = -1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")


@described({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"})
def user_name(name: str, value: object) -> str:
    """A name for a user; no colon, which Basic ends it with, and none of the roles."""
    if not isinstance(value, str) or not _NAME.match(value) or value in [*Role]:
        raise refuse(f"{name} must be letters, digits and . _ @ - (64 at most), and no role's name")
    return value


@described({"type": "string", "maxLength": 4096})
def _folder(name: str, value: object) -> str:
    """An absolute path, or empty."""
    return value if value == "" else absolute_path(name, value)


_QUOTA = integer(UNLIMITED, 2**62)
_SECRET = text(LONGEST)
_ROLE = one_of(*Role)

_CHANGES = (
    Param("role", _ROLE, None),
    Param("password", _SECRET, None),
    Param("download_dir", _folder, None),
    Param("labels", labels, None),
    Param("own_only", boolean, None),
    Param("torrent_quota", _QUOTA, None),
    Param("size_quota", _QUOTA, None),
)

_COLUMNS = {
    "role": "role",
    "download_dir": "folder",
    "labels": "labels",
    "own_only": "own_only",
    "torrent_quota": "most_torrents",
    "size_quota": "most_bytes",
}
"""What the params are called in a row."""


class UserMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `user`."""

    def __init__(
        self,
        api: SessionApi,
        selection: Selection,
        accounts: Accounts,
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._api = api
        self._selection = selection
        self._wrong: Counter[str] = Counter()
        """Old passwords that were not right, since one was: a key alone must not find it out."""
        self._accounts = accounts
        self._wall_clock = wall_clock

    @takes(Param("name", user_name), *_CHANGES, strict=True)
    async def jsonrpc_add(self, name: str, **changes: Any) -> JsonObject:
        """Add a user; without a password it has only keys."""
        if changes["role"] is None:
            raise refuse("role is missing")
        empty = UserRow(name, "", "", "", (), False, None, None, self._wall_clock())
        await self._accounts.add_user(empty._replace(**await self._values(changes)))
        return {}

    @takes(Param("name", user_name), *_CHANGES, strict=True)
    async def jsonrpc_set(self, name: str, **changes: Any) -> JsonObject:
        """Change a user; an empty password takes it away."""
        self._accounts.user(name)
        values = await self._values(changes)
        self._wrong.pop(name, None)
        await self._accounts.change_user(self._accounts.user(name)._replace(**values))
        return {}

    @takes(Param("name", user_name))
    async def jsonrpc_remove(self, name: str) -> JsonObject:
        """Remove a user and the keys; the torrents stay."""
        await self._accounts.remove_user(name)
        return {}

    @takes(Param("name", user_name), Param("ids", ids))
    async def jsonrpc_give(self, name: str, ids: Ids) -> JsonObject:
        """Have torrents be a user's."""
        if self._accounts.of_user(name) is None:
            raise AccountError(f"there is no user {name!r}")
        for torrent in self._selection.one_by_one(ids):
            await self._api.change(torrent, TorrentChanges(owner=name))
        return {}

    @takes()
    async def jsonrpc_list(self) -> JsonObject:
        """The users, by name."""
        return {"users": [_user_row(user) for user in self._accounts.users()]}

    @takes()
    async def jsonrpc_self(self) -> JsonObject:
        """Who calls, and what that user may."""
        identity = current_caller().identity
        own = [torrent for torrent in self._api.torrents() if torrent.owner == identity.user]
        return {
            "name": identity.user,
            "role": str(identity.role),
            "key": identity.key,
            "download_dir": self._api.settings.download_dir,
            "labels": list(identity.given_labels),
            "sees_all": identity.sees_all,
            "torrent_count": len(own),
            "torrent_quota": _quota(identity.most_torrents),
            "size": sum(torrent.size_when_done for torrent in own),
            "size_quota": _quota(identity.most_bytes),
        }

    @takes(Param("old", _SECRET), Param("new", _SECRET), strict=True)
    async def jsonrpc_password(self, old: str, new: str) -> JsonObject:
        """Change one's own password."""
        identity = current_caller().identity
        if not self._accounts.has_user(identity.user):
            raise NotPermittedError("only users that were added have a password")
        if self._wrong[identity.user] >= MAX_TRIES:
            raise NotPermittedError("too many wrong ones: an admin can set it")
        self._wrong[identity.user] += 1
        if await self._accounts.of_password(identity.user, old) is None:
            raise NotPermittedError("the old password is not the right one")
        del self._wrong[identity.user]
        kept = await self._accounts.hashed(new)
        await self._accounts.change_user(self._accounts.user(identity.user)._replace(password=kept))
        return {}

    async def _values(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        values = {
            column: changes[param]
            for param, column in _COLUMNS.items()
            if changes[param] is not None
        }
        for column in ("most_torrents", "most_bytes"):
            if values.get(column) == UNLIMITED:
                values[column] = None
        if (password := changes["password"]) is not None:
            values["password"] = await self._accounts.hashed(password) if password else ""
        return values


class KeyMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `api_key`."""

    def __init__(self, accounts: Accounts, wall_clock: Callable[[], float]) -> None:
        super().__init__()
        self._accounts = accounts
        self._wall_clock = wall_clock

    @takes(
        Param("name", text(100)),
        Param("user", user_name, None),
        Param("role", _ROLE, None),
        Param("labels", labels, ()),
        Param("days", integer(0, MOST_DAYS), 0),
        strict=True,
    )
    async def jsonrpc_key_add(
        self, name: str, user: str | None, role: str | None, labels: tuple[str, ...], days: int
    ) -> JsonObject:
        """A new key of a user, shown this once; 0 days are for ever."""
        now = self._wall_clock()
        whose = user or current_caller().identity.user
        known = self._accounts.of_user(whose)
        if known is None:
            raise AccountError(f"there is no user {whose[:64]!r}")
        expires = now + days * SECONDS_A_DAY if days else 0.0
        secret, key = await self._accounts.add_key(
            KeyRow(0, whose, name, role or str(known.role), labels, b"", now, expires)
        )
        return {"key": secret, **_key_row(key)}

    @takes()
    async def jsonrpc_key_list(self) -> JsonObject:
        """The keys without their secrets, the oldest first."""
        keys = self._accounts.all_keys()
        return {"keys": [_key_row(key, self._accounts.used_at(key)) for key in keys]}

    @takes(Param("id", integer(1, 2**53)))
    async def jsonrpc_key_remove(self, id: int) -> JsonObject:
        """Revoke a key."""
        await self._accounts.remove_key(id)
        return {}


def _user_row(user: UserRow) -> JsonObject:
    return {
        "name": user.name,
        "role": user.role,
        "has_password": bool(user.password),
        "download_dir": user.folder,
        "labels": list(user.labels),
        "own_only": user.own_only,
        "torrent_quota": _quota(user.most_torrents),
        "size_quota": _quota(user.most_bytes),
        "created_date": int(user.created_at),
    }


def _key_row(key: KeyRow, used_at: float = 0.0) -> JsonObject:
    return {
        "id": key.id,
        "name": key.name,
        "user": key.user,
        "role": key.role,
        "labels": list(key.labels),
        "created_date": int(key.created_at),
        "expires_date": int(key.expires_at),
        "used_date": int(used_at),
    }


def _quota(limit: int | None) -> int:
    return UNLIMITED if limit is None else limit
