"""Good peers outlive the process and go with their torrent."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.state.good_peers import GoodPeerStore
from p2pd.state.resume import TorrentRecord, TorrentStore
from p2pd.swarm.good_peers import GoodPeer
from tests.state.database_tests import DatabaseTestCase

ONE = GoodPeer(PeerAddress("10.0.0.1", 6881), 1.5, 2**40, 7, 60.25)
TWO = GoodPeer(PeerAddress("2001:db8::1", 51413), 2.5, 0, 2**50, 1.0)


class GoodPeerTests(DatabaseTestCase):
    async def added(self) -> int:
        record = TorrentRecord(hash_v1=b"1" * 20, hash_v2=None, name="t", download_dir="/d")
        await TorrentStore(self.database).add(record)
        return record.id

    async def test_they_come_back_to_their_own_torrent(self) -> None:
        first, second, third = [await self.added() for _ in range(3)]
        store = GoodPeerStore(self.database)
        await store.save(first, [ONE, TWO])
        await store.save(second, [TWO])
        store = GoodPeerStore(self.reopened())
        assert sorted(await store.load(first)) == [ONE, TWO]
        assert await store.load(second) == [TWO]
        assert await store.load(third) == []

    async def test_they_replace_those_that_were_there(self) -> None:
        id_ = await self.added()
        store = GoodPeerStore(self.database)
        assert await store.load(id_) == []
        await store.save(id_, [ONE])
        await store.save(id_, [TWO])
        assert await store.load(id_) == [TWO]

    async def test_torrents_that_have_none_do_not_ask_the_database(self) -> None:
        first, second, third = [await self.added() for _ in range(3)]
        await GoodPeerStore(self.database).save(first, [ONE])
        store = GoodPeerStore(self.database)
        await store.open()
        await store.save(second, [TWO])
        assert await store.load(first) == [ONE]
        assert await store.load(second) == [TWO]
        self.database.close()
        assert self.successResultOf(store.load(third)) == []

    async def test_they_go_with_their_torrent_and_do_not_come_after_it(self) -> None:
        id_ = await self.added()
        store = GoodPeerStore(self.database)
        await store.save(id_, [ONE])
        await TorrentStore(self.database).remove(id_)
        assert await store.load(id_) == []
        await store.save(id_, [ONE])
        assert await store.load(id_) == []
