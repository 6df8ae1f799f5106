"""Bans outlive the process; an older database gets their table."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from importlib import resources
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from p2pd.state.bans import BanStore
from p2pd.state.database import Database
from p2pd.swarm.bans import Ban

HOST = Ban("192.0.2.1", 0, b"", "it sent bad blocks: 3 of piece 7", 1.5, 100.25)
PEER = Ban("2001:db8::1", 6881, b"-XX0001-\x00\xff..........", "by hand", 2.5, None)


class BanTests(TestCase):
    """Each with a database in a folder of its own."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def opened(self) -> Database:
        database = Database(reactor, self.folder)
        database.open()
        self.addCleanup(database.close)
        return database

    async def test_they_come_back_as_they_were_the_oldest_first(self) -> None:
        database = self.opened()
        await BanStore(database).change([], [PEER, HOST])
        database.close()
        assert await BanStore(self.opened()).load() == [HOST, PEER]

    async def test_those_that_are_lifted_are_gone_and_new_ones_replace_them(self) -> None:
        store = BanStore(self.opened())
        await store.change([], [HOST, PEER])
        again = HOST._replace(reason="again", until=None)
        await store.change([PEER], [again])
        assert await store.load() == [again]
        await store.change([again, PEER], [])
        assert await store.load() == []

    async def test_a_database_from_before_bans_gets_their_table(self) -> None:
        with sqlite3.connect(Path(self.folder) / "state.db") as connection:
            folder = resources.files("p2pd.state.schemas")
            scripts = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
            before = scripts[: scripts.index("0005_bans.sql")]
            for number, name in enumerate(before, 1):
                script = folder.joinpath(name).read_text("utf-8")
                connection.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")
        store = BanStore(self.opened())
        assert await store.load() == []
        await store.change([], [HOST])
        assert await store.load() == [HOST]
