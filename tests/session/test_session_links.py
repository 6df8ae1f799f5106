"""Magnets: what is chosen before their files are known, links to the same torrent, private ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats.magnet import Magnet, parse_magnet
from p2pd.formats.metainfo import Metainfo, Version, parse_torrent
from p2pd.protocols.peerwire import messages as wire
from p2pd.protocols.peerwire.extensions.registry import ExtensionHandshake
from p2pd.protocols.peerwire.extensions.ut_metadata import MetadataData
from p2pd.session.api import TorrentStatus
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_link import TorrentLink
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.testing import MemoryNetwork, ScriptedPeer, SimNode, make_torrent
from p2pd.testing.memory_store import MemoryStore

HASH = bytes(range(20))


def hybrid_twins(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> tuple[SimNode, SimNode, Torrent, Torrent, Metainfo]:
    """A seed of a hybrid, and who has it twice, by each of its hashes."""
    made = make_torrent(contents, "hybrid")
    meta = parse_torrent(made)
    seed, node = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    seed.put(made, contents)
    v1, v2 = meta.info_hashes.v1, meta.info_hashes.v2
    assert v1 is not None
    assert v2 is not None
    by_v1 = node.add(f"magnet:?xt=urn:btih:{v1.hex()}&tr=http://one.test/a")
    by_v2 = node.add(f"magnet:?xt=urn:btmh:1220{v2.hex()}&tr=http://two.test/a")
    assert by_v1 is not by_v2
    return seed, node, by_v1, by_v2, meta


def seed_and_leech(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> tuple[SimNode, SimNode, str]:
    """One that has a torrent, one that has not, and its hash."""
    made = make_torrent(contents)
    seed, leech = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    seed.put(made, contents)
    return seed, leech, parse_torrent(made).info_hashes.hash_string


def test_two_links_that_prove_to_be_one_torrent_are_one(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    seed, node, by_v1, by_v2, meta = hybrid_twins(network, contents)
    node.connect(by_v1, seed.address)
    network.run_until(lambda: by_v2.record.completed_at)
    assert f"it is the same torrent as number {by_v2.record.id}, folder" in by_v1.error
    assert by_v1.record.paused
    assert by_v1.content is None
    assert by_v2.trackers.tiers == (("http://two.test/a",), ("http://one.test/a",))
    for wire_id in meta.info_hashes.wire_ids:
        assert node.session.torrents.by_wire_id(wire_id) is by_v2
    assert node.add(Magnet(meta.info_hashes).to_uri()) is by_v2
    network.result(node.session.remove(by_v1, delete_data=False))
    assert node.session.torrents.by_wire_id(meta.info_hashes.wire_ids[0]) is by_v2


def test_a_link_to_a_torrent_that_is_here_by_its_other_hash_gives_way(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    made = make_torrent(contents, "hybrid")
    seed, node, by_v1, by_v2, _ = hybrid_twins(network, contents)
    assert node.add(made) in (by_v1, by_v2)
    network.run(1)
    (alive,) = (one for one in (by_v1, by_v2) if one.content is not None)
    (gone,) = (one for one in (by_v1, by_v2) if one.content is None)
    assert gone.error
    assert not alive.error
    node.connect(alive, seed.address)
    network.run_until(lambda: alive.record.completed_at)


def test_of_a_magnet_that_is_added_paused_the_files_can_be_chosen_before_any_data(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    _seed, leech, hash_ = seed_and_leech(network, contents)
    taken = leech.add(f"magnet:?xt=urn:btih:{hash_}&x.pe=10.0.0.1:6881", paused=True)
    view = leech.control.find(hash_)
    assert view is not None
    assert view.metadata_only
    network.run_until(lambda: taken.content is not None)
    network.run(5)
    assert (view.status, view.metadata_only) == (TorrentStatus.STOPPED, False)
    assert view.have_valid == view.downloaded == 0
    assert len(view.peers) == 0
    assert leech.store.rows[taken.record.id].paused
    network.result(leech.control.change(view, TorrentChanges(files_unwanted=(1, 3, 4))))
    network.result(leech.control.start(view))
    network.run_until(lambda: taken.record.completed_at)
    assert [file.completed == file.length for file in view.files()][:3:2] == [True, True]
    assert view.percent_complete < 1


def test_a_paused_magnet_asks_nobody_if_it_is_to_ask_nobody(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.2", paused_magnets_fetch=False)
    torrent = node.add(f"magnet:?xt=urn:btih:{HASH.hex()}", paused=True)
    network.run(1)
    assert not torrent.running
    assert torrent.record.paused


def test_a_magnet_that_is_started_meanwhile_goes_on_to_its_data(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    seed, leech, hash_ = seed_and_leech(network, contents)
    taken = leech.add(f"magnet:?xt=urn:btih:{hash_}", paused=True)
    network.result(leech.control.start(leech.control.find(hash_)))  # type: ignore[arg-type]
    leech.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at)


@pytest.mark.parametrize("version", ["v1", "hybrid"])
@pytest.mark.parametrize("paused", [False, True])
def test_the_metadata_that_a_user_has_is_here_after_a_kill_while_its_data_is_looked_at(
    network: MemoryNetwork,
    contents: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    version: Version,
    paused: bool,
) -> None:
    made = make_torrent(contents, version)
    meta = parse_torrent(made)
    node, survived = SimNode(network, "10.0.0.2"), MemoryStore()
    torrent = node.add(f"magnet:?xt=urn:btih:{meta.info_hashes.hash_string}&so=0", paused=paused)
    with monkeypatch.context() as patched:
        patched.setattr(TorrentLink, "complete", lambda self, metadata: None)
        assert network.result(node.control.add(AddTorrent(torrent=made))).duplicate
        survived.rows = {id_: replace(row) for id_, row in node.store.rows.items()}
        node.stop()
    again = SimNode(network, "10.0.0.3", store=survived)
    (torrent,) = again.session.torrents
    network.run(1)
    assert torrent.content is not None
    assert torrent.info_hashes == meta.info_hashes
    assert (torrent.running, torrent.record.paused) == (not paused, paused)
    view = again.control.find(torrent.record.id)
    assert view is not None
    assert [file.wanted for file in view.files()] == [True] + [False] * 4


def test_metadata_of_another_torrent_that_is_here_is_not_kept_twice(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    _seed, node, by_v1, by_v2, _meta = hybrid_twins(network, contents)
    made = make_torrent(contents, "hybrid")
    assert network.result(node.control.add(AddTorrent(torrent=made))).duplicate
    network.run(1)
    kept = [node.store.rows[each.record.id].torrent for each in (by_v1, by_v2)]
    assert sorted(each is not None for each in kept) == [False, True]


def test_it_takes_no_place_in_the_queue_to_see_what_a_magnet_is(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.2", download_queue_enabled=True, download_queue_size=1)
    first = node.add(f"magnet:?xt=urn:btih:{'ab' * 20}")
    waiting = node.add(f"magnet:?xt=urn:btih:{'cd' * 20}")
    looked_at = node.add(f"magnet:?xt=urn:btih:{HASH.hex()}", paused=True)
    network.run(1)
    assert (first.running, waiting.running, looked_at.running) == (True, False, True)


def test_what_is_chosen_when_a_magnet_is_added_holds_when_its_files_are_known(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    _seed, leech, hash_ = seed_and_leech(network, contents)
    request = AddTorrent(
        magnet=f"magnet:?xt=urn:btih:{hash_}&so=0-1&x.pe=10.0.0.1:6881",
        files_wanted=(2, 900), files_unwanted=(1,), priority_high=(0,),
    )  # fmt: skip
    added = network.result(leech.control.add(request))
    torrent = leech.session.torrents.by_id(added.torrent.id)
    assert torrent is not None
    stored = leech.store.rows[torrent.record.id]
    assert ("wanted", "2", "900") in stored.file_choices
    network.run_until(lambda: torrent.record.completed_at)
    files = added.torrent.files()
    assert [file.wanted for file in files] == [True, False, True, False, False]
    assert [file.priority for file in files] == [1, 0, 0, 0, 0]
    assert torrent.record.file_choices == ()


def test_only_what_is_wanted_of_a_magnet_is_loaded_if_only_that_is_named(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    made = make_torrent(contents)
    node = SimNode(network, "10.0.0.2")
    hash_ = parse_torrent(made).info_hashes.hash_string
    link = f"magnet:?xt=urn:btih:{hash_}"
    node.add(link)
    added = network.result(node.control.add(AddTorrent(magnet=link, files_wanted=(3,))))
    assert added.duplicate
    node.add(made)
    wanted = [file.wanted for file in added.torrent.files()]
    assert wanted == [False, False, False, True, False]


def test_web_seeds_of_links_are_kept_with_the_metadata(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    made = make_torrent(contents)
    node = SimNode(network, "10.0.0.2")
    hash_ = parse_torrent(made).info_hashes.hash_string
    torrent = node.add(f"magnet:?xt=urn:btih:{hash_}&dn=x&ws=http://one.test/")
    node.add(f"magnet:?xt=urn:btih:{hash_}&ws=http://two.test/&tr=http://t.test/a")
    view = node.control.find(hash_)
    assert view is not None
    said = parse_magnet(view.magnet_link)
    assert said.web_seeds == ("http://one.test/", "http://two.test/")
    assert (said.name, said.trackers) == ("x", ("http://t.test/a",))
    node.add(made)
    network.run(1)
    kept = node.store.rows[torrent.record.id].torrent
    assert kept is not None
    assert parse_torrent(kept).web_seeds == said.web_seeds
    assert parse_magnet(view.magnet_link).web_seeds == said.web_seeds


def test_peers_of_a_link_are_looked_up_and_found_again_after_a_restart(
    network: MemoryNetwork,
) -> None:
    class Names:
        """Knows one name."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        async def addresses(self, host: str) -> tuple[str, ...]:
            self.asked.append(host)
            return ("10.0.1.1", "2001:db8::1") if host == "peer.test" else ()

    node, names = SimNode(network, "10.0.0.2"), Names()
    node.session.names = names
    hosts = "".join(f"&x.pe=unknown{n}.test:1" for n in range(40))
    torrent = node.add(
        f"magnet:?xt=urn:btih:{HASH.hex()}&x.pe=peer.test:77&x.pe=10.0.1.2:78{hosts}"
    )
    network.run(0.1)
    told = [
        PeerAddress("10.0.1.1", 77),
        PeerAddress("2001:db8::1", 77),
        PeerAddress("10.0.1.2", 78),
    ]
    assert all(one in torrent.peers.pool for one in told)
    assert len(names.asked) == 16
    assert torrent.found_by("magnet") == 3
    network.result(torrent.stop())
    torrent.peers.pool.drop_untold(frozenset())
    network.result(torrent.start())
    network.run(0.1)
    assert all(one in torrent.peers.pool for one in told)


def test_peers_that_no_tracker_told_of_are_parted_from_when_a_torrent_proves_private(
    network: MemoryNetwork,
) -> None:
    made = make_torrent({"a": bytes(50_000)}, private=True)
    meta = parse_torrent(made)
    wire_id = meta.info_hashes.wire_ids[0]
    node = SimNode(network, "10.0.0.1")
    torrent = node.add(f"magnet:?xt=urn:btih:{meta.info_hashes.hash_string}")
    told = {"dht": ScriptedPeer(network, "10.0.1.1", wire_id),
            "tracker": ScriptedPeer(network, "10.0.1.2", wire_id)}  # fmt: skip
    for source, peer in told.items():
        torrent.add_peers([peer.listen()], source)
    network.run(1)
    assert len(torrent.connected) == 2
    torrent.metadata_complete(meta)
    network.run(1)
    assert torrent.private
    assert [peer.closed is None for peer in told.values()] == [False, True]


def test_a_link_chooses_its_files(network: MemoryNetwork, contents: dict[str, bytes]) -> None:
    """BEP 53: `so` names the wanted files."""
    _seed, leech, hash_ = seed_and_leech(network, contents)
    taken = leech.add(f"magnet:?xt=urn:btih:{hash_}&so=0,2&x.pe=10.0.0.1:6881")
    network.run_until(lambda: taken.record.completed_at)
    view = leech.control.find(hash_)
    assert view is not None
    assert [file.wanted for file in view.files()] == [True, False, True, False, False]
    assert view.percent_done == 1
    assert view.percent_complete < 1


def test_a_private_torrent_is_told_of_peers_by_its_tracker_and_its_user_alone(
    network: MemoryNetwork,
) -> None:
    """BEP 27: also by a link that comes later, and what was known before it proved private."""
    made = make_torrent({"a": bytes(50_000)}, private=True)
    meta = parse_torrent(made)
    node = SimNode(network, "10.0.0.1", peer_limit_per_torrent=1)
    link = f"magnet:?xt=urn:btih:{meta.info_hashes.hash_string}"
    torrent = node.add(link)
    peer = ScriptedPeer(network, "10.0.0.2", meta.info_hashes.wire_ids[0])
    peer.dial(node.address)
    told = {"magnet": "10.0.1.1", "tracker": "10.0.1.2", "manual": "10.0.1.3"}
    for source, host in told.items():
        torrent.add_peers([PeerAddress(host, 6881)], source)
    hello = ExtensionHandshake(messages={"ut_metadata": 7}, metadata_size=len(meta.info_bytes))
    peer.send(wire.Extended(0, hello.encode()))
    network.run(0.1)
    whole = MetadataData(0, len(meta.info_bytes), meta.info_bytes)
    peer.send(wire.Extended(2, whole.encode()))
    network.run(1)
    assert torrent.private
    pool = torrent.peers.pool
    assert [PeerAddress(host, 6881) in pool for host in told.values()] == [False, True, True]
    assert node.add(f"{link}&x.pe=10.0.1.9:6881") is torrent
    assert PeerAddress("10.0.1.9", 6881) not in pool
