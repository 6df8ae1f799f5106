"""stig, a client for the terminal, drives a p2pd by its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

STIG = shutil.which("stig") or str(Path(sys.executable).parent / "stig")


@pytest.fixture
def stig(new_p2pd, work):
    if not os.path.exists(STIG):
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("stig is not installed, and CI must run every interop test")
        pytest.skip("stig is not installed")
    node = new_p2pd()
    token = (node.state_folder / "control-token").read_text().strip()
    url = f"http://p2pd:{token}@127.0.0.1:{node.control_port}/transmission/rpc"
    home = work / "home"
    home.mkdir()

    def run(*command):
        result = subprocess.run(
            [STIG, "--notui", "--norcfile", "set", "connect.url", url, ";", *map(str, command)],
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not result.returncode, result.stdout + result.stderr
        return result.stdout + result.stderr

    return node, run


def test_it_adds_lists_changes_and_removes(stig, work):
    node, run = stig
    content = libtorrent_content(make_file(work / "original", MIB), "v1")
    assert "Added" in run("add", content.torrent, "--path", content.folder)
    node.hash_string = content.wire_ids[0].hex()
    wait_until(node.is_seed, 20, "a seed", details=node.state)
    assert content.name in run("list", "--columns", "name,size,%downloaded,ratio,status")
    assert content.name in run("filelist", "all")
    assert node.hash_string in run("details", "all")

    run("ratelimit", "up", "200kB", "all")
    assert node.torrent("upload_limit", "upload_limited") == {
        "upload_limit": 200, "upload_limited": True
    }  # fmt: skip
    run("label", "--set", "kept,seen", "all")
    assert sorted(node.torrent("labels")["labels"]) == ["kept", "seen"]
    run("tracker", "add", "all", "http://127.0.0.1:1/a")
    assert node.torrent("tracker_list") == {"tracker_list": "http://127.0.0.1:1/a"}
    assert content.name in run("trackerlist", "all", "--columns", "torrent,domain")
    run("priority", "high", "all")
    assert node.torrent("priorities") == {"priorities": [1]}

    run("stop", "all")
    wait_until(lambda: node.torrent("status") == {"status": 0}, 10, "its end", details=node.state)
    run("verify", "all")
    node.wait_checked()
    elsewhere = work / "elsewhere"
    run("move", "all", elsewhere)
    wait_until(lambda: (elsewhere / content.name).exists(), 20, "the move", details=node.state)
    wait_until(lambda: node.torrent("move")["move"] is None, 20, "its end", details=node.state)
    run("remove", "--force", "all")
    assert node.call("torrent_get", fields=["id"]) == {"torrents": []}
    assert (elsewhere / content.name).stat().st_size == MIB
    node.check_healthy()
