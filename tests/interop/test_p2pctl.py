"""A user's whole way with `p2pctl` against real daemons: create, add, wait, look, remove."""

from __future__ import annotations

import json
import time

import pytest
from peers.p2pctl import p2pctl
from peers.payload import assert_same, make_folder

from p2pd.clients.free_port import free_port


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
def test_a_folder_goes_from_one_daemon_to_another(work, new_p2pd, kind):
    port = free_port()
    tracker = {"tracker.enabled": "true", "tracker.port": str(port)}
    seed, leecher = new_p2pd("seed", settings=tracker), new_p2pd("leecher")
    folder = make_folder(work / "original")
    torrent = work / "made.torrent"
    url = f"http://127.0.0.1:{port}/announce"
    p2pctl(seed, "create", "--type", kind, "--tracker", url, "--output", torrent, folder)
    p2pctl(seed, "add", "--wait", "--download-dir", folder.parent, torrent)
    p2pctl(leecher, "add", "--wait", "--timeout", 30, torrent)
    assert_same(folder, leecher.downloads / folder.name)
    assert folder.name in p2pctl(leecher, "list")
    assert "folder/deeper/odd.bin" in p2pctl(leecher, "files", 1)
    assert folder.name in p2pctl(leecher, "info", 1)
    assert json.loads(p2pctl(leecher, "list", "--json"))
    p2pctl(leecher, "verify", 1)
    p2pctl(leecher, "stop", 1)
    p2pctl(leecher, "start", 1)
    p2pctl(leecher, "remove", "--yes", "--delete-data", 1)
    assert not (leecher.downloads / folder.name).exists()
    seed.check_healthy()
    leecher.check_healthy()


def test_limits_are_set_and_shown(work, new_p2pd):
    node = new_p2pd()
    torrent = work / "made.torrent"
    p2pctl(node, "create", "--output", torrent, make_folder(work / "original"))
    p2pctl(node, "add", "--paused", "--label", "slow", torrent)
    p2pctl(node, "limit", "--down", "2MB", "--up", 700)
    p2pctl(node, "limit", 1, "--up", "500", "--honor-session")
    p2pctl(node, "limit", "--label", "slow", "--down", 300)
    p2pctl(node, "limit", "--each-peer", "--down", "512KiB")
    assert "lowest: down 300 kB/s, up 500 kB/s" in p2pctl(node, "limits", 1)
    # The schedule begins in half a day: what is said besides holds until then.
    hours = [f"{(time.localtime().tm_hour + later) % 24:02}:00" for later in (12, 13)]
    times = ["--from", hours[0], "--to", hours[1], "--days", "all"]
    assert "are on" in p2pctl(node, "alt-speeds", "on", "--down", 200, *times)
    told = json.loads(p2pctl(node, "limits", "--json"))
    assert told["speed_limit_down"] == 2000
    assert told["peer_speed_limit_down"] == 524
    assert told["alt_speed_enabled"]
    assert "lowest: down 200 kB/s, up 50 kB/s" in p2pctl(node, "limits", 1)
    assert "are off" in p2pctl(node, "alt-speeds", "off", "--no-schedule")
    assert "not a label" in p2pctl(node, "limit", "--label", "a,b", "--up", 1, status=1)


def test_without_a_daemon_the_status_is_3(new_p2pd):
    node = new_p2pd()
    node.terminate()
    assert str(node.control_port) in p2pctl(node, "list", status=3)
