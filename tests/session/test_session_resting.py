"""Torrents at rest: when they come to it, what wakes them, and that nobody can tell."""

from __future__ import annotations

from typing import Any, Sequence

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.errors import StateError
from p2pd.protocols.peerwire.messages import Interested
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.first_looks import AT_ONCE, PER_SECOND
from p2pd.session.torrents.resting import REST_SECONDS
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.state.resume import Opening
from p2pd.storage.interfaces import FileState
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import MemoryNetwork, MemoryStore, ScriptedPeer, SimNode, make_torrent

CONTENTS = {"a/one.mkv": bytes(range(256)) * 300, "a/two.txt": b"words " * 4000}


TORRENT = make_torrent(CONTENTS, name="some", piece_length=32 * 1024)
LEECHER, SEED = "10.0.0.3", "10.0.0.2"


@pytest.fixture
def seed(network: MemoryNetwork) -> SimNode:
    return SimNode(network, SEED)


def at_rest(network: MemoryNetwork, node: SimNode) -> Torrent:
    """A torrent that has everything, and that nobody has used for long."""
    torrent = node.put(TORRENT, CONTENTS)
    network.run(REST_SECONDS + 5)
    assert torrent.resting
    assert not torrent.has_parts
    return torrent


def restarted(network: MemoryNetwork, node: SimNode) -> tuple[SimNode, Torrent]:
    node.stop()
    again = SimNode(network, SEED, store=node.store, disk=node.disk)
    (torrent,) = again.session.torrents
    return again, torrent


def shown(node: SimNode, torrent: Torrent) -> TorrentReport:
    view = node.control.find(torrent.record.id)
    assert isinstance(view, TorrentReport)
    return view


def download(network: MemoryNetwork, seed: SimNode, torrent: Torrent) -> None:
    """A leecher dials the seed, and gets everything."""
    leecher = SimNode(network, LEECHER)
    wanted = leecher.add(TORRENT)
    leecher.connect(wanted, seed.address)
    network.run_until(wanted.is_complete, limit=20)
    assert not torrent.resting
    leecher.stop()


# -- coming to rest ------------------------------------------------------------------------------


def test_it_rests_when_nobody_has_used_it_for_a_minute(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = seed.put(TORRENT, CONTENTS)
    network.run(REST_SECONDS - 5)
    assert not torrent.resting
    network.run(10)
    assert torrent.resting
    assert (torrent.record.torrent, torrent.record.file_states) == (None, None)
    row = seed.store.rows[torrent.record.id]
    assert (row.torrent, row.clean) == (TORRENT, True)
    assert row.file_states
    assert row.is_whole
    assert seed.announcers[-1].events == ["started"], "it is announced as before"


def test_neither_one_with_peers_nor_one_that_lacks_something_rests(
    network: MemoryNetwork, seed: SimNode
) -> None:
    lacking = seed.add(make_torrent({"other": bytes(40_000)}))
    torrent = seed.put(TORRENT, CONTENTS)
    peer = ScriptedPeer(network, LEECHER, torrent.info_hashes.wire_ids[0])
    peer.dial(seed.address)
    peer.send(Interested())
    network.run(1.5 * REST_SECONDS)
    assert len(torrent.connected) == 1
    assert not torrent.resting
    assert not lacking.resting
    peer.hang_up()
    network.run(REST_SECONDS + 5)
    assert torrent.resting
    assert not lacking.resting


def test_what_lists_show_stays_the_same(network: MemoryNetwork, seed: SimNode) -> None:
    names = [
        "name", "status", "total_size", "size_when_done", "left_until_done", "have_valid",
        "percent_done", "percent_complete", "metadata_percent_complete", "pieces", "summary",
        "magnet_link", "availability", "error_string", "peer_limit", "rate_upload",
    ]  # fmt: skip

    def values() -> list[Any]:
        found = [getattr(shown(seed, torrent), name) for name in names]
        return [value() if callable(value) else value for value in found]

    torrent = seed.put(TORRENT, CONTENTS)
    network.result(seed.control.change(shown(seed, torrent), TorrentChanges(files_unwanted=(0,))))
    before = values()
    network.run(REST_SECONDS + 5)
    assert torrent.resting
    assert values() == before
    assert not torrent.has_parts


def test_all_files_can_be_chosen_of_one_that_rests(network: MemoryNetwork, seed: SimNode) -> None:
    """Nobody knows how many they are before it is awake."""
    torrent = seed.put(TORRENT, CONTENTS)
    network.result(seed.control.change(shown(seed, torrent), TorrentChanges(files_unwanted=(0,))))
    for changes, wanted in ((TorrentChanges(files_wanted=()), True), (
        TorrentChanges(files_unwanted=(), priority_high=()), False
    )):  # fmt: skip
        network.run(REST_SECONDS + 5)
        assert torrent.resting
        network.result(seed.control.change(shown(seed, torrent), changes))
        files = network.result(seed.control.detailed(shown(seed, torrent))).files()
        assert [file.wanted for file in files] == [wanted] * len(CONTENTS)
    assert [file.priority for file in files] == [1] * len(CONTENTS)


def test_its_files_are_shown_without_waking_it(network: MemoryNetwork, seed: SimNode) -> None:
    torrent = seed.put(TORRENT, CONTENTS)
    network.result(seed.control.change(shown(seed, torrent), TorrentChanges(priority_high=(1,))))
    before = shown(seed, torrent).files()
    assert len(before) == len(CONTENTS)
    assert network.result(seed.control.detailed(shown(seed, torrent))).files() == before
    network.run(REST_SECONDS + 5)
    assert shown(seed, torrent).files() == []
    assert network.result(seed.control.detailed(shown(seed, torrent))).files() == before
    assert torrent.resting
    assert torrent.record.torrent is None


# -- waking --------------------------------------------------------------------------------------


def test_it_serves_a_leecher_and_rests_again(network: MemoryNetwork, seed: SimNode) -> None:
    torrent = at_rest(network, seed)
    download(network, seed, torrent)
    assert torrent.record.uploaded == sum(map(len, CONTENTS.values()))
    network.run(3 * REST_SECONDS)
    assert torrent.resting
    assert seed.store.rows[torrent.record.id].uploaded == torrent.record.uploaded


def test_it_dials_a_leecher_that_somebody_tells_of(network: MemoryNetwork, seed: SimNode) -> None:
    at_rest(network, seed)
    leecher = SimNode(network, LEECHER)
    wanted = leecher.add(TORRENT)
    seed.announcers[-1].found([leecher.address], "tracker")
    network.run_until(wanted.is_complete, limit=20)


def test_a_peer_that_hangs_up_while_it_wakes_leaves_nothing(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    leecher = SimNode(network, LEECHER)
    wanted = leecher.add(TORRENT)
    leecher.connect(wanted, seed.address)
    network.run_until(lambda: torrent in seed.session.resting._waking)
    leecher.stop()
    network.run(5)
    assert not torrent.resting
    assert seed.session.connections.total == 0


def test_several_who_wake_it_make_one_content(network: MemoryNetwork, seed: SimNode) -> None:
    torrent = at_rest(network, seed)
    waking = [Deferred.fromCoroutine(seed.session.resting.wake(torrent)) for _ in range(3)]
    network.run(1)
    assert all(each.called for each in waking)
    assert torrent.content is not None
    assert torrent.record.torrent is None


def test_metadata_that_is_damaged_stops_it_with_a_sentence(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    seed.store.rows[torrent.record.id].torrent = b"garbage"
    network.result(seed.session.resting.wake(torrent))
    network.run(1)
    assert not torrent.running
    assert torrent.error.startswith("it cannot be woken:")
    seed.store.copies[torrent.record.id] = TORRENT
    network.result(torrent.start())
    download(network, seed, torrent)


# -- what users do with it -----------------------------------------------------------------------


def test_a_verify_hashes_it_and_it_goes_on(network: MemoryNetwork, seed: SimNode) -> None:
    torrent = at_rest(network, seed)
    seed.storage(torrent).pieces[1] = bytes(len(seed.storage(torrent).pieces[1]))
    network.result(torrent.verify())
    network.run(2)
    assert torrent.content is not None
    assert list(torrent.content.have.missing()) == [1]
    assert not torrent.resting
    assert torrent.running
    assert not seed.store.rows[torrent.record.id].clean, "it may be written from now on"


def test_choices_that_concern_files_wake_it(network: MemoryNetwork, seed: SimNode) -> None:
    torrent = at_rest(network, seed)
    changes = TorrentChanges(labels=("x",), download_limit=5, tracker_tiers=(("http://t.test/a",),))
    network.result(seed.control.change(shown(seed, torrent), changes))
    assert torrent.resting, "these do not"
    assert seed.announcers[-1].tiers == [("http://t.test/a",)]
    changes = TorrentChanges(files_unwanted=(0,))
    network.result(seed.control.change(shown(seed, torrent), changes))
    assert not torrent.resting
    network.run(2 * REST_SECONDS)
    assert torrent.resting
    assert shown(seed, torrent).size_when_done < shown(seed, torrent).total_size
    row = seed.store.rows[torrent.record.id]
    assert (row.labels, row.download_limit, row.torrent) == (("x",), 5, TORRENT)


def test_it_is_paused_and_started_without_being_woken(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    network.result(seed.control.stop(shown(seed, torrent)))
    assert shown(seed, torrent).status is TorrentStatus.STOPPED
    network.run(5)
    network.result(seed.control.start(shown(seed, torrent)))
    network.run(5)
    assert shown(seed, torrent).status is TorrentStatus.SEEDING
    assert torrent.resting
    assert seed.announcers[-1].events == ["started", "stopped", "started"]


@pytest.mark.parametrize("delete_data", [False, True])
def test_it_is_removed_with_or_without_its_data(
    network: MemoryNetwork, seed: SimNode, delete_data: bool
) -> None:
    torrent = at_rest(network, seed)
    storage = seed.storage(torrent)
    network.result(seed.control.remove(shown(seed, torrent), delete_data=delete_data))
    assert bool(storage.pieces) is not delete_data
    assert not seed.store.rows
    assert not list(seed.session.torrents)


# -- over a restart ------------------------------------------------------------------------------


def test_after_a_restart_it_is_listed_at_once_and_announced_after_a_look(
    network: MemoryNetwork, seed: SimNode
) -> None:
    at_rest(network, seed)
    again, torrent = restarted(network, seed)
    assert shown(again, torrent).status is TorrentStatus.SEEDING
    assert again.announcers[-1].events == []
    network.run(1)
    assert torrent.resting
    assert again.announcers[-1].events == ["started"]
    assert again.store.rows[torrent.record.id].clean, "nothing writes to its files"
    download(network, again, torrent)


def test_files_that_changed_while_nobody_looked_are_checked_before_anything_is_said(
    network: MemoryNetwork, seed: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    torrent = at_rest(network, seed)
    seed.stop()
    storage = seed.storage(torrent)
    storage.pieces[0] = bytes(len(storage.pieces[0]))
    changed = [FileState(len(data), 2) for data in CONTENTS.values()]
    monkeypatch.setattr(MemoryStorage, "file_states", lambda self: changed)
    again = SimNode(network, SEED, store=seed.store, disk=seed.disk)
    (torrent,) = again.session.torrents
    network.run_until(lambda: torrent.content is not None and not torrent.opening.busy)
    network.run(1)
    assert torrent.content is not None
    assert list(torrent.content.have.missing()) == [0]
    assert torrent.running
    assert not torrent.is_complete()


def test_after_a_crash_its_files_are_believed_if_they_are_as_they_were(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    network.result(seed.session.resting.wake(torrent))
    again = SimNode(network, "10.0.0.5", store=seed.store, disk=seed.disk)
    (torrent,) = again.session.torrents
    network.run(1)
    assert torrent.resting
    assert again.announcers[-1].events == ["started"]


def test_seconds_and_totals_of_one_at_rest_are_recorded_at_the_end(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    before = seed.store.rows[torrent.record.id].seconds_seeding
    network.run(1000)
    seed.stop()
    row = seed.store.rows[torrent.record.id]
    assert row.seconds_seeding >= before + 1000
    assert row.clean
    assert row.file_states


def test_first_looks_are_spread_out_and_begin_with_those_that_were_active_last(
    network: MemoryNetwork, seed: SimNode
) -> None:
    count = 3 * AT_ONCE
    for number in range(count):
        contents = {f"{number}.bin": bytes([number]) * 100}
        seed.put(make_torrent(contents, name=f"torrent {number}"), contents)
    seed.stop()
    for number, row in seed.store.rows.items():
        row.active_at = 1000.0 - number
    seed.store.rows[count].active_at = 5000.0
    again = SimNode(network, SEED, store=seed.store, disk=seed.disk)
    announced = []
    for _ in range(4):
        announced.append(sum(bool(each.events) for each in again.announcers))
        network.run(AT_ONCE / PER_SECOND)
    assert announced == [0, AT_ONCE, 2 * AT_ONCE, count]
    assert all(torrent.resting for torrent in again.session.torrents)
    assert again.announcers[-1].events, "the last one was among the first"


def test_looks_go_on_when_the_database_takes_its_time(
    network: MemoryNetwork, seed: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(network, seed)
    refused: list[int] = []
    openings = MemoryStore.openings

    async def refusing(store: MemoryStore, ids: Sequence[int]) -> list[Opening]:
        if not refused:
            refused.extend(ids)
            raise StateError("the disk is full")
        return await openings(store, ids)

    monkeypatch.setattr(MemoryStore, "openings", refusing)
    again, torrent = restarted(network, seed)
    network.run(5)
    assert refused == [torrent.record.id]
    assert again.announcers[-1].events == []
    network.run(10)
    assert again.announcers[-1].events == ["started"]


def test_its_metainfo_is_the_same_at_rest_and_a_magnet_has_none(
    network: MemoryNetwork, seed: SimNode
) -> None:
    torrent = at_rest(network, seed)
    resting = network.result(seed.control.metainfo(shown(seed, torrent)))
    download(network, seed, torrent)
    assert network.result(seed.control.metainfo(shown(seed, torrent))) == resting
    link = AddTorrent(magnet=f"magnet:?xt=urn:btih:{'ab' * 20}")
    magnet = network.result(seed.control.add(link)).torrent
    assert network.result(seed.control.metainfo(magnet)) is None
