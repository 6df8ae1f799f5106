"""Users and their keys: who somebody is that shows a key, or a name and a password.

What was verified by scrypt is remembered for a while, by a digest that is of no use elsewhere, so
that a client that logs in with every poll costs it once. How much of it is under way is bounded.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredSemaphore

from p2pd.base.errors import ConfigError, P2pdError
from p2pd.control.access import passwords
from p2pd.control.access.caller import OWNER, Identity
from p2pd.control.access.roles import Role, covers
from p2pd.state.accounts import KeyRow, Rows, UserRow

MOST_USERS = 1000
MOST_KEYS = 5000
KEY_BYTES = 32
KEY_PREFIX = "p2pd_"
"""So that a key is known for what it is where one turns up."""

REMEMBERED = 512
REMEMBERED_SECONDS = 300.0
AT_ONCE = 2
WAITING = 32
"""Passwords that are looked at, and that wait for it."""

MOST_LOOKING = AT_ONCE + WAITING

InThread = Callable[..., Awaitable[Any]]


class AccountError(P2pdError):
    """What cannot be done with users and keys; a sentence for who asked."""


class TooBusyError(P2pdError):
    """More passwords wait to be looked at than may."""


class AccountMemory(Protocol):
    """Where they are kept (state.accounts.AccountStore)."""

    def load(self) -> Awaitable[Rows]:
        """All of them. Raises StateError, as the others do."""

    def save_user(self, user: UserRow) -> Awaitable[None]:
        """Keep a user, or what changed of one."""

    def remove_user(self, name: str) -> Awaitable[None]:
        """Forget a user, and the keys."""

    def add_key(self, key: KeyRow) -> Awaitable[KeyRow]:
        """Keep a key; it comes back with its id."""

    def remove_key(self, id_: int) -> Awaitable[None]:
        """Forget a key."""


class Accounts:
    """All of them, in memory; `token` is the key of the first admin, None: everybody is it."""

    def __init__(
        self,
        token: str | None,
        *,
        in_thread: InThread,
        wall: Callable[[], float],
        memory: AccountMemory | None = None,
    ) -> None:
        """Without a `memory` they are forgotten. Raises ConfigError for a token that is empty."""
        if token is not None and not token:
            raise ConfigError("the control token is empty")
        self.open_to_all = token is None
        self._token = None if token is None else _digest(token)
        self._wall = wall
        self._memory = memory
        self._users: dict[str, UserRow] = {}
        self._keys: dict[bytes, KeyRow] = {}
        self._used: dict[bytes, float] = {}
        self._verified = _Verified(in_thread, wall)

    async def open(self) -> None:
        """Bring back what is kept. Raises StateError."""
        if self._memory is not None:
            rows = await self._memory.load()
            self._users = {user.name: user for user in rows.users}
            self._keys = {key.digest: key for key in rows.keys}

    # -- who it is -----------------------------------------------------------------------------

    def of_secret(self, secret: str) -> Identity | None:
        """Who shows this key, or the token."""
        digest = _digest(secret)
        if self._token is not None and hmac.compare_digest(digest, self._token):
            return Identity(OWNER, Role.ADMIN)
        key = self._keys.get(digest)
        if key is None or (key.expires_at and self._wall() >= key.expires_at):
            return None
        whose = self.of_user(key.user)
        self._used[digest] = self._wall()
        return None if whose is None else _narrowed(whose, key)

    def of_user(self, name: str) -> Identity | None:
        """A user by name: whoever asks has made sure that it is the one."""
        if name == OWNER:
            return Identity(OWNER, Role.ADMIN)
        user = self._users.get(name)
        return None if user is None or user.role not in [*Role] else _identity(user)

    def remembered(self, name: str, password: str) -> Identity | None:
        """Who it is, if that was found out lately."""
        user = self._users.get(name)
        if user is None or not self._verified.knows(name, password, user.password):
            return None
        return self.of_user(name)

    async def of_password(self, name: str, password: str) -> Identity | None:
        """Who it is; looks in a thread. Raises TooBusyError."""
        user = self._users.get(name)
        kept = "" if user is None else user.password
        right = await self._verified.look(name, password, kept)
        # It may have been changed while the thread looked.
        now = self._users.get(name)
        return self.of_user(name) if right and now is not None and now.password == kept else None

    @property
    def looking(self) -> int:
        """Passwords that are being looked at, and that wait for it."""
        return self._verified.looking

    def looks_at(self, name: str, password: str) -> bool:
        """Whether a thread looks at just that."""
        user = self._users.get(name)
        return self._verified.looks_at(name, password, "" if user is None else user.password)

    def has_user(self, name: str) -> bool:
        """Whether there is such a user, who may log in with a password."""
        return name in self._users

    # -- changing them -------------------------------------------------------------------------

    def users(self) -> list[UserRow]:
        """All of them, by name."""
        return [self._users[name] for name in sorted(self._users)]

    def user(self, name: str) -> UserRow:
        """One of them. Raises AccountError."""
        if name not in self._users:
            raise AccountError(f"there is no user {name[:64]!r}")
        return self._users[name]

    def all_keys(self) -> list[KeyRow]:
        """All of them, the oldest first."""
        return sorted(self._keys.values(), key=lambda key: key.id)

    def used_at(self, key: KeyRow) -> float:
        """When a key was shown last, in Unix seconds; 0: not since the start."""
        return self._used.get(key.digest, 0.0)

    async def hashed(self, password: str) -> str:
        """What is kept of a password; in a thread. Raises AccountError, TooBusyError."""
        if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
            raise AccountError(
                f"a password has from {passwords.SHORTEST} to {passwords.LONGEST} characters"
            )
        kept: str = await self._verified.in_turn(passwords.hashed, password)
        return kept

    async def add_user(self, user: UserRow) -> None:
        """Keep a new one. Raises AccountError, StateError."""
        if user.name in self._users or user.name == OWNER:
            raise AccountError(f"there is a user {user.name!r} already")
        if len(self._users) >= MOST_USERS:
            raise AccountError(f"there are {MOST_USERS} users, and no more can be added")
        await self.change_user(user)

    async def change_user(self, user: UserRow) -> None:
        """Keep what changed of one. Raises StateError."""
        if self._memory is not None:
            await self._memory.save_user(user)
        self._users[user.name] = user

    async def remove_user(self, name: str) -> None:
        """Forget one and the keys. Raises AccountError, StateError."""
        self.user(name)
        if self._memory is not None:
            await self._memory.remove_user(name)
        self._users.pop(name, None)
        for digest in [digest for digest, key in self._keys.items() if key.user == name]:
            del self._keys[digest]
            self._used.pop(digest, None)

    async def add_key(self, key: KeyRow) -> tuple[str, KeyRow]:
        """A new key, which is told this once. Raises AccountError, StateError."""
        whose = self.of_user(key.user)
        if whose is None:
            raise AccountError(f"there is no user {key.user[:64]!r}")
        if not covers(whose.role, Role(key.role)):
            raise AccountError(f"{key.user} is {whose.role}, and no key can be more")
        if len(self._keys) >= MOST_KEYS:
            raise AccountError(f"there are {MOST_KEYS} keys: remove some first")
        secret = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        made = key._replace(digest=_digest(secret), id=self._next_id())
        if self._memory is not None:
            made = await self._memory.add_key(made)
        self._keys[made.digest] = made
        return secret, made

    async def remove_key(self, id_: int) -> KeyRow:
        """Revoke one. Raises AccountError, StateError."""
        key = next((key for key in self._keys.values() if key.id == id_), None)
        if key is None:
            raise AccountError(f"there is no key {id_}")
        if self._memory is not None:
            await self._memory.remove_key(id_)
        self._keys.pop(key.digest, None)
        self._used.pop(key.digest, None)
        return key

    async def restore(self, rows: Rows) -> None:
        """Add what is in a backup and not here. Raises StateError."""
        names = {user.name for user in rows.users} - {*self._users, OWNER}
        for user in rows.users:
            if user.name in names and len(self._users) < MOST_USERS:
                await self.change_user(user)
        for key in rows.keys:
            known = key.user in names and key.user in self._users
            if known and key.digest not in self._keys and len(self._keys) < MOST_KEYS:
                kept = key if self._memory is None else await self._memory.add_key(key)
                self._keys[kept.digest] = kept

    def _next_id(self) -> int:
        return max((key.id for key in self._keys.values()), default=0) + 1


class _Verified:
    """Passwords that were found right, and those that are being looked at."""

    def __init__(self, in_thread: InThread, wall: Callable[[], float]) -> None:
        self._in_thread = in_thread
        self._wall = wall
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._under_way: dict[bytes, list[Deferred[bool]]] = {}
        self._places = DeferredSemaphore(AT_ONCE)

    def knows(self, name: str, password: str, kept: str) -> bool:
        """Whether it was found right with what is kept now."""
        until = self._known.get(self._digest(name, password, kept))
        return until is not None and self._wall() < until

    @property
    def looking(self) -> int:
        """How many are looked at, and wait for it."""
        return AT_ONCE - self._places.tokens + len(self._places.waiting)

    def looks_at(self, name: str, password: str, kept: str) -> bool:
        """Whether it is being looked at."""
        return self._digest(name, password, kept) in self._under_way

    async def look(self, name: str, password: str, kept: str) -> bool:
        """Whether it is right; the same one is looked at once at a time."""
        digest = self._digest(name, password, kept)
        if digest in self._under_way:
            waiting: Deferred[bool] = Deferred()
            self._under_way[digest].append(waiting)
            return bool(await waiting)
        others: list[Deferred[bool]] = []
        self._under_way[digest] = others
        right: bool = False
        try:
            right = await self.in_turn(passwords.matches, password, kept)
        finally:
            del self._under_way[digest]
            if right:
                self._remember(digest)
            for other in others:
                other.callback(right)
        return right

    async def in_turn(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do it in a thread, few at a time. Raises TooBusyError."""
        if len(self._places.waiting) >= WAITING:
            raise TooBusyError("too many log in at this moment: try again in a moment")
        await self._places.acquire()
        try:
            return await self._in_thread(work, *args)
        finally:
            self._places.release()

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = self._wall() + REMEMBERED_SECONDS
        self._known.move_to_end(digest)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _digest(self, *parts: str) -> bytes:
        keyed = hmac.new(self._secret, digestmod="sha256")
        for part in parts:
            data = part.encode()
            keyed.update(b"%d:%b" % (len(data), data))
        return keyed.digest()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _identity(user: UserRow) -> Identity:
    return Identity(
        user.name,
        Role(user.role),
        folder=user.folder,
        own_only=user.own_only,
        labels=user.labels,
        most_torrents=user.most_torrents,
        most_bytes=user.most_bytes,
    )


def _narrowed(whose: Identity, key: KeyRow) -> Identity | None:
    """What the key may: never more than its user, whose role may be another one by now."""
    if key.role not in [*Role]:
        return None
    role = Role(key.role) if covers(whose.role, Role(key.role)) else whose.role
    return Identity(
        whose.user,
        role,
        key.name,
        whose.folder,
        whose.own_only or whose.role is Role.ADD_ONLY,
        whose.labels,
        key.labels,
        whose.most_torrents,
        whose.most_bytes,
    )
