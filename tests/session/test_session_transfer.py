"""Sessions give torrents to each other: every version, magnets, and more than two nodes."""

from __future__ import annotations

import random

import pytest

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Version, parse_torrent
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing import MemoryNetwork, SimNode, make_torrent, piece_bytes

VERSIONS: list[Version] = ["v1", "v2", "hybrid"]


def holds(node: SimNode, torrent: Torrent, contents: dict[str, bytes]) -> bool:
    """Whether every piece on the node's disk is as it should be."""
    assert torrent.content is not None
    layout, pieces = torrent.content.layout, node.storage(torrent).pieces
    return all(
        pieces[piece][: layout.data_size(piece)]
        == piece_bytes(layout, contents, piece)[: layout.data_size(piece)]
        for piece in range(layout.piece_count)
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_one_session_gives_a_torrent_to_another(
    network: MemoryNetwork, contents: dict[str, bytes], version: Version
) -> None:
    data = make_torrent(contents, version)
    seed, leech = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    given = seed.put(data, contents)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at)
    assert holds(leech, taken, contents)
    assert taken.record.downloaded == given.record.uploaded
    layout = FileLayout.of(parse_torrent(data))
    assert taken.record.downloaded == sum(map(layout.request_size, range(layout.piece_count)))
    assert taken.record.corrupt == 0
    assert leech.announcers[-1].events == ["started", "completed"]
    network.run(5)
    assert len(taken.peers) == len(given.peers) == 0
    assert leech.session.connections.total == seed.session.connections.total == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_magnet_fetches_metadata_and_then_data(
    network: MemoryNetwork, contents: dict[str, bytes], version: Version
) -> None:
    data = make_torrent(contents, version, piece_length=16 * 1024)
    seed, leech = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    seed.put(data, contents)
    magnet = seed.control.find(1)
    assert magnet is not None
    taken = leech.add(magnet.magnet_link)
    assert taken.content is None
    leech.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at)
    assert holds(leech, taken, contents)
    kept = leech.store.rows[taken.record.id].torrent
    assert kept is not None
    assert parse_torrent(kept).info_hashes == parse_torrent(data).info_hashes
    assert parse_torrent(kept).missing_piece_layers() == ()


def test_a_long_metadata_comes_in_many_pieces(network: MemoryNetwork) -> None:
    contents = {f"file {i:04} {'x' * 80}": b"%04d" % i for i in range(700)}
    data = make_torrent(contents, "v1")
    seed, leech = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    seed.put(data, contents)
    taken = leech.add(f"magnet:?xt=urn:btih:{parse_torrent(data).info_hashes.hash_string}")
    leech.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at)
    assert len(parse_torrent(data).info_bytes) > 4 * 16384
    assert holds(leech, taken, contents)


def test_metadata_and_data_travel_along_a_chain(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    """The last node knows only the middle one, which had nothing itself when they met."""
    data = make_torrent(contents, "v2", piece_length=16 * 1024)
    seed, middle, last = (SimNode(network, f"10.0.0.{i}") for i in (1, 2, 3))
    given = seed.put(data, contents)
    link = f"magnet:?xt=urn:btmh:1220{parse_torrent(data).info_hashes.v2.hex()}"  # type: ignore[union-attr]
    between, taken = middle.add(link), last.add(link)
    last.connect(taken, middle.address)
    network.run(3)
    middle.connect(between, seed.address)
    network.run_until(lambda: taken.record.completed_at, limit=45)
    assert holds(last, taken, contents)
    assert given.record.uploaded == sum(map(len, contents.values()))


def test_a_swarm_of_three_shares_the_work(network: MemoryNetwork) -> None:
    contents = {"big": random.Random(3).randbytes(2_000_000)}
    data = make_torrent(contents, piece_length=32 * 1024)
    seed, one, two = (SimNode(network, f"10.0.0.{i}", upload_slots=4) for i in (1, 2, 3))
    seed.put(data, contents)
    first, second = one.add(data), two.add(data)
    one.connect(first, seed.address, two.address)
    two.connect(second, seed.address)
    network.run_until(lambda: first.record.completed_at and second.record.completed_at)
    assert holds(one, first, contents)
    assert holds(two, second, contents)
    assert first.record.uploaded
    assert second.record.uploaded


def test_a_hybrid_is_shared_with_one_who_knows_it_as_v1_and_one_as_v2(
    network: MemoryNetwork, contents: dict[str, bytes]
) -> None:
    data = make_torrent(contents, "hybrid")
    hashes = parse_torrent(data).info_hashes
    assert hashes.v1 is not None
    assert hashes.v2 is not None
    seed, one, two = (SimNode(network, f"10.0.0.{i}") for i in (1, 2, 3))
    seed.put(data, contents)
    first = one.add(f"magnet:?xt=urn:btih:{hashes.v1.hex()}")
    second = two.add(f"magnet:?xt=urn:btmh:1220{hashes.v2.hex()}")
    one.connect(first, seed.address)
    two.connect(second, seed.address)
    network.run_until(lambda: first.record.completed_at and second.record.completed_at)
    assert holds(one, first, contents)
    assert holds(two, second, contents)
    assert first.info_hashes == second.info_hashes == hashes
    assert one.session.torrents.by_hash_string(hashes.v2.hex()) is first
