"""A watch folder of a real daemon: told by the system, by the configuration and by clients."""

from __future__ import annotations

import os
import shutil
import urllib.request

import pytest
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until


@pytest.fixture
def content(work):
    return libtorrent_content(make_file(work / "content", MIB), "v1")


def rows(node):
    fields = ["name", "labels", "download_dir", "status"]
    return node.call("torrent_get", fields=fields)["torrents"]


def wait_for_torrents(node, count):
    wait_until(lambda: len(rows(node)) == count, 7, f"{count} torrents", details=node.log_tail)


def test_what_is_put_there_is_added_soon_and_sub_folders_may_go(work, new_p2pd, content):
    watched = work / "watched"
    (watched / "films").mkdir(parents=True)
    node = new_p2pd(
        settings={
            "watch.dir": str(watched),
            "watch.download_dir": str(work / "films"),
            "watch.folder_labels": "true",
        }
    )
    # Looks without notices are half a minute apart, and this waits for less.
    wait_until(lambda: "watch_folders 1" in metrics(node), 5, "the folder", details=node.log_tail)
    shutil.copy(content.torrent, watched / "films" / "a.torrent")
    wait_for_torrents(node, 1)
    (row,) = rows(node)
    assert (row["labels"], row["download_dir"]) == (["films"], str(work / "films"))
    wait_until((watched / "films" / "a.torrent.added").exists, 5, "the new name")
    shutil.rmtree(watched / "films")
    (watched / "more").mkdir()
    (watched / "more" / "b.magnet").write_text("magnet:?xt=urn:btih:" + "ab" * 20)
    wait_for_torrents(node, 2)
    node.check_healthy()


def metrics(node):
    token = (node.state_folder / "control-token").read_text().strip()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{node.control_port}/metrics",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read().decode()


def test_clients_set_folders_that_stay_after_a_restart(work, new_p2pd, content):
    node = new_p2pd()
    watched = work / "watched"
    watched.mkdir()
    shutil.copy(content.torrent, watched / "a.torrent")
    (watched / "broken.torrent").write_bytes(b"no torrent")
    os.symlink(content.torrent, watched / "link.torrent")
    folder = {"folder": str(watched), "afterwards": "delete", "paused": True}
    node.call("session_set", watch_folders=[folder])
    wait_for_torrents(node, 1)
    wait_until(lambda: rows(node)[0]["status"] == 0, 5, "the pause", details=node.log_tail)
    node.terminate()
    node.start()
    (kept,) = node.call("session_get", fields=["watch_folders"])["watch_folders"]
    assert kept == folder | {
        "recursive": True, "download_dir": "", "labels": [], "folder_labels": False, "move_to": "",
        "owner": "p2pd",
    }  # fmt: skip
    (watched / "b.url").write_text("[InternetShortcut]\nURL=magnet:?xt=urn:btih:" + "cd" * 20)
    wait_for_torrents(node, 2)
    wait_until(lambda: not (watched / "b.url").exists(), 5, "the end of the file")
    assert {path.name for path in watched.iterdir()} == {"broken.torrent", "link.torrent"}
    with pytest.raises(Exception, match="not an absolute path"):
        node.call("session_set", watch_folders=[{"folder": "x"}])
    node.check_healthy()
