"""Trusted nodes, and bans of nodes, outlive the process."""

from __future__ import annotations

import pytest

from p2pd.state.bans import BanStore
from p2pd.state.damage import DamagedError
from p2pd.state.row_types import checked, sum_of
from p2pd.state.trusted_nodes import TrustedNodeStore
from p2pd.swarm.bans import Ban
from p2pd.swarm.trusted_nodes import TrustedNode
from tests.state.database_tests import DatabaseTestCase

FRIEND = TrustedNode(b"f" * 32, "friend", 1.5, "192.0.2.1")
OTHER = TrustedNode(b"o" * 32, "", 0.5)
HOST = Ban("192.0.2.1", 0, b"", "it lied", 1.5, 100.25)
NODE = Ban("", 0, b"", "by hand", 1.0, None, b"n" * 32)


class TrustedNodeTests(DatabaseTestCase):
    async def test_they_come_back_as_they_were_the_oldest_first(self) -> None:
        await TrustedNodeStore(self.database).change([], [FRIEND, OTHER])
        assert await TrustedNodeStore(self.reopened()).load() == [OTHER, FRIEND]

    async def test_they_are_changed_and_forgotten(self) -> None:
        store = TrustedNodeStore(self.database)
        await store.change([], [FRIEND, OTHER])
        renamed = FRIEND._replace(name="best friend", host="::1")
        await store.change([OTHER.key, b"x" * 32], [renamed])
        assert await store.load() == [renamed]

    async def test_bans_of_nodes_are_kept_beside_those_of_hosts(self) -> None:
        store = BanStore(self.database)
        other = NODE._replace(node_key=b"m" * 32, since=2.0)
        await store.change([], [HOST, NODE, other])
        assert await BanStore(self.reopened()).load() == [NODE, HOST, other]
        store = BanStore(self.database)
        await store.change([NODE], [])
        assert await store.load() == [HOST, other]
        await store.change([HOST, other], [])
        assert await store.load() == []


def test_a_key_that_changed_is_nobodys() -> None:
    row = (*FRIEND, sum_of(FRIEND))
    assert checked("trusted_nodes", row) == row
    with pytest.raises(DamagedError):
        checked("trusted_nodes", (b"g" * 32, *row[1:]))
