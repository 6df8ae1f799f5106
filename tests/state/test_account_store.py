"""Users and keys outlive the process, and nobody becomes somebody else by damage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from p2pd.state.accounts import AccountStore, KeyRow, Rows, UserRow
from p2pd.state.audit import AuditEntry, AuditQuestion, AuditStore
from p2pd.state.resume import TorrentRecord, TorrentStore
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

    async def test_a_damaged_database_leaves_users_keys_and_the_audit_log(self) -> None:
        await AccountStore(self.database).save_user(BOB)
        key = await AccountStore(self.database).add_key(KEY)
        entry = AuditEntry(0, 1.5, "bob", "", "192.0.2.1", "user_set", "", "{}", "ok")
        await AuditStore(self.database).add(entry)
        record = TorrentRecord(b"1" * 20, None, "a", "/data/7", magnet="magnet:", owner="bob")
        await TorrentStore(self.database).add(record)
        self.database.close()
        path = Path(self.database.path)
        assert path.read_bytes().count(b"/data/7") == 1
        path.write_bytes(path.read_bytes().replace(b"/data/7", b"/data/8"))
        database = self.reopened()
        assert [row.owner for row in await TorrentStore(database).load_all()] == ["bob"]
        assert "set aside" in database.notice
        assert await AccountStore(database).load() == Rows([BOB], [key])
        assert await AuditStore(database).read(AuditQuestion(9)) == [entry._replace(id=1)]

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
