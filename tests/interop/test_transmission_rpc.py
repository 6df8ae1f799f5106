"""transmission-rpc, the Python library that scripts and the *arrs' tools use, drives a p2pd."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from peers.payload import libtorrent_content
from peers.processes import wait_until

try:
    import transmission_rpc
except ImportError:
    transmission_rpc = None


@pytest.fixture
def client(new_p2pd):
    if transmission_rpc is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("transmission-rpc is not installed, and CI must run every interop test")
        pytest.skip("transmission-rpc is not installed")
    node = new_p2pd()
    token = (node.state_folder / "control-token").read_text().strip()
    return node, transmission_rpc.Client(port=node.control_port, username="p2pd", password=token)


@pytest.fixture
def folder(work):
    """Two files, as a torrent."""
    place = work / "original" / "two files"
    place.mkdir(parents=True)
    for name, size in (("a.bin", 300_000), ("b.bin", 200_000)):
        (place / name).write_bytes(os.urandom(size))
    return libtorrent_content(place, "v1")


def test_it_adds_lists_changes_moves_and_removes(client, folder, work):
    node, remote = client
    added = remote.add_torrent(
        folder.torrent.read_bytes(), download_dir=str(folder.folder), labels=["new"],
        bandwidth_priority=-1, paused=True,
    )  # fmt: skip
    remote.start_torrent(added.hash_string)
    node.hash_string = added.hash_string
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    (torrent,) = remote.get_torrents()
    assert (torrent.name, torrent.progress, torrent.status.value) == ("two files", 100, "seeding")
    assert (torrent.labels, torrent.queue_position) == (["new"], 0)
    assert torrent.get("bandwidthPriority") == -1
    assert [(file.name, file.size) for file in torrent.get_files()] == [
        ("two files/a.bin", 300_000), ("two files/b.bin", 200_000),
    ]  # fmt: skip

    remote.change_torrent(
        torrent.id, files_unwanted=[1], priority_high=[0], download_limit=70, download_limited=True,
        labels=["kept", "seen"], peer_limit=9, bandwidth_priority=1, group="slow",
        tracker_list=[["http://127.0.0.1:1/a"], ["http://127.0.0.1:2/a"]],
    )  # fmt: skip
    torrent = remote.get_torrent(torrent.id)
    assert [(file.selected, file.priority) for file in torrent.get_files()] == [
        (True, 1),
        (False, 0),
    ]
    assert (torrent.labels, torrent.get("group")) == (["kept", "seen"], "slow")
    assert (torrent.get("downloadLimit"), torrent.get("downloadLimited")) == (70, True)
    assert [tracker.announce for tracker in torrent.trackers] == [
        "http://127.0.0.1:1/a", "http://127.0.0.1:2/a"
    ]  # fmt: skip
    remote.change_torrent(torrent.id, tracker_remove=[torrent.trackers[0].id])
    assert len(remote.get_torrent(torrent.id).trackers) == 1

    remote.move_torrent_data(torrent.id, work / "elsewhere")
    wait_until(
        lambda: remote.get_torrent(torrent.id).download_dir == str(work / "elsewhere"),
        20, "the move", details=node.state,
    )  # fmt: skip
    wait_until(lambda: node.torrent("move")["move"] is None, 20, "its end", details=node.state)
    assert (work / "elsewhere" / "two files" / "a.bin").stat().st_size == 300_000
    remote.rename_torrent_path(torrent.id, "two files", "renamed")
    assert remote.get_torrent(torrent.id).name == "renamed"
    remote.remove_torrent(torrent.id, delete_data=True)
    assert remote.get_torrents() == []
    node.check_healthy()


def test_it_knows_every_field_of_the_session_and_sets_queues_and_groups(client):
    node, remote = client
    session = remote.get_session()
    for name in (
        "alt_speed_down", "cache_size_mib", "config_dir", "download_dir",
        "download_queue_enabled", "download_queue_size", "peer_port", "queue_stalled_enabled",
        "queue_stalled_minutes", "rpc_version", "seed_queue_enabled", "seed_queue_size",
        "speed_limit_down", "start_added_torrents", "trash_original_torrent_files", "utp_enabled",
        "version",
    ):  # fmt: skip
        assert getattr(session, name) is not None, name
    remote.set_session(
        download_queue_enabled=True,
        download_queue_size=1,
        default_trackers=["http://127.0.0.1:1/a"],
    )
    assert node.call("session_get", fields=["default_trackers"]) == {
        "default_trackers": "http://127.0.0.1:1/a"
    }
    session = remote.get_session()
    assert (session.download_queue_enabled, session.download_queue_size) == (True, 1)
    remote.set_group("slow", speed_limit_up=20, speed_limit_up_enabled=True)
    assert remote.get_group("slow").speed_limit_up == 20
    assert list(remote.get_groups()) == ["slow"]
    assert not remote.port_test()
    assert remote.free_space(session.download_dir) > 0
    assert remote.session_stats().torrent_count == 0
    node.check_healthy()


def test_it_moves_torrents_in_the_queue_and_starts_them_now(client):
    node, remote = client
    remote.set_session(download_queue_enabled=True, download_queue_size=1)
    ids = [
        remote.add_torrent(f"magnet:?xt=urn:btih:{number:040x}").id for number in (10, 11, 12)
    ]  # fmt: skip

    def statuses():
        return [remote.get_torrent(id_).status.value for id_ in ids]

    waits = "download pending"
    assert statuses() == ["downloading", waits, waits]
    remote.queue_top(ids[2])
    remote.queue_down(ids[0])
    assert [remote.get_torrent(id_).queue_position for id_ in ids] == [2, 1, 0]
    remote.stop_torrent(ids[0])
    wait_until(lambda: statuses() == ["stopped", waits, "downloading"], 5, "the next one")
    remote.start_torrent_now(ids[1])
    assert statuses() == ["stopped", "downloading", "downloading"]
    assert remote.get_torrent(ids[0]).seconds_downloading < timedelta(minutes=1).total_seconds()
    node.check_healthy()
