"""What control asks: adding, changing, settings, finding; and what it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError, StateError
from p2pd.base.ids import InfoHashes
from p2pd.session.api import TorrentStatus
from p2pd.session.connecting.admission import Way
from p2pd.session.settings.settings_rules import checked_settings
from p2pd.session.torrents.torrent_registry import TorrentRegistry
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_requests import (
    AddProblem,
    AddTorrent,
    AddTorrentError,
    TorrentChanges,
)
from p2pd.testing import MemoryNetwork, SimNode
from p2pd.testing.torrents import make_torrent
from tests.session.small_hybrid import HASHES, PIECE, SIZE, TORRENT, report


@pytest.fixture
def node(network: MemoryNetwork) -> SimNode:
    """A session."""
    return SimNode(network, "10.0.0.1")


def refusal(node: SimNode, **request: Any) -> AddTorrentError:
    """Why this is not added."""
    with pytest.raises(AddTorrentError) as caught:
        node.network.result(node.control.add(AddTorrent(**request)))
    assert list(node.control.torrents()) == []
    assert node.store.rows == {}
    return caught.value


# -- adding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "again",
    [
        {"torrent": TORRENT},
        {"magnet": f"magnet:?xt=urn:btih:{HASHES.v1.hex()}"},  # type: ignore[union-attr]
        {"magnet": f"magnet:?xt=urn:btmh:1220{HASHES.v2.hex()}"},  # type: ignore[union-attr]
    ],
    ids=["torrent", "v1 magnet", "v2 magnet"],
)
def test_what_is_here_already_is_found(node: SimNode, again: dict[str, Any]) -> None:
    first = node.add(TORRENT)
    added = node.network.result(node.control.add(AddTorrent(**again)))
    assert added.duplicate
    assert added.torrent.id == first.record.id
    assert len(node.session.torrents) == 1
    assert node.control.summary().this_run.files_added == 1


def test_two_adds_at_once_are_one(node: SimNode) -> None:
    adding = [Deferred.fromCoroutine(node.control.add(AddTorrent(TORRENT))) for _ in range(3)]
    added = [node.network.result(one) for one in adding]
    assert sorted(one.duplicate for one in added) == [False, True, True]
    assert len({one.torrent.id for one in added}) == 1


def test_a_duplicate_brings_its_trackers(node: SimNode) -> None:
    first = node.add(TORRENT)
    assert first.trackers.tiers == (("http://t.example/a",),)
    hash_ = HASHES.hash_string
    link = f"magnet:?xt=urn:btih:{hash_}&tr=http://u.example/a&tr=http://t.example/a"
    node.network.result(node.control.add(AddTorrent(magnet=link)))
    assert first.trackers.tiers == (("http://t.example/a",), ("http://u.example/a",))
    assert node.announcers[0].tiers == list(first.trackers.tiers)
    assert node.store.rows[1].trackers == first.trackers.tiers


def test_a_link_brings_no_tracker_to_a_private_torrent(node: SimNode) -> None:
    tiers = (("http://t.example/key-1",),)
    torrent = make_torrent({"a": bytes(50_000)}, private=True, trackers=tiers)
    first = node.add(torrent)
    link = f"magnet:?xt=urn:btih:{first.info_hashes.hash_string}&tr=http://u.example/a"
    node.network.result(node.control.add(AddTorrent(magnet=link)))
    assert first.trackers.tiers == tiers
    renewed = torrent.replace(b"key-1", b"key-2")
    node.network.result(node.control.add(AddTorrent(torrent=renewed)))
    assert first.trackers.tiers == (*tiers, ("http://t.example/key-2",))


@pytest.mark.parametrize("data", [b"", b"x", b"de", b"<html>", TORRENT[:-1], TORRENT + b"x"])
def test_a_bad_torrent_is_corrupt(node: SimNode, data: bytes) -> None:
    assert refusal(node, torrent=data).problem == AddProblem.CORRUPT


@pytest.mark.parametrize(
    "uri", ["", "magnet:", "http://x/", "magnet:?xt=urn:btih:123", "magnet:?dn=x"]
)
def test_a_bad_magnet_is_unrecognized(node: SimNode, uri: str) -> None:
    assert refusal(node, magnet=uri).problem == AddProblem.UNRECOGNIZED


def test_neither_torrent_nor_magnet(node: SimNode) -> None:
    assert refusal(node).problem == AddProblem.UNRECOGNIZED


@pytest.mark.parametrize("folder", ["downloads", "../x", "/x\0y"])
def test_a_bad_folder(node: SimNode, folder: str) -> None:
    assert refusal(node, torrent=TORRENT, download_dir=folder).problem == AddProblem.PATH


@pytest.mark.parametrize("index", [-1, 3, 10**9])
@pytest.mark.parametrize(
    "which", ["files_wanted", "files_unwanted", "priority_high", "priority_low", "priority_normal"]
)
def test_a_file_index_out_of_range(node: SimNode, which: str, index: int) -> None:
    with pytest.raises(IndexError):
        node.network.result(node.control.add(AddTorrent(TORRENT, **{which: (0, index)})))
    assert len(node.session.torrents) == 0


def test_what_was_asked_for_is_kept(node: SimNode) -> None:
    torrent = node.add(
        TORRENT, paused=True, labels=("x",), sequential=True, peer_limit=7,
        download_dir="/other/./place/", files_wanted=(1,), priority_high=(1,),
    )  # fmt: skip
    row, view = node.store.rows[1], report(node, torrent)
    assert (row.paused, row.labels, row.sequential, row.peer_limit) == (True, ("x",), True, 7)
    assert row.download_dir == view.download_dir == "/other/place"
    assert [(f.wanted, f.priority) for f in view.files()] == [(False, 0), (True, 1), (False, 0)]
    assert view.status == TorrentStatus.STOPPED
    assert view.peer_limit == 7


def test_settings_decide_what_the_caller_left_open(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", start_added_torrents=False, sequential_download=True)
    torrent = node.add(TORRENT)
    assert torrent.record.paused
    assert not torrent.running
    assert torrent.record.sequential


def test_what_the_caller_says_goes_over_the_settings(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.1", start_added_torrents=False, sequential_download=True)
    torrent = node.add(TORRENT, paused=False, sequential=False)
    assert torrent.running
    assert not torrent.record.sequential


# -- finding -----------------------------------------------------------------------------------


def test_a_torrent_is_found_by_all_its_names(node: SimNode) -> None:
    torrent = node.add(TORRENT)
    assert HASHES.v1 is not None
    assert HASHES.v2 is not None
    v1, v2 = HASHES.v1.hex(), HASHES.v2.hex()
    for key in (1, v1, v1.upper(), v2, v2[:40]):
        found = node.control.find(key)
        assert isinstance(found, TorrentReport)
        assert found.torrent is torrent
    for key in (0, 2, "", "1", v1[:-1], "g" * 40, "é" * 40, v2[:-1] + "z", " " * 40):
        assert node.control.find(key) is None


def test_removed_ids_are_remembered_and_not_used_again(node: SimNode) -> None:
    network, start = node.network, node.session.wall()
    torrent = node.add(TORRENT)
    network.run(10)
    network.result(node.control.remove(report(node, torrent), delete_data=False))
    assert node.control.removed_since(start) == [1]
    network.run(10)
    assert node.control.removed_since(node.session.wall()) == []
    assert node.add(TORRENT).record.id == 2
    assert node.control.find(1) is None
    assert node.control.find(HASHES.hash_string) is not None


def test_the_registry_keeps_apart_what_shares_a_hash() -> None:
    class Stub:
        way = Way.OPEN

        def __init__(self, id_: int, hashes: InfoHashes) -> None:
            facts = {"id": id_, "owner": "bob", "labels": ("a",)}
            self.record = type("Record", (), facts)()
            self.info_hashes = hashes

    registry = TorrentRegistry()
    first: Any = Stub(1, InfoHashes(b"1" * 20, None))
    second: Any = Stub(2, InfoHashes(None, b"2" * 32))
    registry.add(first)
    registry.add(second)
    first.info_hashes = InfoHashes(b"1" * 20, b"2" * 32)
    registry.learn_hashes(first)
    assert registry.by_wire_id(b"2" * 20) is first, "it knows both, so it has the metadata"
    registry.yield_hashes(first, second)
    assert registry.by_wire_id(b"1" * 20) is registry.by_wire_id(b"2" * 20) is second
    registry.remove(first, 5.0)
    assert registry.by_wire_id(b"2" * 20) is second, "what is another's stays"
    assert registry.sharing(InfoHashes(b"1" * 20, b"2" * 32)) is second
    assert registry.sharing(InfoHashes(b"3" * 20, None)) is None
    assert len(registry) == 1
    assert registry.removed_since(5.0) == [1]
    assert registry.removed_since(5.1) == []
    assert registry.removed_since(5.0, lambda *whose: whose == ("bob", ("a",))) == [1]
    assert registry.removed_since(5.0, lambda *whose: False) == []
    registry.remove(second, 6.0)
    assert registry.by_wire_id(b"1" * 20) is registry.by_wire_id(b"2" * 20) is None


# -- changing ----------------------------------------------------------------------------------


def test_changes_are_made_and_kept(node: SimNode) -> None:
    torrent = node.add(TORRENT)
    view = report(node, torrent)
    node.network.run(5)
    changes = TorrentChanges(
        files_unwanted=(0, 2), priority_low=(1,), sequential=True, peer_limit=9, labels=("l",),
        tracker_tiers=(("udp://u.example:1",), ("http://x.example/a",)),
    )  # fmt: skip
    node.network.result(node.control.change(view, changes))
    row = node.store.rows[1]
    assert [(f.wanted, f.priority) for f in view.files()] == [(False, 0), (True, -1), (False, 0)]
    assert (row.sequential, row.peer_limit, row.labels) == (True, 9, ("l",))
    assert row.trackers == view.tracker_tiers == tuple(node.announcers[0].tiers)
    assert view.size_when_done == PIECE + 5
    assert view.edited_at == node.session.wall()
    node.network.result(node.control.change(view, TorrentChanges(files_wanted=(0,))))
    assert view.size_when_done == SIZE
    assert view.files()[1].priority == -1


def test_a_change_that_is_partly_wrong_changes_nothing(node: SimNode) -> None:
    view = report(node, node.add(TORRENT))
    with pytest.raises(IndexError):
        node.network.result(
            node.control.change(
                view, TorrentChanges(labels=("x",), files_unwanted=(0,), priority_high=(3,))
            )
        )
    assert view.labels == ()
    assert all(file.wanted for file in view.files())
    assert view.edited_at == 0


def test_files_of_a_magnet_cannot_be_chosen_yet(node: SimNode) -> None:
    view = report(node, node.add(f"magnet:?xt=urn:btih:{'ab' * 20}"))
    with pytest.raises(P2pdError, match="no metadata"):
        node.network.result(node.control.change(view, TorrentChanges(files_wanted=(0,))))
    node.network.result(node.control.change(view, TorrentChanges(sequential=True)))
    assert view.sequential


def test_peers_are_added_once(node: SimNode) -> None:
    view = report(node, node.add(TORRENT))
    addresses = [PeerAddress("10.0.0.8", 5), PeerAddress("10.0.0.9", 5), PeerAddress("10.0.0.8", 5)]
    assert node.control.add_peers(view, addresses) == 2
    assert node.control.add_peers(view, [*addresses, PeerAddress("224.0.0.1", 5)]) == 0
    assert view.torrent.peers.pool.source_counts() == {"manual": 2}
    node.control.reannounce(view)
    assert node.announcers[0].events == ["started", "reannounced"]


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("download_dir", "relative"), ("download_dir", ""), ("download_dir", "/a\0b"),
        ("download_dir", 5), ("peer_limit_global", 0), ("peer_limit_global", 65_536),
        ("peer_limit_global", True), ("peer_limit_global", 1.5), ("peer_limit_per_torrent", "5"),
        ("start_added_torrents", 1), ("sequential_download", None), ("upload_slots", -1),
        ("upload_slots", 1001), ("seed_choking", "fastest"), ("seed_choking", []), ("fixed", {}),
        ("nonsense", 1), ("__class__", 1),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_by_name(node: SimNode, name: str, value: object) -> None:
    before = node.control.settings.peer_limit_per_torrent
    with pytest.raises(P2pdError, match=name):
        node.network.result(
            node.control.change_settings({"peer_limit_per_torrent": 3, name: value})
        )
    assert node.control.settings.peer_limit_per_torrent == before
    assert node.saved_settings == {}


def test_settings_hold_that_the_database_refuses_to_keep(
    network: MemoryNetwork, node: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(name: str, value: object) -> None:
        raise StateError("the database is full")

    monkeypatch.setattr(node.control, "_save_setting", refuse)
    limits = {"speed_limit_up": 50, "speed_limit_up_enabled": True}
    with pytest.raises(StateError):
        network.result(node.control.change_settings(limits))
    assert node.control.settings.session_up == 50
    assert node.control.summary().limit_up == 50_000


def test_good_settings_are_used_and_kept(node: SimNode) -> None:
    good = {
        "download_dir": "/a/../b/", "peer_limit_global": 65_535, "peer_limit_per_torrent": 1,
        "start_added_torrents": False, "sequential_download": True, "upload_slots": 1000,
        "upload_slots_global": 0, "seed_choking": "anti_leech",
    }  # fmt: skip
    node.network.result(node.control.change_settings(good))
    assert node.saved_settings == {**good, "download_dir": "/b"} == checked_settings(good)
    assert node.add(TORRENT).record.download_dir == "/b"


def test_free_space(node: SimNode) -> None:
    found = node.network.result(node.control.free_space("/"))
    assert 0 <= found.free <= found.total
    for path in ("relative", "/does/not/exist", "/a\0b"):
        with pytest.raises(P2pdError):
            node.network.result(node.control.free_space(path))
