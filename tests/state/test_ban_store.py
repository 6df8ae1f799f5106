"""Bans outlive the process."""

from __future__ import annotations

from p2pd.state.bans import BanStore
from p2pd.swarm.bans import Ban
from tests.state.database_tests import DatabaseTestCase

HOST = Ban("192.0.2.1", 0, b"", "it sent bad blocks: 3 of piece 7", 1.5, 100.25)
PEER = Ban("2001:db8::1", 6881, b"-XX0001-\x00\xff..........", "by hand", 2.5, None)


class BanTests(DatabaseTestCase):
    async def test_they_come_back_as_they_were_the_oldest_first(self) -> None:
        await BanStore(self.database).change([], [PEER, HOST])
        assert await BanStore(self.reopened()).load() == [HOST, PEER]

    async def test_those_that_are_lifted_are_gone_and_new_ones_replace_them(self) -> None:
        store = BanStore(self.database)
        await store.change([], [HOST, PEER])
        again = HOST._replace(reason="again", until=None)
        await store.change([PEER], [again])
        assert await store.load() == [again]
        await store.change([again, PEER], [])
        assert await store.load() == []
