"""A real file system that is too small: p2pd waits for room, and loses nothing of what came."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

SIZE = 12 * MIB
ROOM = 8 * MIB
BALLAST = 3 * MIB


@pytest.fixture
def small_disk(work):
    """The folder of a p2pd called "small", on a file system of its own, with something on it."""
    folder = work / "small" / "downloads"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM + BALLAST}", "p2pd-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    (folder / "ballast").write_bytes(bytes(BALLAST))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    ("preallocation", "kept_free"), [("none", 2), ("sparse", 0), ("full", 0), ("full", 2)]
)
def test_a_download_waits_for_room_and_goes_on_by_itself(
    work, small_disk, new_p2pd, new_libtorrent, preallocation, kept_free
):
    content = libtorrent_content(make_file(work / "original", SIZE), "v1")
    seed = new_libtorrent("seed")
    settings = {"storage.preallocation": preallocation, "storage.keep_free_mib": str(kept_free)}
    node = new_p2pd("small", settings=settings)
    assert node.downloads == small_disk
    seed.share(content)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(
        lambda: "no room" in node.torrent("error_string")["error_string"],
        20,
        "words about the room",
        details=node.state,
    )
    assert node.torrent("disk_state")["disk_state"] == "full"
    assert shutil.disk_usage(small_disk).free >= kept_free * MIB
    node.check_healthy()
    enlarge = ["mount", "-o", f"remount,size={2 * SIZE + BALLAST}", str(small_disk)]
    subprocess.run(enlarge, check=True)
    node.wait_copy_of(content)
    assert node.torrent("error_string")["error_string"] == ""
    assert seed.payload_uploaded == SIZE, "nothing was fetched twice"
    node.check_healthy()
