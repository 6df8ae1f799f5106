"""The history of statistics of a real daemon: told to the byte, over restarts, kills and damage."""

from __future__ import annotations

import json

import pytest
from peers.p2pctl import p2pctl
from peers.payload import MIB, libtorrent_content, make_file
from peers.processes import wait_until

SIZE = 5 * MIB


@pytest.fixture
def leech(work, new_p2pd):
    """A node that has downloaded a torrent from another one."""
    content = libtorrent_content(make_file(work / "content", SIZE), "v1")
    seed, leech = new_p2pd("seed"), new_p2pd("leech")
    seed.share(content)
    leech.add(content.torrent)
    leech.dial(seed)
    wait_until(leech.is_seed, 30, "the download", details=leech.state)
    return leech


def downloaded(node, **params):
    answer = node.call("history_get", **params)
    found = answer["torrents"][0]["rows"] if "ids" in params else answer["session"]
    return sum(row["downloaded_bytes"] for row in found)


def test_what_was_moved_is_known_after_a_restart(leech):
    leech.terminate()
    leech.start()
    ids = [leech.hash_string]
    assert downloaded(leech, ids=ids) == leech.torrent("downloaded_ever")["downloaded_ever"]
    assert downloaded(leech) == downloaded(leech, ids=ids) >= SIZE
    shown = p2pctl(leech, "history")
    assert "session: since" in shown
    assert "5.0 MiB, up to" in shown
    answer = json.loads(p2pctl(leech, "history", ids[0], "--json"))
    assert answer["torrents"][0]["hash_string"] == ids[0]
    leech.call("torrent_remove", ids=ids, delete_local_data=True)
    assert downloaded(leech, ids=ids) >= SIZE
    leech.check_healthy()


def test_a_damaged_history_never_keeps_it_from_starting(leech):
    leech.terminate()
    for journal in leech.state_folder.glob("history.db-*"):
        journal.unlink()
    (leech.state_folder / "history.db").write_bytes(b"x" * 8192)
    leech.start()
    assert downloaded(leech) == 0
    assert (leech.state_folder / "history.db.damaged").stat().st_size == 8192
    assert "a new one is begun" in leech.log_text()
    leech.check_healthy()


def test_without_a_history_the_question_is_refused(new_p2pd):
    node = new_p2pd(settings={"state.history_mib": "0"})
    with pytest.raises(Exception, match=r"state\.history_mib is 0"):
        node.call("history_get")
    assert not (node.state_folder / "history.db").exists()
    node.check_healthy()
