"""Torrents whose data is on an nginx: alone, beside a libtorrent, and when something is wrong."""

from __future__ import annotations

import time

import pytest
from peers.payload import (
    MIB,
    libtorrent_content,
    make_file,
    make_folder,
    make_odd_file,
    p2pd_content,
)
from peers.processes import wait_until
from peers.tls_swarm import TlsSwarm, certify, tls_p2pd

SIZE = 8 * MIB


def shown(node) -> dict:
    """What it tells of its one web seed."""
    (row,) = node.torrent("webseeds_ex")["webseeds_ex"]
    return row


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_file_comes_from_it(work, new_p2pd, new_nginx, version):
    path = make_odd_file(work / "original")
    server = new_nginx(path.parent)
    content = libtorrent_content(path, version, web_seeds=[f"{server.url}{path.name}"])
    node = new_p2pd()
    node.add(content.torrent)
    node.wait_copy_of(content, 30)
    assert shown(node)["downloaded"] >= content.size
    answers = server.answers()
    assert {row[0] for row in answers} == {"206"}
    assert len({row[2] for row in answers}) <= 2, "connections are kept"
    assert server.bytes_sent() < 1.02 * content.size
    node.check_healthy()


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_many_files_come_from_it(work, new_p2pd, new_nginx, version):
    path = make_folder(work / "original")
    server = new_nginx(path.parent)
    content = libtorrent_content(path, version, web_seeds=[server.url])
    node = new_p2pd()
    node.add(content.torrent)
    node.wait_copy_of(content, 30)
    assert {row[0] for row in server.answers()} <= {"206", "200"}
    assert not any("/.pad/" in row[4] for row in server.answers())
    node.check_healthy()


def test_what_p2pd_made_comes_from_a_folder_of_the_server(work, new_p2pd, new_nginx):
    path = make_folder(work / "original" / "pub")
    server = new_nginx(path.parent.parent)
    content = p2pd_content(path, "hybrid", web_seeds=[f"{server.url}pub"])
    node = new_p2pd()
    node.add(content.torrent)
    node.wait_copy_of(content, 30)


def test_a_libtorrent_and_the_server_share_the_work(work, new_p2pd, new_nginx, new_libtorrent):
    path = make_file(work / "original", SIZE)
    server = new_nginx(path.parent, more="limit_rate 1m;")
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}{path.name}"])
    seed = new_libtorrent("seed")
    seed.share(content)
    node = new_p2pd()
    node.add(content.torrent)
    wait_until(lambda: shown(node)["downloaded"] > 0, 20, "something of the server")
    node.dial(seed)
    node.wait_copy_of(content, 60)
    row = node.torrent("downloaded_ever", "corrupt_ever", "webseeds_ex")
    assert row["webseeds_ex"][0]["downloaded"] > 0
    assert row["downloaded_ever"] > row["webseeds_ex"][0]["downloaded"], "the peer gave, too"
    # In the end the peer is asked for what the server was asked for, which sends that in gusts.
    received = row["downloaded_ever"] + row["corrupt_ever"]
    assert received < SIZE + 2 * MIB, "more than one question to the server came twice"


def test_one_that_dies_midway_is_asked_again(work, new_p2pd, new_nginx):
    path = make_file(work / "original", SIZE // 2)
    server = new_nginx(path.parent, more="limit_rate 1m;")
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}{path.name}"])
    node = new_p2pd()
    node.add(content.torrent)
    wait_until(lambda: node.bytes_verified() > MIB // 2, 20, "a part of it")
    server.stop()
    wait_until(lambda: shown(node)["state"] == "waiting", 20, "trouble", details=node.log_tail)
    assert shown(node)["error_string"]
    before = node.bytes_verified()
    assert before < SIZE // 2
    server.start()
    node.wait_copy_of(content, 60)
    assert shown(node)["error_string"] == ""
    node.check_healthy()


def test_one_with_wrong_bytes_is_given_up(work, new_p2pd, new_nginx, new_libtorrent):
    path = make_file(work / "original", SIZE)
    wrong = make_file(work / "wrong", SIZE, seed=2)
    server = new_nginx(wrong.parent)
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}{path.name}"])
    node = new_p2pd()
    node.add(content.torrent)
    wait_until(lambda: shown(node)["state"] == "dropped", 20, "the end of it")
    assert "wrong data" in shown(node)["error_string"]
    assert node.bytes_verified() == 0
    seed = new_libtorrent("seed")
    seed.share(content)
    node.dial(seed)
    node.wait_copy_of(content, 30)
    assert not node.call("peer_banned")["bans"]


def test_a_file_of_another_size_is_not_taken(work, new_p2pd, new_nginx):
    path = make_file(work / "original", SIZE)
    other = make_file(work / "other", SIZE + 1)
    server = new_nginx(other.parent)
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}{path.name}"])
    node = new_p2pd()
    node.add(content.torrent)
    wait_until(lambda: "bytes, that of the torrent" in shown(node)["error_string"], 20, "words")
    assert node.torrent("downloaded_ever")["downloaded_ever"] == 0


def test_redirects_are_followed_and_remembered(work, new_p2pd, new_nginx):
    path = make_file(work / "original", SIZE)
    server = new_nginx(
        path.parent, more="location /old/ { rewrite ^/old/(.*)$ /$1 redirect; }"
    )  # fmt: skip
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}old/{path.name}"])
    node = new_p2pd()
    node.add(content.torrent)
    node.wait_copy_of(content, 30)
    moved = [row for row in server.answers() if row[4].startswith("/old/")]
    assert 1 <= len(moved) <= 2, "once by each connection"


def test_limits_hold_for_it(work, new_p2pd, new_nginx):
    path = make_file(work / "original", SIZE)
    server = new_nginx(path.parent)
    content = libtorrent_content(path, "v1", web_seeds=[f"{server.url}{path.name}"])
    node = new_p2pd(settings={"bandwidth.download": "1000"})
    node.add(content.torrent)
    wait_until(lambda: node.torrent("downloaded_ever")["downloaded_ever"] > 0, 15, "first bytes")
    before, began = node.torrent("downloaded_ever")["downloaded_ever"], time.monotonic()
    time.sleep(4)
    rate = (node.torrent("downloaded_ever")["downloaded_ever"] - before) / (
        time.monotonic() - began
    )
    assert 0.75e6 < rate < 1.15e6
    assert shown(node)["is_downloading"]
    assert shown(node)["download_bytes_per_second"] > 0
    node.call("session_set", speed_limit_down_enabled=False)
    node.wait_copy_of(content, 20)


def test_others_can_be_given_to_a_running_torrent(work, new_p2pd, new_nginx):
    path = make_file(work / "original", SIZE)
    server = new_nginx(path.parent)
    content = libtorrent_content(path, "v1")
    node = new_p2pd()
    node.add(content.torrent)
    url = f"{server.url}{path.name}"
    node.call("torrent_set", ids=[node.hash_string], webseed_add=[url])
    node.wait_copy_of(content, 30)
    assert node.torrent("webseeds")["webseeds"] == [url]
    node.kill()
    node.start()
    assert node.torrent("webseeds")["webseeds"] == [url]


# -- torrents of a CA ------------------------------------------------------------------------------


def by_https(work, new_nginx, *, show=None, trusts=""):
    """A TLS torrent, its CA, and an nginx that asks for certificates and has its file."""
    swarm = TlsSwarm(work / "one", "v1", size=SIZE)
    identity = (show or swarm).issue(["localhost"])
    server = new_nginx(swarm.content.folder, identity=identity, trusts=trusts or swarm.ca_pem)
    swarm.web_seeds = (f"{server.url}{swarm.content.name.replace(' ', '%20')}",)
    swarm.content = swarm.torrent(swarm.content.path, "v1")
    return swarm, server


def test_a_torrent_of_a_ca_comes_from_a_server_of_that_ca(work, new_p2pd, new_nginx):
    swarm, server = by_https(work, new_nginx)
    node = tls_p2pd(new_p2pd)
    node.add(swarm.content.torrent)
    certify(node, swarm.issue())
    node.wait_copy_of(swarm.content, 30)
    assert {row[0] for row in server.answers()} == {"206"}
    node.check_healthy()


def test_a_server_of_another_ca_is_not_believed(work, new_p2pd, new_nginx):
    foreign = TlsSwarm(work / "foreign", "v1", size=1000)
    swarm, server = by_https(work, new_nginx, show=foreign)
    node = tls_p2pd(new_p2pd)
    node.add(swarm.content.torrent)
    certify(node, swarm.issue())
    wait_until(lambda: "certificate is refused" in shown(node)["error_string"], 20, "words")
    assert not server.answers()
    assert node.bytes_verified() == 0


def test_a_server_that_does_not_know_our_ca_gives_nothing(work, new_p2pd, new_nginx):
    foreign = TlsSwarm(work / "foreign", "v1", size=1000)
    swarm, server = by_https(work, new_nginx, trusts=foreign.ca_pem)
    node = tls_p2pd(new_p2pd)
    node.add(swarm.content.torrent)
    certify(node, swarm.issue())
    wait_until(lambda: shown(node)["error_string"], 20, "words")
    assert node.bytes_verified() == 0
    assert not any(row[0] == "206" for row in server.answers())


def test_a_torrent_of_a_ca_is_never_asked_for_in_the_clear(work, new_p2pd, new_nginx):
    swarm = TlsSwarm(work / "one", "v1", size=SIZE)
    server = new_nginx(swarm.content.folder)
    swarm.web_seeds = (f"{server.url}{swarm.content.name.replace(' ', '%20')}",)
    content = swarm.torrent(swarm.content.path, "v1")
    node = tls_p2pd(new_p2pd)
    node.add(content.torrent)
    certify(node, swarm.issue())
    wait_until(lambda: shown(node)["state"] == "refused", 20, "words")
    assert "HTTPS" in shown(node)["error_string"]
    assert not server.answers()


def test_a_server_that_no_ca_of_the_system_certified_is_not_believed(work, new_p2pd, new_nginx):
    swarm, server = by_https(work, new_nginx)
    path = make_file(work / "open", SIZE)
    content = libtorrent_content(path, "v1", web_seeds=swarm.web_seeds)
    node = new_p2pd()
    node.add(content.torrent)
    words = "its TLS certificate cannot be verified"
    wait_until(lambda: words in shown(node)["error_string"], 20, words)
    assert not server.answers()
    assert node.bytes_verified() == 0
