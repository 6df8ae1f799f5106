"""A restore of a backup into a running session: what is not here is added, what is here stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.session.state_backups import AT_ONCE, Restored, StateBackups
from p2pd.session.torrents.torrent_adding import TorrentAdding
from p2pd.state.backups import BackupFolder
from p2pd.state.row_types import sum_of
from p2pd.swarm.good_peers import GoodPeer
from p2pd.swarm.trusted_nodes import TrustedNode
from p2pd.testing import SimNode
from tests.state.damaged import chosen, filled, magnet_record, torrent_record


class Restoring:
    """A node, and what a restore told it besides torrents and bans."""

    def __init__(self, node: SimNode, folder: Path) -> None:
        self.node = node
        self.settings: dict[str, Any] = {}
        self.totals: dict[str, int] = {}
        self.good_peers: dict[int, list[GoodPeer]] = {}
        node.session.peer_memory = self  # type: ignore[assignment]
        self.backups = StateBackups(
            node.session,
            TorrentAdding(node.session),
            BackupFolder(str(folder)),
            self._change_settings,
            self.totals.update,
        )

    async def _change_settings(self, changes: Any) -> None:
        if "unknown" in changes:
            raise P2pdError("there is no such setting")
        self.settings.update(changes)

    async def save(self, torrent: int, peers: list[GoodPeer]) -> None:
        """See PeerMemory."""
        self.good_peers[torrent] = peers

    def load(self, torrent: int) -> Any:
        """See PeerMemory."""
        done: Deferred[list[GoodPeer]] = Deferred()
        done.callback([])
        return done

    def restore(self, name: str) -> Restored:
        restored = self.node.network.result(self.backups.restore(name))
        assert isinstance(restored, Restored)
        return restored


def backup_of(folder: Path, records: list[Any]) -> str:
    folder.mkdir(exist_ok=True)
    filled(folder, records)
    return BackupFolder(str(folder)).make(1_700_000_000.0).name


@pytest.fixture
def restoring(node: SimNode, tmp_path: Path) -> Restoring:
    return Restoring(node, tmp_path)


def test_torrents_come_back_as_they_were_chosen_and_are_not_believed(
    restoring: Restoring, tmp_path: Path
) -> None:
    records = [torrent_record(1), torrent_record(2, paused=True), magnet_record(3)]
    name = backup_of(tmp_path, records)
    assert restoring.restore(name) == Restored(added=3, here=0)
    rows = list(restoring.node.store.rows.values())
    assert [chosen(row) for row in rows] == [chosen(record) for record in records]
    assert not any(row.pieces and any(row.pieces) for row in rows)
    assert restoring.settings == {"upload_slots": 7}
    assert restoring.totals == {"uploaded": 12345}
    assert [ban.host for ban in restoring.node.session.bans.in_force] == ["192.0.2.1"]
    peer = GoodPeer(PeerAddress("192.0.2.2", 6881), 1.5, 7, 8, 9.5)
    assert restoring.good_peers == {1: [peer]}


def test_what_is_here_stays_as_it_is(restoring: Restoring, tmp_path: Path) -> None:
    ours = torrent_record(2)
    here = restoring.node.add(ours.torrent or b"", labels=("ours",), download_dir="/ours")
    name = backup_of(tmp_path, [torrent_record(1), ours])
    assert restoring.restore(name) == Restored(added=1, here=1)
    assert (here.record.labels, here.record.download_dir) == (("ours",), "/ours")
    assert restoring.restore(name) == Restored(added=0, here=2)


def test_more_torrents_than_are_in_memory_at_a_time(restoring: Restoring, tmp_path: Path) -> None:
    count = 2 * AT_ONCE + 1
    name = backup_of(tmp_path, [magnet_record(number + 1) for number in range(count)])
    assert restoring.restore(name) == Restored(added=count, here=0)


def test_a_second_restore_waits_for_nobody_and_says_so(
    restoring: Restoring, tmp_path: Path
) -> None:
    name = backup_of(tmp_path, [torrent_record(1)])
    first = Deferred.fromCoroutine(restoring.backups.restore(name))
    with pytest.raises(P2pdError, match="is being restored already"):
        restoring.restore(name)
    restoring.node.network.result(first)
    assert restoring.restore(name) == Restored(added=0, here=1)


def test_the_copy_that_is_read_is_gone_even_when_an_add_is_refused(
    restoring: Restoring, tmp_path: Path
) -> None:
    name = backup_of(tmp_path, [torrent_record(1)])
    restoring.node.store.fault = P2pdError("the database is gone")  # type: ignore[assignment]
    with pytest.raises(P2pdError, match="the database is gone"):
        restoring.restore(name)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [name]
    restoring.node.store.fault = None
    assert restoring.restore(name) == Restored(added=1, here=0)


def test_nodes_that_were_trusted_or_banned_are_again(restoring: Restoring, tmp_path: Path) -> None:
    filled(tmp_path, [])
    friend = TrustedNode(b"\x07" * 32, "friend", 1.5, "192.0.2.9")
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        rows = [(*friend, sum_of(friend)), (b"\x08" * 32, "damaged", 1.5, "", 1)]
        connection.executemany("INSERT INTO trusted_nodes VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO node_bans VALUES (?, 'it lied', 1.5, NULL)", [b"\x09" * 32])
        connection.commit()
    restoring.restore(BackupFolder(str(tmp_path)).make(1_700_000_000.0).name)
    session = restoring.node.session
    assert list(session.nodes.trusted) == [friend]
    assert session.bans.in_force.covers("", node_key=b"\x09" * 32)
    assert list(restoring.node.trusted_nodes.rows) == [friend.key]
