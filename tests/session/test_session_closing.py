"""The end of a session with many torrents: few jobs for the disk, and no waiting for trackers."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import StateError, StorageError
from p2pd.session.session_closing import BATCH, FAREWELL_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import InlineDisk, MemoryNetwork, MemoryStore, OneDisk, SimNode, make_torrent

MANY = 2 * BATCH + 1


class CountingDisk(InlineDisk):
    """Counts the jobs that are handed to it."""

    jobs = 0

    def run(self, kind: str, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.jobs += 1
        return super().run(kind, job, *args)


@pytest.fixture
def disk(network: MemoryNetwork) -> CountingDisk:
    return CountingDisk(network.clock, seconds=0.001)


@pytest.fixture
def node(network: MemoryNetwork, disk: CountingDisk) -> SimNode:
    return SimNode(network, "10.0.0.2", disks=OneDisk(disk))


def many(node: SimNode) -> list[Torrent]:
    made = []
    for number in range(MANY):
        contents = {f"{number}.bin": number.to_bytes(2) * 100}
        made.append(node.put(make_torrent(contents, name=f"torrent {number}"), contents))
    return made


def test_many_torrents_are_recorded_in_few_jobs(node: SimNode, disk: CountingDisk) -> None:
    torrents = many(node)
    assert not any(row.clean for row in node.store.rows.values())
    before = disk.jobs
    node.stop()
    assert all(row.clean for row in node.store.rows.values())
    assert all(row.file_states for row in node.store.rows.values())
    assert not any(torrent.running for torrent in torrents)
    assert disk.jobs - before <= MANY // BATCH + 1


def test_one_torrent_that_cannot_be_looked_at_harms_no_other(
    node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrents = many(node)

    def refuse() -> None:
        raise StorageError("Input/output error")

    monkeypatch.setattr(node.storage(torrents[3]), "sync", refuse)
    node.stop()
    unclean = [row.id for row in node.store.rows.values() if not row.clean]
    assert unclean == [torrents[3].record.id]


def test_what_is_recorded_does_not_wait_for_trackers(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrents = many(node)
    ended: list[int] = []

    def never(number: int) -> Callable[[], Deferred[None]]:
        return lambda: Deferred(lambda _: ended.append(number))

    for number, torrent in enumerate(torrents):
        monkeypatch.setattr(torrent.trackers.announcer, "stop", never(number))
    stopping = Deferred.fromCoroutine(node.session.stop())
    network.run(1)
    assert all(row.clean for row in node.store.rows.values())
    assert not stopping.called
    network.run(FAREWELL_SECONDS)
    assert stopping.called
    assert len(ended) == MANY


def test_a_record_that_the_database_refuses_is_said_and_ends_the_stop_all_the_same(
    network: MemoryNetwork,
) -> None:
    store = MemoryStore()
    node = SimNode(network, "10.0.0.2", store=store)
    node.put(make_torrent({"a": b"a" * 100}), {"a": b"a" * 100})
    store.fault = StateError("the state database is read only")
    node.stop()
    assert not any(row.clean for row in store.rows.values())


def test_so_many_torrents_say_farewell_at_a_time(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd.session.session_closing.FAREWELLS", 10)
    saying: list[Deferred[None]] = []

    def slowly() -> Deferred[None]:
        saying.append(Deferred())
        return saying[-1]

    for torrent in many(node):
        monkeypatch.setattr(torrent.trackers.announcer, "stop", slowly)
    stopping = Deferred.fromCoroutine(node.session.stop())
    network.run(1)
    assert len(saying) == 10
    for said in saying[:4]:
        said.callback(None)
    assert len(saying) == 14
    while any(not said.called for said in saying):
        next(said for said in saying if not said.called).callback(None)
    assert len(saying) == MANY
    network.run(1)
    assert stopping.called
