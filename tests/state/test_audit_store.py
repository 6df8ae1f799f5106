"""The audit log outlives the process, and has a bound."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from p2pd.state import audit
from p2pd.state.audit import AuditEntry, AuditQuestion, AuditStore
from tests.state.database_tests import DatabaseTestCase

ENTRY = AuditEntry(0, 1.5, "bob", "phone", "192.0.2.1", "torrent_stop", "[1]", "{}", "ok")
ALL = AuditQuestion(1000)


class AuditTests(DatabaseTestCase):
    async def test_the_latest_come_first_after_a_restart_too(self) -> None:
        store = AuditStore(self.database)
        await store.add(ENTRY)
        await store.add(ENTRY._replace(user="eve", method="user_add", ids=""))
        first, second = (
            ENTRY._replace(id=1),
            ENTRY._replace(id=2, user="eve", method="user_add", ids=""),
        )
        store = AuditStore(self.reopened())
        assert await store.read(ALL) == [second, first]
        assert await store.read(AuditQuestion(1)) == [second]
        assert await store.read(AuditQuestion(9, before=2)) == [first]
        assert await store.read(AuditQuestion(9, user="bob")) == [first]
        assert await store.read(AuditQuestion(9, method="user_add", user="eve")) == [second]
        assert await store.read(AuditQuestion(9, user="nobody")) == []

    async def test_the_oldest_make_room(self) -> None:
        self.patch(audit, "MOST", 10)
        store = AuditStore(self.database)
        await gatherResults([store.add(ENTRY) for _ in range(25)])
        assert [entry.id for entry in await store.read(ALL)] == [*range(25, 15, -1)]
