"""Users and keys outlive the process, and nobody becomes somebody else by damage."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from p2pd.state.accounts import AccountStore, KeyRow, Rows, UserRow
from p2pd.state.salvage import Salvage
from tests.state.database_tests import DatabaseTestCase

BOB = UserRow("bob", "operator", "scrypt$1", "/bob", ("a", "ü"), True, 3, 2**40, 1.5)
EVE = UserRow("eve", "read-only", "", "", (), False, None, None, 2.0)
KEY = KeyRow(0, "bob", "phone", "add-only", ("x",), b"\x01" * 32, 3.0, 4.0)


class AccountTests(DatabaseTestCase):
    async def test_they_come_back_as_they_were(self) -> None:
        store = AccountStore(self.database)
        await store.save_user(EVE)
        await store.save_user(BOB)
        kept = await store.add_key(KEY)
        assert kept == KEY._replace(id=1)
        assert await AccountStore(self.reopened()).load() == Rows([BOB, EVE], [kept])

    async def test_what_changes_and_what_goes(self) -> None:
        store = AccountStore(self.database)
        await store.save_user(BOB)
        await store.save_user(EVE)
        first, second = await store.add_key(KEY), await store.add_key(KEY._replace(user="eve"))
        await store.save_user(EVE._replace(role="admin"))
        await store.remove_user("bob")
        assert await store.load() == Rows([EVE._replace(role="admin")], [second])
        await store.remove_key(second.id)
        again = await store.add_key(KEY)
        assert again.id > second.id > first.id

    async def test_a_row_that_changed_by_itself_is_left_behind(self) -> None:
        store = AccountStore(self.database)
        for user in (BOB, EVE):
            await store.save_user(user)
        await store.add_key(KEY)
        self.database.close()
        with closing(sqlite3.connect(self.database.path)) as connection:
            connection.execute("UPDATE users SET role = 'admin' WHERE name = 'eve'")
            connection.execute("UPDATE api_keys SET user = 'eve'")
            connection.commit()
        salvage = Salvage(self.database.path)
        self.addCleanup(salvage.close)
        assert [row[0] for row in salvage.rows("users")] == ["bob"]
        assert list(salvage.rows("api_keys")) == []
