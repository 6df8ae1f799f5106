"""Torrents that a real daemon makes of what it has: seeded without a check, and downloaded."""

from __future__ import annotations

import json
import os

import pytest
from peers.http_calls import RpcError
from peers.p2pctl import p2pctl
from peers.payload import MIB, make_file, make_folder
from peers.processes import wait_until

from p2pd.formats.metainfo import parse_torrent


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_folder_is_made_seeded_without_a_check_and_downloaded(work, new_p2pd, version):
    seed, leech = new_p2pd("seed"), new_p2pd("leech")
    folder = make_folder(seed.downloads, name="show", extra=8 * MIB)
    told = p2pctl(
        seed, "create", str(folder), "--remote", "--add", "--label", "own", "--type", version,
        "--private", "--comment", "words",
    )  # fmt: skip
    assert "show.torrent" in told
    metainfo = parse_torrent((seed.folder / "show.torrent").read_bytes())
    assert (metainfo.private, metainfo.comment) == (True, "words")
    assert seed.call("task_get")["tasks"] == []
    seed.hash_string = metainfo.info_hashes.hash_string
    # Nothing was hashed a second time: all of it is here at the first look.
    row = seed.torrent("labels", "left_until_done", "percent_done", "download_dir")
    assert (row["labels"], row["left_until_done"], row["percent_done"]) == (["own"], 0, 1)
    assert row["download_dir"] == str(seed.downloads)
    wait_until(seed.is_seed, 20, "seeding", details=seed.state)
    leech.add(seed.folder / "show.torrent")
    leech.dial(seed)
    wait_until(leech.is_seed, 30, "the download", details=leech.state)
    for node in (seed, leech):
        node.check_healthy()


def test_what_is_elsewhere_is_refused_and_a_task_can_be_cancelled(work, new_p2pd):
    more = work / "more"
    node = new_p2pd(settings={"storage.content_folders": json.dumps([str(more)])})
    secret = make_file(work / "secret", MIB)
    assert "not in storage.download_dir" in p2pctl(
        node, "create", str(secret), "--remote", status=1
    )
    with pytest.raises(RpcError, match=r"not in storage\.download_dir"):
        node.call("torrent_create", path=str(node.state_folder / "control-token"))
    more.mkdir()
    big = more / "big"
    big.touch()
    os.truncate(big, 8192 * MIB)
    number = node.call("torrent_create", path=str(big))["task_id"]
    node.call("task_cancel", id=number)

    def state():
        (task,) = node.call("task_get", ids=[number])["tasks"]
        return task["state"]

    wait_until(lambda: state() == "cancelled", 10, "the end of the task", details=node.log_tail)
    node.check_healthy()
