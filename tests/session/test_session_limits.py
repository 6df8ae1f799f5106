"""Whole sessions under speed limits: held, shared, changed live, and spared."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.bandwidth.wire_cost import wire_cost
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

COST = wire_cost("10.0.0.1")
SIZE = 24_000_000
MB = 1_000_000


@pytest.fixture(scope="module")
def big() -> dict[str, bytes]:
    return {"big": random.Random(5).randbytes(SIZE)}


@pytest.fixture(scope="module")
def data(big: dict[str, bytes]) -> bytes:
    return make_torrent(big, piece_length=256 * 1024)


@pytest.fixture(scope="module")
def other(big: dict[str, bytes]) -> bytes:
    """The same bytes as another torrent."""
    return make_torrent(big, piece_length=128 * 1024, name="other")


def settle(node: SimNode, **changes: Any) -> None:
    node.network.result(node.control.change_settings(changes))


def change(node: SimNode, torrent: Torrent, **changes: Any) -> None:
    view = node.control.find(torrent.record.id)
    assert view is not None
    node.network.result(node.control.change(view, TorrentChanges(**changes)))


def rates(network: MemoryNetwork, seconds: float, what: str, *torrents: Torrent) -> list[float]:
    """Bytes per second on the wire of each, over some seconds from now."""
    before = [getattr(torrent.record, what) for torrent in torrents]
    network.run(seconds)
    after = [getattr(torrent.record, what) for torrent in torrents]
    return [(now - then) / seconds * COST for then, now in zip(before, after, strict=True)]


def rate(network: MemoryNetwork, seconds: float, what: str, torrent: Torrent) -> float:
    return rates(network, seconds, what, torrent)[0]


def peer_of(torrent: Torrent) -> PeerSession:
    (peer,) = torrent.peers
    return peer


# -- held -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [100, 1000, 2000])
def test_a_download_limit_is_held(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes, limit: int
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=limit, speed_limit_down_enabled=True)
    seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    network.run(0.1)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(limit * 1000, rel=0.05)
    assert peer_of(taken).download.outstanding <= limit * 1000 * 3 / 16384 + 3
    if limit < 2000:
        assert rate(network, 10, "downloaded", taken) == pytest.approx(limit * 1000, rel=0.05)
    assert not peer_of(taken).download.window.snubbed
    assert leech.control.summary().limit_down == limit * 1000


@pytest.mark.parametrize("limit", [100, 1000, 2000])
def test_an_upload_limit_is_held(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes, limit: int
) -> None:
    seed = SimNode(network, "10.0.0.1", speed_limit_up=limit, speed_limit_up_enabled=True)
    leech = SimNode(network, "10.0.0.2")
    given = seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    network.run(0.1)
    assert rate(network, 10, "uploaded", given) == pytest.approx(limit * 1000, rel=0.05)
    if limit < 2000:
        assert rate(network, 10, "uploaded", given) == pytest.approx(limit * 1000, rel=0.05)
    assert seed.control.summary().limit_up == limit * 1000


def test_a_very_slow_limit_moves_blocks_and_loses_nobody(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    """At 5 kB/s among three seeds a block takes ten seconds: nobody counts as silent."""
    seeds = [SimNode(network, f"10.0.0.{i}") for i in (1, 2, 3)]
    leech = SimNode(network, "10.0.0.9", speed_limit_down=5, speed_limit_down_enabled=True)
    for seed in seeds:
        seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, *(seed.address for seed in seeds))
    assert rate(network, 300, "downloaded", taken) == pytest.approx(5000, rel=0.05)
    assert len(taken.peers) == 3
    assert all(not peer.download.window.snubbed for peer in taken.peers)
    assert all(peer.download.outstanding <= 3 for peer in taken.peers)
    assert taken.record.corrupt == 0


def test_a_very_slow_upload_moves_blocks(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1", speed_limit_up=5, speed_limit_up_enabled=True)
    leech = SimNode(network, "10.0.0.2")
    given = seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    assert rate(network, 100, "uploaded", given) == pytest.approx(5000, rel=0.05)


def test_a_limit_of_nothing_stops_all_and_is_lifted(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=0, speed_limit_down_enabled=True)
    given = seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    assert rate(network, 200, "downloaded", taken) == 0
    assert len(taken.peers) == 1
    settle(leech, speed_limit_down_enabled=False)
    settle(seed, speed_limit_up=0, speed_limit_up_enabled=True)
    assert rate(network, 20, "uploaded", given) == 0
    settle(seed, speed_limit_up_enabled=False)
    network.run_until(lambda: taken.record.completed_at)
    assert taken.record.corrupt == 0


def test_a_fast_limit_is_held_where_reads_are_scattered(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=20_000, speed_limit_down_enabled=True)
    given, taken = seed.put(data, big), leech.add(data)
    leech.connect(taken, seed.address)
    started = network.clock.seconds()
    network.run_until(lambda: taken.record.completed_at)
    least = SIZE * COST / 20e6
    assert 0.9 * least <= network.clock.seconds() - started <= 1.15 * least
    assert leech.storage(taken).pieces == seed.storage(given).pieces
    assert taken.record.corrupt == 0


# -- shared -----------------------------------------------------------------------------------


def test_seeds_get_the_same_share_of_a_download_limit(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seeds = [SimNode(network, f"10.0.0.{i}") for i in range(1, 9)]
    leech = SimNode(network, "10.0.0.99", speed_limit_down=1600, speed_limit_down_enabled=True)
    for seed in seeds:
        seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, *(seed.address for seed in seeds))
    network.run(1)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(1.6 * MB, rel=0.05)
    totals = [peer.download.total for peer in taken.peers]
    assert len(totals) == 8
    assert max(totals) <= 1.15 * min(totals)


def test_leechers_get_the_same_share_of_an_upload_limit(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(
        network, "10.0.0.99", upload_slots=20, speed_limit_up=1600, speed_limit_up_enabled=True
    )
    given = seed.put(data, big, super_seeding="off")
    taken = []
    for number in range(1, 9):
        leech = SimNode(network, f"10.0.0.{number}")
        taken.append(leech.add(data))
        leech.connect(taken[-1], seed.address)
    network.run(1)
    assert rate(network, 10, "uploaded", given) == pytest.approx(1.6 * MB, rel=0.05)
    totals = [peer.upload.total for peer in given.peers]
    assert len(totals) == 8
    assert max(totals) <= 1.15 * min(totals)


def test_a_torrent_below_the_session_and_one_that_is_free(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes, other: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=1000, speed_limit_down_enabled=True)
    seed.put(data, big)
    seed.put(other, big)
    one, two = leech.add(data), leech.add(other)
    change(leech, one, download_limit=200, download_limited=True)
    leech.connect(one, seed.address)
    leech.connect(two, seed.address)
    network.run(1)
    first, second = rates(network, 10, "downloaded", one, two)
    assert first == pytest.approx(0.2 * MB, rel=0.06)
    assert first + second == pytest.approx(1 * MB, rel=0.05)
    view = leech.control.find(one.record.id)
    assert view is not None
    assert (view.limits.down_in_force, view.limits.up_in_force) == (200_000, None)
    change(leech, one, honors_session_limits=False)
    first, second = rates(network, 10, "downloaded", one, two)
    assert first == pytest.approx(0.2 * MB, rel=0.06)
    assert second == pytest.approx(1 * MB, rel=0.06)
    assert leech.store.rows[one.record.id].download_limit == 200
    assert leech.store.rows[one.record.id].honors_session_limits is False


def test_torrents_of_a_label_share_its_limit(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes, other: bytes
) -> None:
    labels = {"slow": {"speed_limit_up": 400}}
    seed = SimNode(network, "10.0.0.1", label_rules=labels)
    one, two = seed.put(data, big, labels=("slow", "more")), seed.put(other, big)
    leech = SimNode(network, "10.0.0.2")
    for torrent in (data, other):
        leech.connect(leech.add(torrent), seed.address)
    network.run(0.5)
    assert two.record.uploaded == SIZE
    assert rate(network, 10, "uploaded", one) == pytest.approx(0.4 * MB, rel=0.05)
    change(seed, one, labels=("more",))
    network.run(1)
    assert one.record.uploaded == SIZE
    settle(seed, label_rules={})
    assert seed.session.rates.up.rate([("label", "slow")]) is None


def test_a_limit_of_every_single_peer(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seeds = [SimNode(network, f"10.0.0.{i}") for i in (1, 2)]
    leech = SimNode(network, "10.0.0.9", peer_speed_limit_down=300)
    for seed in seeds:
        seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, *(seed.address for seed in seeds))
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.6 * MB, rel=0.05)
    settle(seeds[0], peer_speed_limit_up=100)
    network.run(2)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.4 * MB, rel=0.06)


# -- changed ----------------------------------------------------------------------------------


def test_limits_change_while_data_moves(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1", speed_limit_up=2000, speed_limit_up_enabled=True)
    leech = SimNode(network, "10.0.0.2")
    given, taken = seed.put(data, big), leech.add(data)
    leech.connect(taken, seed.address)
    network.run(4)
    assert peer_of(taken).download.outstanding > 100
    settle(leech, speed_limit_down=100, speed_limit_down_enabled=True)
    network.run(2)
    assert peer_of(taken).download.outstanding <= 21, "what does not fit was withdrawn"
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.1 * MB, rel=0.05)
    settle(leech, speed_limit_down=500)
    network.run(1)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.5 * MB, rel=0.05)
    settle(seed, speed_limit_up=200)
    network.run(5)
    assert rate(network, 10, "uploaded", given) == pytest.approx(0.2 * MB, rel=0.05)
    settle(seed, speed_limit_up_enabled=False)
    settle(leech, speed_limit_down_enabled=False)
    network.run_until(lambda: taken.record.completed_at, limit=5)
    assert taken.record.corrupt == 0


def test_without_limits_there_is_nothing_of_them(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed, leech = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2")
    given, taken = seed.put(data, big), leech.add(data)
    leech.connect(taken, seed.address)
    network.run_until(lambda: len(taken.peers) and len(given.peers))
    sender, reader = peer_of(given), peer_of(taken)
    assert sender.upload.meter is None
    free = reader.stream.landing
    settle(seed, speed_limit_up=1000, speed_limit_up_enabled=True)
    settle(leech, speed_limit_down=1000, speed_limit_down_enabled=True)
    assert sender.upload.meter is not None
    assert reader.stream.landing is not free
    settle(seed, speed_limit_up_enabled=False)
    settle(leech, speed_limit_down_enabled=False)
    assert sender.upload.meter is None
    assert reader.stream.landing is free
    network.run_until(lambda: taken.record.completed_at)


def test_local_peers_are_spared_if_wished(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    near, far = SimNode(network, "192.168.7.1"), SimNode(network, "198.51.100.1")
    leech = SimNode(
        network, "10.0.0.2",
        speed_limit_down=100, speed_limit_down_enabled=True, limit_local_peers=False,
    )  # fmt: skip
    for seed in (near, far):
        seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, far.address)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.1 * MB, rel=0.06)
    leech.connect(taken, near.address)
    network.run_until(lambda: taken.record.completed_at, limit=5)
    settle(leech, limit_local_peers=True)
    assert leech.session.rates.chains(taken.record, "192.168.7.1").down


def test_uploads_do_not_wait_for_a_download_limit(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    """A seed's peers send nothing but requests: 17 bytes a block, more than 1 kB/s in all."""
    seed = SimNode(network, "10.0.0.1", speed_limit_down=1, speed_limit_down_enabled=True)
    leech = SimNode(network, "10.0.0.2")
    seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    network.run_until(lambda: taken.record.completed_at, limit=5)


def test_two_reasons_not_to_read_are_not_mixed_up(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=50, speed_limit_down_enabled=True)
    seed.put(data, big)
    taken = leech.add(data)
    leech.connect(taken, seed.address)
    network.run(10)
    reader = peer_of(taken)
    assert taken.content is not None
    backlog = taken.content.device.memory.backlog
    backlog.add(backlog.limit + 1)
    assert rate(network, 1, "downloaded", taken) <= 0.02 * MB
    assert rate(network, 40, "downloaded", taken) == 0
    assert not reader.closed
    assert not reader.download.window.snubbed
    settle(leech, speed_limit_down_enabled=False)
    assert rate(network, 5, "downloaded", taken) == 0
    settle(leech, speed_limit_down_enabled=True)
    backlog.remove(backlog.limit + 1)
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.05 * MB, rel=0.35)
    settle(leech, speed_limit_down_enabled=False)
    network.run_until(lambda: taken.record.completed_at, limit=5)
    assert taken.record.corrupt == 0


def test_peers_that_go_leave_nothing_behind(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes
) -> None:
    seeds = [SimNode(network, f"10.0.0.{i}") for i in (1, 2)]
    leech = SimNode(network, "10.0.0.9", speed_limit_down=100, speed_limit_down_enabled=True)
    given = [seed.put(data, big) for seed in seeds]
    taken = leech.add(data)
    leech.connect(taken, *(seed.address for seed in seeds))
    network.run(3)
    network.result(given[0].stop())
    network.run(1)
    assert len(taken.peers) == 1
    assert rate(network, 10, "downloaded", taken) == pytest.approx(0.1 * MB, rel=0.05)
    change(leech, taken, download_limit=10, download_limited=True)
    network.result(leech.session.remove(taken, delete_data=False))
    assert leech.session.rates.down.next_turn(network.clock.seconds()) is None
    assert leech.session.rates.down.rate([("torrent", taken.record.id)]) is None
    leech.stop()


def test_a_torrent_of_high_priority_gets_four_times_as_much(
    network: MemoryNetwork, big: dict[str, bytes], data: bytes, other: bytes
) -> None:
    seed = SimNode(network, "10.0.0.1")
    leech = SimNode(network, "10.0.0.2", speed_limit_down=1000, speed_limit_down_enabled=True)
    taken = []
    for torrent in (data, other):
        seed.put(torrent, big)
        taken.append(leech.add(torrent))
        leech.connect(taken[-1], seed.address)
    network.run(1)
    for priority, share in ((0, 0.5), (1, 0.8), (-1, 0.2)):
        change(leech, taken[0], bandwidth_priority=priority)
        network.run(1)
        first, second = rates(network, 5, "downloaded", *taken)
        assert first / (first + second) == pytest.approx(share, abs=0.05)
        assert first + second == pytest.approx(MB, rel=0.05)
