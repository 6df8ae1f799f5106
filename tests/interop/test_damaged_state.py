"""A daemon whose database is damaged, while it is stopped or runs: it goes on, and says so."""

from __future__ import annotations

import os

import pytest
from peers.payload import MIB, libtorrent_content, make_file, make_folder
from peers.processes import wait_until


def damage(node):
    database = node.state_folder / "state.db"
    size = database.stat().st_size
    with database.open("r+b") as file:
        for page in range(1, size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(4096))


@pytest.fixture
def seeding(work, new_p2pd):
    """A daemon with two torrents of which one is in a folder of its own and one is paused."""
    node = new_p2pd()
    first = libtorrent_content(make_file(work / "elsewhere", 3 * MIB), "v1")
    node.share(first)
    paused = libtorrent_content(make_folder(work / "paused"), "hybrid")
    node.share(paused)
    node.call("torrent_stop", ids=[node.hash_string])
    wait_for_copy(node, '"paused": 1')
    return node


def wait_for_copy(node, words):
    """What is left of a database of which nothing can be read is its copies, a moment behind."""
    copies = node.state_folder / "torrents"

    def is_there():
        return any(words in copy.read_text() for copy in copies.glob("*.json"))

    wait_until(is_there, 10, f"a copy with {words}", details=node.log_text)


def torrents(node):
    fields = ["id", "hash_string", "download_dir", "status", "left_until_done", "error_string"]
    return {row["id"]: row for row in node.call("torrent_get", fields=fields)["torrents"]}


def wait_as_before(node, before):
    def as_before():
        return torrents(node) == before

    wait_until(as_before, 30, "the same torrents", details=node.log_tail)


@pytest.mark.parametrize("ended", ["terminate", "kill"])
def test_it_starts_with_the_same_torrents_and_checks_them(seeding, ended):
    before = torrents(seeding)
    assert {row["status"] for row in before.values()} == {0, 6}
    getattr(seeding, ended)()
    damage(seeding)
    seeding.start()
    wait_as_before(seeding, before)
    notice = seeding.call("session_get", fields=["state_notice"])["state_notice"]
    assert "2 torrents came back" in notice
    assert notice in seeding.log_text()
    assert len(list((seeding.state_folder / "damaged").glob("*.db"))) == 1
    assert seeding.terminate() == 0
    seeding.start()
    wait_as_before(seeding, before)
    seeding.check_healthy()


def test_it_goes_on_when_the_database_breaks_under_it(seeding, work):
    before = torrents(seeding)
    damage(seeding)
    added = libtorrent_content(make_file(work / "added", MIB), "v2")
    seeding.share(added)
    seeding.call("torrent_set", ids=[min(before)], labels=["kept"])
    after = torrents(seeding)
    assert before.items() <= after.items()
    wait_for_copy(seeding, '"kept"')
    seeding.kill()
    seeding.start()
    wait_as_before(seeding, after)
    labels = seeding.call("torrent_get", ids=[min(before)], fields=["labels"])["torrents"]
    assert labels == [{"labels": ["kept"]}]
    seeding.check_healthy()
