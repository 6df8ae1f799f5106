"""The session's trackers are announced to for every torrent that is known not to be private."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.testing import MemoryNetwork, SimNode, make_torrent

OURS = "http://ours.test/a"
MORE = "udp://more.test:1"
CONTENTS = {"a": bytes(40_000)}
MAGNET = f"magnet:?xt=urn:btih:{'ab' * 20}&tr=http%3A%2F%2Fown.test%2Fa"


def settle(node: SimNode, **changes: Any) -> None:
    node.network.result(node.control.change_settings(changes))


def test_they_come_after_its_own_and_go_with_the_setting(node: SimNode) -> None:
    own = make_torrent(CONTENTS, trackers=[["http://own.test/a", MORE]])
    torrent = node.add(own)
    announcer = node.announcers[-1]
    assert announcer.tiers == [("http://own.test/a", MORE)]
    settle(node, default_trackers=f"{OURS}\n{MORE}\n\n{OURS}")
    assert announcer.tiers == [("http://own.test/a", MORE), (OURS,)]
    assert torrent.trackers.tiers == (("http://own.test/a", MORE),), "they are not its own"
    assert node.store.rows[torrent.record.id].trackers == torrent.trackers.tiers
    torrent.trackers.replace([[MORE]])
    assert announcer.tiers == [(MORE,), (OURS,)]
    settle(node, default_trackers="")
    assert announcer.tiers == [(MORE,)]


def test_a_private_torrent_has_none_nor_one_that_may_be(node: SimNode) -> None:
    settle(node, default_trackers=OURS)
    node.add(make_torrent(CONTENTS, private=True))
    assert node.announcers[-1].tiers == []
    node.add(make_torrent({"b": b"b"}))
    assert node.announcers[-1].tiers == [(OURS,)]
    node.add(MAGNET)
    assert node.announcers[-1].tiers == [("http://own.test/a",), (OURS,)]


@pytest.mark.parametrize("private", [True, False])
def test_when_its_metadata_says_that_it_is_private_they_go(
    network: MemoryNetwork, private: bool
) -> None:
    data = make_torrent(CONTENTS, private=private)
    seed, node = SimNode(network, "10.0.0.1"), SimNode(network, "10.0.0.2", default_trackers=OURS)
    put = seed.put(data, CONTENTS)
    torrent = node.add(f"magnet:?xt=urn:btih:{put.info_hashes.hash_string}")
    assert node.announcers[-1].tiers == [(OURS,)]
    node.connect(torrent, seed.address)
    network.run_until(lambda: torrent.content is not None, limit=30)
    network.run(1)
    assert node.announcers[-1].tiers == ([] if private else [(OURS,)])


def test_after_a_restart_they_are_used_for_torrents_at_rest(network: MemoryNetwork) -> None:
    node = SimNode(network, "10.0.0.2")
    node.put(make_torrent(CONTENTS), CONTENTS)
    node.stop()
    again = SimNode(network, "10.0.0.2", store=node.store, disk=node.disk, default_trackers=OURS)
    assert all(torrent.resting for torrent in again.session.torrents)
    assert again.announcers[-1].tiers == [(OURS,)]


@pytest.mark.parametrize(
    "wrong", ["gopher://a.test", "http://", 3, "http://a.test/" + 70_000 * "x"]
)
def test_what_is_no_tracker_is_refused(node: SimNode, wrong: Any) -> None:
    with pytest.raises(P2pdError, match="default_trackers: not"):
        settle(node, default_trackers=wrong)
