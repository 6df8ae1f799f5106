"""Hooks, and letters to webhooks that are to be sent: their tables."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from twisted.internet.defer import Deferred

from p2pd.state.database import Database
from p2pd.state.row_types import checked, sum_of

Values = Mapping[str, Any]


class LetterRow(NamedTuple):
    """A letter to the server of a hook. Times are Unix seconds."""

    id: int
    hook: int
    event: str
    body: str
    at: float
    tries: int
    next_at: float
    problem: str
    dead: int


class CommandRow(NamedTuple):
    """A command that has not ended; `hook` is 0 for that of a hook that no client set."""

    id: int
    hook: int
    name: str
    """The hook's."""
    environment: str
    """What it is told, as JSON."""
    tries: int
    """How often it was begun, or was to be."""


class HookRows(NamedTuple):
    """All there is: hooks by their ids, letters of these, and commands, the oldest first."""

    hooks: dict[int, Values]
    letters: list[LetterRow]
    commands: list[CommandRow]


class HookStore:
    """Their tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Deferred[HookRows]:
        """All of them."""
        return self._database.run(_load)

    def add(self, hook: Values) -> Deferred[int]:
        """A new one; its id."""
        return self._database.run(_add, json.dumps(hook))

    def save(self, id_: int, hook: Values) -> Deferred[None]:
        """One as it is now."""
        return self._database.run(_save, id_, json.dumps(hook))

    def remove(self, id_: int) -> Deferred[None]:
        """One with its letters."""
        return self._database.run(_remove, id_)

    def save_letters(self, rows: Iterable[LetterRow]) -> Deferred[None]:
        """Letters that are new or stand otherwise, if their hooks are there."""
        return self._database.run(_save_letters, list(rows))

    def forget_letters(self, ids: Iterable[int]) -> Deferred[None]:
        """They are sent, or of no use."""
        return self._database.run(_forget_letters, list(ids))

    def save_commands(self, rows: Iterable[CommandRow]) -> Deferred[None]:
        """Commands that are new or were begun once more."""
        return self._database.run(_save_commands, list(rows))

    def forget_commands(self, ids: Iterable[int]) -> Deferred[None]:
        """They have ended."""
        return self._database.run(_forget_commands, list(ids))


def _load(cursor: sqlite3.Cursor) -> HookRows:
    cursor.execute("SELECT id, hook, row_sum FROM hooks ORDER BY id")
    rows = [checked("hooks", row) for row in cursor.fetchall()]
    hooks = {id_: json.loads(hook) for id_, hook, _ in rows}
    cursor.execute("SELECT * FROM hook_letters WHERE hook IN (SELECT id FROM hooks) ORDER BY id")
    letters = [LetterRow(*checked("hook_letters", row)) for row in cursor.fetchall()]
    cursor.execute("SELECT * FROM hook_commands ORDER BY id")
    commands = [CommandRow(*checked("hook_commands", row)[:-1]) for row in cursor.fetchall()]
    return HookRows(hooks, letters, commands)


def _add(cursor: sqlite3.Cursor, hook: str) -> int:
    cursor.execute("INSERT INTO hooks VALUES (NULL, ?, ?)", [hook, sum_of((hook,))])
    return cursor.lastrowid or 0


def _save(cursor: sqlite3.Cursor, id_: int, hook: str) -> None:
    values = [hook, sum_of((hook,)), id_]
    cursor.execute("UPDATE hooks SET hook = ?, row_sum = ? WHERE id = ?", values)


def _remove(cursor: sqlite3.Cursor, id_: int) -> None:
    cursor.execute("DELETE FROM hook_letters WHERE hook = ?", [id_])
    cursor.execute("DELETE FROM hooks WHERE id = ?", [id_])


def _save_letters(cursor: sqlite3.Cursor, rows: Sequence[LetterRow]) -> None:
    cursor.executemany(
        "INSERT OR REPLACE INTO hook_letters SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
        " WHERE EXISTS (SELECT 1 FROM hooks WHERE id = ?2)",
        rows,
    )


def _forget_letters(cursor: sqlite3.Cursor, ids: Sequence[int]) -> None:
    cursor.executemany("DELETE FROM hook_letters WHERE id = ?", [(id_,) for id_ in ids])


def _save_commands(cursor: sqlite3.Cursor, rows: Sequence[CommandRow]) -> None:
    cursor.executemany(
        "INSERT OR REPLACE INTO hook_commands VALUES (?, ?, ?, ?, ?, ?)",
        [(*row, sum_of(row[1:])) for row in rows],
    )


def _forget_commands(cursor: sqlite3.Cursor, ids: Sequence[int]) -> None:
    cursor.executemany("DELETE FROM hook_commands WHERE id = ?", [(id_,) for id_ in ids])
