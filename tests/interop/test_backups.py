"""p2pctl backup and restore with real daemons: the same one, and another on an empty machine."""

from __future__ import annotations

import stat

import pytest
from peers.p2pctl import p2pctl
from peers.payload import MIB, libtorrent_content, make_file, make_folder
from peers.processes import wait_until


def torrents(node):
    fields = ["hash_string", "download_dir", "status", "left_until_done", "labels", "error_string"]
    rows = node.call("torrent_get", fields=fields)["torrents"]
    return {row["hash_string"]: row for row in rows}


@pytest.fixture
def backed_up(work, new_p2pd):
    node = new_p2pd()
    node.share(libtorrent_content(make_file(work / "a", 3 * MIB), "v1"))
    node.share(libtorrent_content(make_folder(work / "b"), "hybrid"))
    node.call("torrent_set", ids=[node.hash_string], labels=["kept"])
    node.call("torrent_stop", ids=[node.hash_string])
    node.call("session_set", upload_slots=9)
    file = work / "state.tar"
    assert "2 torrents" in p2pctl(node, "backup", str(file))
    return node, file


def test_an_empty_daemon_becomes_as_the_other_was(backed_up, new_p2pd):
    node, file = backed_up
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list((node.state_folder / "backups").iterdir()) == []
    before = torrents(node)
    node.terminate()
    other = new_p2pd("other")
    assert "2 torrents came back, 0 were there" in p2pctl(other, "restore", str(file))
    wait_until(lambda: torrents(other) == before, 30, "the torrents", details=other.log_tail)
    assert other.call("session_get", fields=["upload_slots"]) == {"upload_slots": 9}
    other.kill()
    other.start()
    wait_until(lambda: torrents(other) == before, 30, "the torrents", details=other.log_tail)
    other.check_healthy()


def test_what_was_removed_comes_back_and_what_was_added_stays(backed_up, work):
    node, file = backed_up
    before = torrents(node)
    node.call("torrent_remove", ids=[node.hash_string], delete_local_data=False)
    node.share(libtorrent_content(make_file(work / "c", MIB), "v2"))
    added = torrents(node)
    assert "1 torrent came back, 1 were there" in p2pctl(node, "restore", str(file))
    wait_until(lambda: torrents(node) == {**before, **added}, 30, "all", details=node.log_tail)
    assert "0 torrents came back, 2 were there" in p2pctl(node, "restore", str(file))
    node.check_healthy()


def test_a_file_that_is_no_backup_is_refused_in_words(backed_up, work):
    node, file = backed_up
    before = torrents(node)
    (work / "cut.tar").write_bytes(file.read_bytes()[:-20_000])
    (work / "text").write_text("this is no backup" * 1000)
    for name in ("cut.tar", "text"):
        assert "cannot be read" in p2pctl(node, "restore", str(work / name), status=1)
    assert "No such file" in p2pctl(node, "restore", str(work / "absent"), status=1)
    assert "is there already" in p2pctl(node, "backup", str(file), status=1)
    assert list((node.state_folder / "backups").iterdir()) == []
    assert torrents(node) == before
    node.check_healthy()


def test_a_ca_survives_its_disk_and_who_was_revoked_stays_so(work, new_p2pd):
    node = new_p2pd()
    words = work / "words"
    words.write_text("of the backup\n")
    passphrase = f"--passphrase-file={words}"
    p2pctl(node, "swarm-ca", "create", "films")
    for name in ("bob", "eve"):
        prefix = str(work / name)
        p2pctl(node, "swarm-ca", "issue", "films", "--label", name, "-o", prefix)
    p2pctl(node, "swarm-ca", "revoke", "films", "eve")
    assert "private key" not in p2pctl(node, "backup", str(work / "open.tar"))
    file = str(work / "sealed.tar")
    assert "1 private key" in p2pctl(node, "backup", file, passphrase)
    node.terminate()
    other = new_p2pd("other")
    assert "1 CA or certificate came back" in p2pctl(other, "restore", file, passphrase)
    (row,) = other.call("swarm_ca_list")["cas"]
    assert (row["name"], row["issued_count"], row["revoked_count"]) == ("films", 2, 1)
    key = other.state_folder / "swarm-ca" / "films" / "ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    rows = other.call("swarm_ca_list", name="films")["issued"]
    (bob,) = [row["serial"] for row in rows if row["label"] == "bob"]
    p2pctl(other, "swarm-ca", "renew", "films", bob, "-o", str(work / "again"))
    assert [row["label"] for row in rows if row["revoked_date"]] == ["eve"]
    other.check_healthy()
