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


def test_a_torrent_is_changed_in_every_way(work, new_p2pd):
    node = new_p2pd()
    torrent = work / "made.torrent"
    folder = make_folder(work / "original")
    url = "http://127.0.0.1:9/announce"
    p2pctl(node, "create", "--tracker", url, "--output", torrent, folder)
    p2pctl(node, "add", "--paused", "--skip", "1,3-7", "--high", 2, torrent)
    rows = json.loads(p2pctl(node, "files", 1, "--json"))
    assert [row["index"] for row in rows if row["wanted"]] == [0, 2]
    assert rows[2]["priority"] == 1
    rows = json.loads(p2pctl(node, "files", 1, "--get", "all", "--low", "0-1", "--json"))
    assert all(row["wanted"] for row in rows)
    assert [row["priority"] for row in rows[:3]] == [-1, -1, 1]

    p2pctl(node, "set", "--state", "stopped", "--add-label", "a", "--add-label", "b")
    p2pctl(node, "set", 1, "--remove-label", "a", "--peer-limit", 7)
    assert json.loads(p2pctl(node, "info", 1, "--json"))["labels"] == ["b"]
    other = "udp://127.0.0.1:9/announce"
    p2pctl(node, "trackers", 1, "--add", other)
    p2pctl(node, "trackers", 1, "--remove", url)
    rows = json.loads(p2pctl(node, "trackers", 1, "--json"))
    assert [row["announce"] for row in rows] == [other]
    assert "new peer" in p2pctl(node, "add-peers", 1, "127.0.0.1:9")
    due = json.loads(p2pctl(node, "deadlines", 1, "--from-piece", 1, "--count", 2, "--json"))
    assert [piece for piece, _ in due] == [1, 2]
    assert "0 of " in p2pctl(node, "pieces", 1)
    p2pctl(node, "verify", 1, "--wait")
    p2pctl(node, "reannounce", "--label", "b")
    assert "--yes" in p2pctl(node, "remove", 1, "--delete-data", status=2)
    assert json.loads(p2pctl(node, "list", "--label", "a", "--json")) == []


def test_the_daemon_is_asked_set_and_stopped(new_p2pd):
    node = new_p2pd()
    assert p2pctl(node, "settings", "peer_limit_global=77").split() == ["peer_limit_global", "77"]
    assert "no setting" in p2pctl(node, "settings", "nothing", status=1)
    assert "Torrents active" in p2pctl(node, "stats")
    assert str(node.downloads) in p2pctl(node, "free-space")
    assert "torrent_get" in p2pctl(node, "api")
    assert json.loads(p2pctl(node, "api", "session_get", 'fields=["peer_limit_global"]')) == {
        "peer_limit_global": 77
    }
    assert "stopped" in p2pctl(node, "shutdown", "--yes", "--wait")
    p2pctl(node, "list", status=3)


def test_without_a_daemon_the_status_is_3(new_p2pd):
    node = new_p2pd()
    node.terminate()
    assert str(node.control_port) in p2pctl(node, "list", status=3)
