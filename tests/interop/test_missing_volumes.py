"""Real volumes that are unmounted and mounted again: nothing verified is lost or hashed."""

from __future__ import annotations

import subprocess

import pytest
from peers.payload import libtorrent_content, make_folder
from peers.processes import wait_until

EXTRA = 8 * 1024 * 1024


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Volume:
    """A file system that can be seen at `folder`, or not; what is on it stays in any case."""

    def __init__(self, folder, kept):
        self.folder, self.kept = folder, kept

    def mount(self):
        run("mount", "--bind", self.kept, self.folder)

    def unmount(self):
        run("umount", "--lazy", self.folder)

    def read_only(self, yes):
        """Whether the kernel did it."""
        options = f"remount,bind,{'ro' if yes else 'rw'}"
        done = subprocess.run(
            ["mount", "-o", options, self.folder], capture_output=True, check=False
        )
        return done.returncode == 0


@pytest.fixture
def volume(work):
    """Where the downloads of a p2pd called "node" are."""
    folder, kept = work / "node" / "downloads", work / "kept"
    for each in (folder, kept):
        each.mkdir(parents=True)
    made = ["mount", "-t", "tmpfs", "-o", "size=256m", "p2pd-test", str(kept)]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    volume = Volume(folder, kept)
    volume.mount()
    yield volume
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
    run("umount", "--lazy", str(kept))


@pytest.fixture
def content(work):
    return libtorrent_content(make_folder(work / "original", extra=EXTRA), "hybrid")


@pytest.fixture
def node(volume, new_p2pd):
    return new_p2pd("node", settings={"storage.folder_watch_seconds": "0.3"})


@pytest.fixture
def downloaded(content, node, new_libtorrent):
    """A libtorrent seed, of which p2pd has downloaded everything."""
    seed = new_libtorrent("seed")
    seed.share(content)
    node.add(content.torrent)
    node.dial(seed)
    node.wait_copy_of(content)
    return seed


def wait_for(node, state):
    wait_until(
        lambda: node.torrent("disk_state")["disk_state"] == state,
        10,
        f"disk state {state}",
        details=node.state,
    )


def bytes_read(node):
    """What the daemon has read of files so far, from the page cache too."""
    with open(f"/proc/{node.process.pid}/io") as lines:
        return int(next(line for line in lines if line.startswith("rchar:")).split()[1])


def test_a_seed_waits_for_its_volume_over_restarts_and_checks_nothing(
    node, volume, content, downloaded, new_libtorrent
):
    node.terminate()
    node.start()
    node.wait_seeding()
    volume.unmount()
    wait_for(node, "missing")
    shown = node.torrent("error", "error_string", "have_valid", "left_until_done")
    assert (shown["error"], shown["left_until_done"]) == (3, 0)
    assert "data is not there" in shown["error_string"]
    assert str(volume.folder) in shown["error_string"]
    for end in (node.terminate, node.kill):
        end()
        node.start()
        wait_for(node, "missing")
        node.call("torrent_start", ids=[node.hash_string])
        assert node.torrent("have_valid")["have_valid"] == shown["have_valid"]
    assert list(volume.folder.iterdir()) == [], "nothing is made below the mount point"
    before = bytes_read(node)
    volume.mount()
    node.wait_seeding(10)
    assert node.torrent("error_string")["error_string"] == ""
    assert bytes_read(node) - before < EXTRA // 8, "nothing was hashed"
    leecher = new_libtorrent("leecher")
    leecher.add(content.torrent)
    leecher.dial(node)
    leecher.wait_copy_of(content)
    node.check_healthy()


def test_a_mount_point_that_is_gone_is_not_made_anew(node, volume, downloaded):
    node.terminate()
    volume.unmount()
    volume.folder.rmdir()
    node.start()
    wait_for(node, "missing")
    node.call("torrent_start", ids=[node.hash_string])
    assert not volume.folder.exists()
    volume.folder.mkdir()
    volume.mount()
    node.wait_seeding(10)


def test_a_volume_can_be_unmounted_when_its_torrents_are_paused(node, volume, downloaded):
    node.call("torrent_stop", ids=[node.hash_string])

    def unmounted():
        return subprocess.run(["umount", volume.folder], check=False).returncode == 0

    wait_until(unmounted, 5, "the volume to be free")
    node.call("torrent_start", ids=[node.hash_string])
    wait_for(node, "missing")
    volume.mount()
    node.wait_seeding(10)
    node.check_healthy()


def test_a_download_whose_volume_goes_keeps_what_it_has(node, volume, content, new_libtorrent):
    seed = new_libtorrent("seed")
    seed.share(content)
    node.call("session_set", speed_limit_down=4000, speed_limit_down_enabled=True)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > EXTRA // 8, 20, "half of it", details=node.state)
    volume.unmount()
    wait_for(node, "missing")
    assert list(volume.folder.iterdir()) == []
    volume.mount()
    wait_for(node, "ok")
    node.call("session_set", speed_limit_down_enabled=False)
    node.dial(seed)
    node.wait_copy_of(content)
    node.check_healthy()


def test_a_missing_torrent_is_downloaded_anew_when_the_user_says_so(
    node, volume, content, downloaded
):
    volume.unmount()
    wait_for(node, "missing")
    given = downloaded.payload_uploaded
    assert list(volume.folder.iterdir()) == []
    node.call("torrent_verify", ids=[node.hash_string])
    node.dial(downloaded)
    # The seed was dialled at once: by the time that somebody looks all of it may be here again.
    wait_until(
        lambda: downloaded.payload_uploaded - given >= content.size,
        30,
        "all of it once more",
        details=node.state,
    )
    node.wait_copy_of(content)


def test_a_download_waits_while_its_volume_is_read_only(node, volume, content, new_libtorrent):
    seed = new_libtorrent("seed")
    seed.share(content)
    node.call("session_set", speed_limit_down=4000, speed_limit_down_enabled=True)
    node.add(content.torrent)
    node.dial(seed)
    wait_until(lambda: node.bytes_verified() > EXTRA // 8, 20, "half of it", details=node.state)
    # The kernel makes nothing read only that files are open to be written on.
    node.call("torrent_stop", ids=[node.hash_string])
    wait_until(lambda: volume.read_only(True), 5, "a volume that is read only")
    node.call("torrent_start", ids=[node.hash_string])
    node.dial(seed)
    wait_for(node, "read_only")
    assert "read only" in node.torrent("error_string")["error_string"]
    here = node.bytes_verified()
    assert here < content.size
    assert volume.read_only(False)
    wait_for(node, "ok")
    node.call("session_set", speed_limit_down_enabled=False)
    node.wait_copy_of(content)
    node.check_healthy()
