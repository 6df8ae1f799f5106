"""Users of the control API and their keys. What they may do is not known here.

Passwords come as what scrypt made of them, keys as their digests. A row carries a checksum: one
letter that changed must not make another role of a role.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Iterable, NamedTuple, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked, sum_of

KEY_FIELDS = "user, name, role, labels, digest, created_at, expires_at, row_sum"


class UserRow(NamedTuple):
    """A user. Times are Unix seconds."""

    name: str
    role: str
    password: str
    """What is kept of it; empty: there is none, and nobody logs in with one."""
    folder: str
    """Where the user's downloads go, and nowhere else; empty: the session's folder."""
    labels: tuple[str, ...]
    own_only: bool
    most_torrents: int | None
    most_bytes: int | None
    created_at: float

    def __repr__(self) -> str:
        """Without what is kept of the password."""
        return f"UserRow(name={self.name!r}, role={self.role!r})"


class KeyRow(NamedTuple):
    """A key of a user."""

    id: int
    """0 until it is kept."""
    user: str
    name: str
    role: str
    labels: tuple[str, ...]
    digest: bytes
    created_at: float
    expires_at: float
    """0: never."""


class Rows(NamedTuple):
    """Both tables."""

    users: list[UserRow]
    keys: list[KeyRow]


class AccountStore:
    """Their tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[Rows]:
        """All of them."""
        return self._database.run(_load)

    def save_user(self, user: UserRow) -> Deferred[None]:
        """Keep a user, or what changed of one."""
        return self._database.run(_save_user, user)

    def remove_user(self, name: str) -> Deferred[None]:
        """Forget a user, and all keys with it."""
        return self._database.run(_remove_user, name)

    def add_key(self, key: KeyRow) -> Deferred[KeyRow]:
        """Keep a key; it comes back with its id."""
        return self._database.run(_add_key, key)

    def remove_key(self, id_: int) -> Deferred[None]:
        """Forget a key."""
        return self._database.run(_remove_key, id_)


def rows_of(users: Iterable[Sequence[object]], keys: Iterable[Sequence[object]]) -> Rows:
    """What is in rows of the two tables. Raises DamagedError."""
    return Rows([_user(row) for row in users], [_key(row) for row in keys])


def _load(cursor: sqlite3.Cursor) -> Rows:
    users = cursor.execute("SELECT * FROM users ORDER BY name").fetchall()
    return rows_of(users, cursor.execute("SELECT * FROM api_keys ORDER BY id").fetchall())


def _user(row: Sequence[object]) -> UserRow:
    user = UserRow(*checked("users", row)[:-1])
    return user._replace(labels=_labels(user.labels), own_only=bool(user.own_only))


def _key(row: Sequence[object]) -> KeyRow:
    key = KeyRow(*checked("api_keys", row)[:-1])
    return key._replace(labels=_labels(key.labels))


def _labels(text: object) -> tuple[str, ...]:
    return tuple(json.loads(str(text)))


def _save_user(cursor: sqlite3.Cursor, user: UserRow) -> None:
    row = user._replace(
        labels=json.dumps(user.labels),  # type: ignore[arg-type]
        own_only=int(user.own_only),  # type: ignore[arg-type]
        created_at=float(user.created_at),
    )
    marks = ", ".join("?" * (len(row) + 1))
    cursor.execute(f"INSERT OR REPLACE INTO users VALUES ({marks})", [*row, sum_of(row)])


def _remove_user(cursor: sqlite3.Cursor, name: str) -> None:
    cursor.execute("DELETE FROM users WHERE name = ?", [name])
    cursor.execute("DELETE FROM api_keys WHERE user = ?", [name])


def _add_key(cursor: sqlite3.Cursor, key: KeyRow) -> KeyRow:
    row = key._replace(
        labels=json.dumps(key.labels),  # type: ignore[arg-type]
        created_at=float(key.created_at),
        expires_at=float(key.expires_at),
    )[1:]
    marks = ", ".join("?" * (len(row) + 1))
    cursor.execute(f"INSERT INTO api_keys ({KEY_FIELDS}) VALUES ({marks})", [*row, sum_of(row)])
    assert cursor.lastrowid is not None
    return key._replace(id=cursor.lastrowid)


def _remove_key(cursor: sqlite3.Cursor, id_: int) -> None:
    cursor.execute("DELETE FROM api_keys WHERE id = ?", [id_])
