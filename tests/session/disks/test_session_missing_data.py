"""Volumes that are unmounted and come back: nothing verified is given up, nothing is made there."""

from __future__ import annotations

import pytest

from p2pd.base.errors import DiskFaultError, ReadOnlyError, StorageError
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.storage.interfaces import FileState
from p2pd.storage.memory_storage import MemoryStorage
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.disks.volume_node import (
    FOLDER,
    LOOK,
    MOUNTED,
    PIECE,
    PIECES,
    TORRENTS,
    Node,
    OnVolume,
    count,
    half,
    is_missing,
    recorded,
    seeding,
    started,
)

# -- at a start ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_start_without_the_volume_gives_nothing_up_and_goes_on_when_it_is_back(
    network: MemoryNetwork, node: Node, bare: bool
) -> None:
    seeding(node)
    node.stop()
    node.unmount(bare=bare)
    again, torrent = node.restarted()
    assert is_missing(torrent)
    assert count(torrent) == PIECES
    assert again.announcers[-1].events == [], "nobody is told of what cannot be had"
    network.run(10 * LOOK)
    assert is_missing(torrent)
    third, torrent = again.restarted()
    assert is_missing(torrent)
    assert recorded(third, torrent) == PIECES
    assert node.volume.made == []
    third.mount()
    network.run(LOOK + 2)
    assert TorrentReport(torrent).status is TorrentStatus.SEEDING
    assert TorrentReport(torrent).error_string == ""
    assert count(torrent) == PIECES
    assert node.volume.read == [], "nothing was hashed"
    assert third.announcers[-1].events == ["started"]


def test_a_paused_torrent_stays_paused_when_its_data_is_back(
    network: MemoryNetwork, node: Node
) -> None:
    network.result(seeding(node).stop())
    network.result(node.session.store.save(next(iter(node.session.torrents)).record))
    node.stop()
    node.unmount()
    again, torrent = node.restarted()
    assert is_missing(torrent)
    again.mount()
    network.run(LOOK + 2)
    assert not torrent.missing.why
    assert not torrent.running
    assert count(torrent) == PIECES
    assert node.volume.read == []


def test_nothing_recorded_is_nothing_missing(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    node.add(TORRENTS["a"])
    _, torrent = node.restarted()
    assert torrent.running


def test_files_that_changed_while_they_were_away_are_checked(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding(node)
    node.stop()
    node.unmount()
    again, torrent = node.restarted()
    changed = [FileState(PIECES * PIECE, 2)]
    again.storage(torrent).pieces[3] = bytes(PIECE)
    monkeypatch.setattr(MemoryStorage, "file_states", lambda self: changed)
    again.mount()
    network.run(LOOK + 2)
    assert count(torrent) == PIECES - 1
    assert torrent.running


def test_a_disk_that_cannot_tell_what_is_there_takes_nothing_off_the_record(
    network: MemoryNetwork, node: Node, seed: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = recorded(node, half(node, seed))
    node.stop()
    fault = DiskFaultError(f"{FOLDER}/data: Input/output error")

    def fails(storage: OnVolume) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(OnVolume, "file_states", fails)
        again = started(network, node.volume, store=node.store, disk=node.disk)
        again.mount()
        network.run(1)
        (torrent,) = again.session.torrents
        assert torrent.error == str(fault)
        third, torrent = again.restarted()
        assert torrent.error == str(fault)
    assert recorded(third, torrent) == here
    node.volume.read.clear()
    network.result(torrent.start())
    assert torrent.running
    assert count(torrent) == here
    assert node.volume.read == [], "nothing is hashed again"


# -- while it runs -------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_seed_whose_volume_goes_waits_and_seeds_again(
    network: MemoryNetwork, node: Node, bare: bool
) -> None:
    torrent = seeding(node)
    told: list[str] = []
    node.control.events.listen(lambda event: told.append(event.kind))
    node.unmount(bare=bare)
    network.run(LOOK + 2)
    assert is_missing(torrent)
    assert node.announcers[-1].events[-1] == "stopped"
    network.run(100)
    assert told == ["missing"]
    node.mount()
    network.run(LOOK + 2)
    assert told == ["missing", "back"]
    assert torrent.running
    assert TorrentReport(torrent).error_string == ""
    assert (node.volume.read, node.volume.made) == ([], [])
    assert count(torrent) == PIECES


def test_one_that_is_asked_for_data_notices_at_once(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = seeding(node)
    node.unmount(bare=True)
    other = SimNode(network, "10.0.0.3")
    other.connect(other.add(TORRENTS["a"]), node.address)
    network.run(3)
    assert is_missing(torrent)
    assert recorded(node, torrent) == PIECES


def test_a_download_keeps_what_is_recorded_and_goes_on(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = half(node, seed)
    here = recorded(node, torrent)
    assert here >= PIECES // 2
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run(0.005)
    node.unmount(bare=True)
    network.run(5)
    assert is_missing(torrent)
    assert count(torrent) == recorded(node, torrent) >= here
    assert node.session.budget.used == 0
    node.mount()
    network.run(LOOK + 2)
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    assert node.volume.made == []
    network.run(15)
    assert recorded(node, torrent) == PIECES


def test_a_stop_of_the_daemon_while_it_is_missing_leaves_the_record_as_it_is(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    seeding(node)
    again, torrent = node.restarted()
    again.unmount()
    network.run(LOOK + 2)
    assert is_missing(torrent)
    states = again.store.rows[torrent.record.id].file_states
    assert states
    again.stop()
    row = again.store.rows[torrent.record.id]
    assert row.clean, "nothing was written since the record was closed"
    assert row.file_states == states
    assert recorded(again, torrent) == PIECES


def test_a_folder_that_is_on_another_device_is_opened_anew(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network drive that was mounted again between two looks."""
    monkeypatch.setattr("p2pd.session.torrents.resting.REST_SECONDS", 1e6)
    torrent = seeding(node)
    before = torrent.content
    node.folders[FOLDER] = MOUNTED._replace(root=(8, 1))
    network.run(LOOK + 2)
    assert torrent.running
    assert torrent.content is not before
    assert count(torrent) == PIECES
    assert node.volume.read == []
    node.folders[FOLDER] = MOUNTED._replace(root=(8, 2))
    before = torrent.content
    network.run(LOOK + 2)
    assert torrent.content is before, "an inode alone means little"


def test_a_volume_that_goes_right_after_the_start_is_noticed(
    network: MemoryNetwork, node: Node
) -> None:
    """The first look at its folder must not take what is there then for what it was."""
    seeding(node)
    node.stop()
    again = started(network, node.volume, store=node.store, disk=node.disk)
    again.mount()
    network.run(0.5)
    again.unmount(bare=True)
    network.run(LOOK + 2)
    (torrent,) = again.session.torrents
    assert is_missing(torrent)


def test_a_new_download_is_not_begun_where_its_volume_was(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = node.add(TORRENTS["a"])
    network.run(2)
    node.unmount(bare=True)
    network.run(LOOK + 2)
    assert "data is not there" in torrent.missing.why
    network.run(3 * LOOK)
    assert torrent.missing.why
    node.mount()
    network.run(LOOK + 2)
    assert torrent.running
    assert node.volume.made == []


def test_other_trouble_is_no_missing_volume(network: MemoryNetwork, node: Node) -> None:
    torrent = seeding(node)
    torrent.storage_failed(StorageError("/downloads/data: Permission denied"))
    network.run(1)
    assert torrent.error == "/downloads/data: Permission denied"
    assert not torrent.missing.why


def test_what_was_recorded_stays_when_a_sync_finds_no_disk(
    network: MemoryNetwork, node: Node, seed: SimNode
) -> None:
    torrent = half(node, seed)
    here = recorded(node, torrent)
    network.result(torrent.start())
    node.connect(torrent, seed.address)
    network.run_until(torrent.is_complete)
    node.storage(torrent).sync_fault = DiskFaultError("/downloads/data: Input/output error")
    node.unmount()
    network.run(15)
    assert is_missing(torrent)
    assert recorded(node, torrent) == here
    node.storage(torrent).sync_fault = None
    node.mount()
    network.run(LOOK + 2)
    assert count(torrent) == PIECES
    assert len(set(node.volume.read)) == PIECES - here, "what was not recorded is hashed"


def test_a_new_download_waits_until_its_folder_can_be_made(
    network: MemoryNetwork, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: OnVolume) -> None:
        raise ReadOnlyError(f"{FOLDER}: Read-only file system")

    node.folders[FOLDER] = MOUNTED._replace(read_only=True)
    with monkeypatch.context() as patched:
        patched.setattr(OnVolume, "prepare", refuse)
        patched.setattr(OnVolume, "same_folder", lambda storage: False)
        torrent = node.add(TORRENTS["a"])
        network.run(3 * LOOK)
        assert "Read-only file system" in torrent.missing.why
        node.mount()
        assert not torrent.running
    network.run(LOOK + 2)
    assert torrent.running
