"""What the DHT knows outlives the process, in bounds, and without what makes no sense."""

from __future__ import annotations

import sqlite3
from typing import Any

from p2pd.base.addresses import PeerAddress
from p2pd.state.dht_nodes import MOST_IDS, MOST_NODES, DhtNodeStore, SavedDht
from tests.state.database_tests import DatabaseTestCase

ID = b"abcdefghij0123456789"
NODES = [
    (ID, PeerAddress("192.0.2.1", 6881)),
    (bytes(20), PeerAddress("2001:db8::1", 1)),
]


def many(prefix: str, count: int) -> list[tuple[bytes, PeerAddress]]:
    return [(ID, PeerAddress(f"{prefix}{number:x}", 6881)) for number in range(1, count + 1)]


class DhtNodeStoreTests(DatabaseTestCase):
    async def load(self, *statements: tuple[str, list[Any]]) -> SavedDht:
        """What is loaded after these were done to the tables."""

        def work(cursor: sqlite3.Cursor) -> None:
            for statement, values in statements:
                cursor.execute(statement, values)

        await self.database.run(work)
        return await DhtNodeStore(self.database).load()

    async def test_it_comes_back_as_it_was(self) -> None:
        saved = SavedDht({"0.0.0.0": ID, "::": bytes(20)}, NODES)
        await DhtNodeStore(self.database).save(saved)
        found = await DhtNodeStore(self.reopened()).load()
        assert dict(found.own_ids) == dict(saved.own_ids)
        assert sorted(found.nodes) == sorted(NODES)

    async def test_nothing_was_saved_yet(self) -> None:
        found = await DhtNodeStore(self.database).load()
        assert (found.own_ids, found.nodes) == ({}, [])

    async def test_what_is_saved_takes_the_place_of_all_before(self) -> None:
        store = DhtNodeStore(self.database)
        await store.save(SavedDht({"0.0.0.0": ID}, NODES))
        await store.save(SavedDht({"::": ID}, NODES[:1]))
        found = await store.load()
        assert (found.own_ids, found.nodes) == ({"::": ID}, NODES[:1])

    async def test_each_family_has_its_bound_and_the_ids_too(self) -> None:
        store = DhtNodeStore(self.database)
        v6, v4 = many("2001:db8::", MOST_NODES + 5), many("192.0.2.", 9)
        ids = {f"10.0.0.{number}": ID for number in range(MOST_IDS + 3)}
        await store.save(SavedDht(ids, v6 + v4))
        found = await store.load()
        assert len(found.own_ids) == MOST_IDS
        assert {address for _, address in found.nodes} == {
            address for _, address in v6[:MOST_NODES] + v4
        }

    async def test_rows_that_make_no_sense_are_left_out(self) -> None:
        await DhtNodeStore(self.database).save(SavedDht({"::": ID}, NODES))
        node = "INSERT INTO dht_nodes VALUES (?, ?, ?)"
        found = await self.load(
            (node, ["192.0.2.2", 6881, ID[:19]]),
            (node, ["192.0.2.3", 0, ID]),
            (node, ["192.0.2.4", 65536, ID]),
            (node, ["192.0.2.05", 6881, ID]),
            (node, ["router.test", 6881, ID]),
            (node, ["2001:DB8::5", 6881, ID]),
            (node, ["192.0.2.6", 6881, "twenty letters of it"]),
            (node, [b"192.0.2.7", 6881, ID]),
            (node, ["192.0.2.8", "six", ID]),
            ("INSERT INTO dht_own_ids VALUES (?, ?)", ["0.0.0.0", b"short"]),
            ("INSERT INTO dht_own_ids VALUES (?, ?)", ["10.0.0.1", 5]),
        )
        assert sorted(found.nodes) == sorted(NODES)
        assert found.own_ids == {"::": ID}
