"""Bandwidth groups: their limits are shared, the session's may be left, and they are kept."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.session.settings.bandwidth_groups import NEW_GROUP
from p2pd.session.settings.speed_settings import TorrentLimits
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.testing import SimNode, make_torrent
from tests.session.three_files import TORRENT

SLOW = {"speed_limit_down": 50, "speed_limit_down_enabled": True, "honors_session_limits": False}


def change(node: SimNode, torrent: Torrent, **changes: Any) -> None:
    node.network.result(node.control.change(_view(node, torrent), TorrentChanges(**changes)))


def limits(node: SimNode, torrent: Torrent) -> TorrentLimits:
    found: TorrentLimits = _view(node, torrent).limits
    return found


def _view(node: SimNode, torrent: Torrent) -> Any:
    return node.control.find(torrent.record.id)


def settle(node: SimNode, **changes: Any) -> None:
    node.network.result(node.control.change_settings(changes))


def test_the_limits_of_a_group_hold_and_those_of_the_session_if_it_says_so(node: SimNode) -> None:
    settle(node, speed_limit_down=20, speed_limit_down_enabled=True)
    settle(node, speed_limit_up=30, speed_limit_up_enabled=True)
    torrent = node.add(TORRENT)
    assert (limits(node, torrent).down_in_force, limits(node, torrent).group) == (20_000, "")
    settle(node, bandwidth_groups={"slow": SLOW})
    change(node, torrent, bandwidth_group="slow")
    seen = limits(node, torrent)
    assert (seen.group, seen.down_in_force, seen.up_in_force) == ("slow", 50_000, None)
    settle(node, bandwidth_groups={"slow": {**SLOW, "honors_session_limits": True}})
    seen = limits(node, torrent)
    assert (seen.down_in_force, seen.up_in_force) == (20_000, 30_000)
    change(node, torrent, bandwidth_group="")
    settle(node, speed_limit_down_enabled=False)
    assert limits(node, torrent).down_in_force is None


def test_peers_of_a_group_share_one_bucket(node: SimNode) -> None:
    settle(node, bandwidth_groups={"slow": SLOW})
    torrents = [node.add(TORRENT), node.add(make_torrent({"other": b"x"}))]
    for torrent in torrents:
        change(node, torrent, bandwidth_group="slow")
    rates = node.session.rates
    chains = [rates.chains(torrent.record, "192.0.2.1").down for torrent in torrents]
    assert len(chains[0]) == 1
    assert chains[0] == chains[1]
    settle(node, bandwidth_groups={})
    assert rates.chains(torrents[0].record, "192.0.2.1").down == ()


def test_a_group_that_is_not_there_is_made_and_one_that_is_removed_is_left(
    node: SimNode,
) -> None:
    torrent = node.add(TORRENT)
    change(node, torrent, bandwidth_group="new")
    assert node.control.settings.bandwidth_groups == {"new": NEW_GROUP}
    assert node.saved_settings["bandwidth_groups"] == {"new": NEW_GROUP}
    assert node.store.rows[torrent.record.id].bandwidth_group == "new"
    node.network.result(node.control.remove_groups(["new"]))
    assert node.control.settings.bandwidth_groups == {}
    assert node.store.rows[torrent.record.id].bandwidth_group == ""


def test_one_is_added_to_a_group_to_a_place_in_the_queue_and_with_limits(node: SimNode) -> None:
    first = node.add(TORRENT)
    request = AddTorrent(
        magnet="magnet:?xt=urn:btih:" + "ab" * 20, bandwidth_group="new", queue_position=0,
        download_limit=0, honors_session_limits=False,
    )  # fmt: skip
    added = node.network.result(node.control.add(request))
    row = node.store.rows[added.torrent.id]
    assert (row.bandwidth_group, row.honors_session_limits) == ("new", False)
    assert (row.download_limit, row.download_limited, row.upload_limited) == (0, True, False)
    assert node.saved_settings["bandwidth_groups"] == {"new": NEW_GROUP}
    view = node.control.find(first.record.id)
    assert (added.torrent.queue_position, view.queue_position) == (0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        [], {"": {}}, {"x" * 256: {}}, {"a": []}, {"a": {"speed": 1}},
        {"a": {"speed_limit_up": -1}}, {"a": {"speed_limit_up_enabled": 1}},
        {str(number): {} for number in range(1001)},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(node: SimNode, wrong: Any) -> None:
    with pytest.raises(P2pdError, match="bandwidth_groups: "):
        settle(node, bandwidth_groups=wrong)
    assert node.control.settings.bandwidth_groups == {}
