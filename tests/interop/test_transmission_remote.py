"""transmission-remote 3.00, which speaks the older dialect, drives a p2pd as if it were its own."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until


@pytest.fixture
def remote(new_p2pd):
    if shutil.which("transmission-remote") is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("transmission-remote is not installed, and CI must run every interop test")
        pytest.skip("transmission-remote is not installed")
    node = new_p2pd()
    token = (node.state_folder / "control-token").read_text().strip()

    def run(*arguments, fails=False):
        where = [f"127.0.0.1:{node.control_port}", "--authenv"]
        result = subprocess.run(
            ["transmission-remote", *where, *map(str, arguments)],
            env={**os.environ, "TR_AUTH": f"p2pd:{token}"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert bool(result.returncode) == fails, result.stdout + result.stderr
        return result.stdout + result.stderr

    return node, run


def test_it_adds_looks_changes_and_removes(remote, work):
    node, run = remote
    content = libtorrent_content(make_file(work / "original", 2 * MIB), "v1")
    assert '"success"' in run("--add", content.torrent, "--download-dir", content.folder)
    node.hash_string = content.wire_ids[0].hex()
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    assert content.name in run("--list")
    about = run("--torrent", 1, "--info")
    assert f"Hash: {node.hash_string}" in about
    assert f"Location: {content.folder}" in about
    assert "Percent Done: 100%" in about
    assert f"{content.name} (1 files)" in run("--torrent", 1, "--info-files")

    run("--torrent", 1, "--peers", 20, "--labels", "kept", "--uplimit", 50)
    row = node.torrent("peer_limit", "labels", "upload_limit", "upload_limited")
    assert row == {
        "peer_limit": 20, "labels": ["kept"], "upload_limit": 50, "upload_limited": True,
    }  # fmt: skip
    run("--downlimit", 100)
    fields = ["speed_limit_down", "speed_limit_down_enabled"]
    limits = node.call("session_get", fields=fields)
    assert limits == {"speed_limit_down": 100, "speed_limit_down_enabled": True}
    assert "4.1.0 (p2pd" in run("--session-info")
    assert "Started 1 times" in run("--session-stats")
    assert "Error: the btih in the" in run("--add", "magnet:?xt=urn:btih:zz", fails=True)

    said = run("--session-info")
    for words in ("Configuration directory: ", "Listenport: ", "Peer exchange allowed: No",
                  "Maximum memory cache size: ", "Default seed ratio limit: "):  # fmt: skip
        assert words in said
    said = run("--torrent", 1, "--info")
    for words in (
        "Bandwidth Priority: Normal",
        "Honors Session Limits: Yes",
        "Public torrent: Yes",
    ):
        assert words in said
    run("--torrent", 1, "--bandwidth-high")
    assert node.torrent("bandwidth_priority") == {"bandwidth_priority": 1}
    run("--torrent", 1, "--tracker-add", "http://127.0.0.1:1/a")
    assert "127.0.0.1:1" in run("--torrent", 1, "--info-trackers")
    run("--torrent", 1, "--tracker-remove", node.torrent("trackers")["trackers"][0]["id"])
    assert node.torrent("tracker_list") == {"tracker_list": ""}
    assert "Port is open: No" in run("--port-test")

    run("--torrent", 1, "--stop")
    assert node.torrent("status") == {"status": 0}
    run("--torrent", 1, "--verify")
    node.wait_checked()
    run("--torrent", 1, "--remove")
    assert node.call("torrent_get", fields=["id"]) == {"torrents": []}
    assert content.path.exists()
    node.check_healthy()


def test_it_updates_the_blocklist(remote, work):
    node, run = remote
    path = work / "list"
    node.call("session_set", blocklist_url=str(path))
    assert "cannot be read" in run("--blocklist-update", fails=True)
    path.write_text("bad:192.0.2.0-192.0.2.9\nworse:198.51.100.0-198.51.100.255\n")
    assert '"success"' in run("--blocklist-update")
    assert node.call("session_get", fields=["blocklist_size"]) == {"blocklist_size": 2}
    node.check_healthy()
