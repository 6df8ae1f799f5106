"""Hooks and letters to their servers outlive the process, and damage as far as they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.state.database import Database
from p2pd.state.hooks import CommandRow, HookStore, LetterRow
from tests.state.damaged import opened, result


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return opened(tmp_path)


def letter(id_: int, hook: int, tries: int = 0) -> LetterRow:
    return LetterRow(id_, hook, "done", '{"a": "ä"}', 1.5, tries, 2.5, "no", 0)


def test_they_come_back_as_they_were(tmp_path: Path, database: Database) -> None:
    store = HookStore(database)
    hook = result(store.add({"name": "a"}))
    result(store.save(hook, {"name": "ä", "command": ["/bin/x"]}))
    result(store.save_letters([letter(2, hook), letter(1, hook)]))
    result(store.save_letters([letter(2, hook, tries=3)]))
    database.close()
    rows = result(HookStore(opened(tmp_path)).load())
    assert rows.hooks == {hook: {"name": "ä", "command": ["/bin/x"]}}
    assert rows.letters == [letter(1, hook), letter(2, hook, tries=3)]


def test_commands_come_back_until_they_have_ended(tmp_path: Path, database: Database) -> None:
    store = HookStore(database)
    rows = [CommandRow(id_, 0, "own", '{"A": "ä"}', 1) for id_ in (1, 2)]
    result(store.save_commands(rows))
    result(store.save_commands([rows[1]._replace(tries=2)]))
    result(store.forget_commands([1]))
    database.close()
    assert result(HookStore(opened(tmp_path)).load()).commands == [rows[1]._replace(tries=2)]


def test_what_is_removed_is_gone(database: Database) -> None:
    store = HookStore(database)
    hook, other = result(store.add({})), result(store.add({}))
    result(store.save_letters([letter(1, hook), letter(2, other), letter(3, other)]))
    result(store.remove(hook))
    result(store.save_letters([letter(4, hook)]))
    result(store.forget_letters([2]))
    rows = result(store.load())
    assert list(rows.hooks) == [other]
    assert [row.id for row in rows.letters] == [3]


def test_they_are_salvaged_but_for_a_command_of_which_a_letter_changed(
    tmp_path: Path, database: Database
) -> None:
    store = HookStore(database)
    hook = result(store.add({"command": ["/bin/good"]}))
    result(store.add({"command": ["/bin/letter-X"]}))
    result(store.save_letters([letter(1, hook)]))
    told = CommandRow(1, hook, "c", '{"DIR": "/good"}', 1)
    result(store.save_commands([told, CommandRow(2, hook, "c", '{"DIR": "/letter-X"}', 1)]))
    database.close()
    path = tmp_path / "state.db"
    path.write_bytes(path.read_bytes().replace(b"letter-X", b"letter-Y"))
    database = opened(tmp_path)
    rows = result(HookStore(database).load())
    assert "set aside" in database.notice
    assert rows.hooks == {hook: {"command": ["/bin/good"]}}
    assert rows.commands == [told]
    assert rows.letters == [letter(1, hook)]


@pytest.mark.parametrize("change", ["hook = '{'", "row_sum = NULL", "hook = '{}'"])
def test_a_row_that_makes_no_sense_is_damage(database: Database, change: str) -> None:
    store = HookStore(database)
    result(store.add({"name": "x"}))
    connection = database._connection
    assert connection is not None
    connection.execute(f"UPDATE hooks SET {change}")
    assert result(store.load()).hooks == {}
    assert "hooks" in database.notice
