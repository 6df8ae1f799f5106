"""A DHT of fifty nodes on loopback, half of them p2pd's and half libtorrent's (BEP 5, 44, 46)."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from peers.dht_host import DhtHost
from peers.libtorrent_dht import LibtorrentDht, dht_settings
from peers.p2pctl import p2pctl
from peers.payload import libtorrent_content, make_file, p2pd_content
from peers.processes import wait_until

from p2pd.clients.free_port import free_port
from p2pd.discovery.dht.mutable_items import public_key_of
from p2pd.formats.bencode import encode

OF_EACH = 25
SECRET = hashlib.sha256(b"a secret").digest()
KEY = public_key_of(SECRET)
BIG_ENOUGH = 8
"""Nodes in a table that has everybody near."""


def expanded(secret: bytes) -> bytes:
    """The form in which libtorrent takes a secret: RFC 8032, 5.1.5, both halves of the hash."""
    digest = bytearray(hashlib.sha512(secret).digest())
    digest[0] &= 248
    digest[31] &= 63
    digest[31] |= 64
    return bytes(digest)


class Network:
    """All of them; `first` is the node that all others were told of."""

    def __init__(self, p2pd: DhtHost, libtorrent: list[LibtorrentDht]) -> None:
        self.p2pd = p2pd
        self.libtorrent = libtorrent
        self.first = p2pd.nodes[0]

    def is_joined(self) -> bool:
        ours = (self.p2pd.ask(node, "known") for node in range(OF_EACH))
        return min([*ours, *(node.known for node in self.libtorrent)]) >= BIG_ENOUGH


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Fifty nodes that found each other."""
    pytest.importorskip("libtorrent")
    port = free_port()
    nodes = [(f"127.1.0.{number + 1}", port) for number in range(OF_EACH)]
    with contextlib.ExitStack() as stack:
        host = DhtHost(tmp_path_factory.mktemp("dht"), nodes, nodes[0])
        stack.callback(host.stop)
        others = []
        for number in range(OF_EACH):
            others.append(LibtorrentDht((f"127.1.1.{number + 1}", port), nodes[0]))
            stack.callback(others[-1].stop)
        found = Network(host, others)
        wait_until(found.is_joined, 60, "network of fifty nodes", every=0.2)
        yield found


def test_who_announces_with_p2pd_is_found_by_libtorrent(network):
    info_hash = hashlib.sha1(b"announced by p2pd").digest()
    wanted = set()
    for node in (0, 7, 24):
        found = network.p2pd.ask(
            node, "find_peers", info_hash=info_hash.hex(), port=4000 + node, seed=False
        )
        assert found["announced_to"] == 8
        wanted.add((network.p2pd.nodes[node][0], 4000 + node))
    for node in (3, 20):
        assert network.libtorrent[node].find_peers(info_hash, wanted) == wanted


def test_who_announces_with_libtorrent_is_found_by_p2pd(network):
    info_hash = hashlib.sha1(b"announced by libtorrent").digest()
    wanted = []
    for node in (5, 11):
        network.libtorrent[node].announce(info_hash, 5000 + node)
        wanted.append([network.libtorrent[node].host, 5000 + node])

    def all_found() -> bool:
        found = network.p2pd.ask(11, "find_peers", info_hash=info_hash.hex(), port=0, seed=False)
        return sorted(wanted) == found["peers"]

    wait_until(all_found, 30, "announces of libtorrent", every=0.2)


def test_mutable_items_of_p2pd_are_read_and_renewed_by_libtorrent(network):
    ours = {"secret": SECRET.hex(), "salt": b"n".hex()}
    assert network.p2pd.ask(2, "put_mutable", seq=3, value=b"5:hello".hex(), **ours) == 8
    assert network.libtorrent[9].get_mutable(KEY, b"n") == (3, b"hello")
    assert network.libtorrent[4].put_mutable(expanded(SECRET), KEY, b"world", b"n") >= 8
    item = network.p2pd.ask(20, "get_mutable", key=KEY.hex(), salt=b"n".hex())
    assert item == {"seq": 4, "value": b"5:world".hex()}


def test_mutable_items_of_libtorrent_are_read_and_renewed_by_p2pd(network):
    assert network.libtorrent[1].put_mutable(expanded(SECRET), KEY, b"first", b"m") >= 8
    there = network.p2pd.ask(3, "get_mutable", key=KEY.hex(), salt=b"m".hex())
    assert there["value"] == b"5:first".hex()
    put = {"secret": SECRET.hex(), "salt": b"m".hex(), "value": b"6:second".hex()}
    assert network.p2pd.ask(13, "put_mutable", seq=there["seq"] + 1, **put) >= 8
    assert network.libtorrent[17].get_mutable(KEY, b"m") == (there["seq"] + 1, b"second")


def test_immutable_items_go_both_ways(network):
    for value in (b"from libtorrent", b"from p2pd"):
        target, bencoded = hashlib.sha1(encode(value)).digest(), encode(value)
        if value == b"from p2pd":
            assert network.p2pd.ask(14, "put_immutable", value=bencoded.hex()) == 8
        else:
            assert network.libtorrent[6].put_immutable(value) == 8
        assert network.libtorrent[18].get_immutable(target) == value
        assert network.p2pd.ask(8, "get_immutable", target=target.hex()) == bencoded.hex()


def daemon_settings(network):
    host, port = network.first
    return {"discovery.dht": "true", "discovery.dht_bootstrap": f'["{host}:{port}"]'}


def known(node) -> int:
    """How many nodes its own knows."""
    return sum(row["good"] for row in node.call("dht_status")["nodes"])


def announced(node) -> bool:
    """Whether nodes of the DHT took its torrent."""
    rows = node.torrent("discovery")["discovery"]
    (row,) = (row for row in rows if row["name"] == "dht")
    return row["last_time"] > 0 and not row["error_string"]


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_a_magnet_of_what_libtorrent_seeds_needs_one_node_of_the_dht(
    work, network, new_p2pd, new_libtorrent, version
):
    content = libtorrent_content(make_file(work / "original", 1_000_003), version)
    seed = new_libtorrent(host="127.2.0.1", **dht_settings(network.first))
    seed.share(content)
    leecher = new_p2pd(host="127.2.0.2", settings=daemon_settings(network))
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)
    leecher.check_healthy()


def test_a_magnet_of_what_p2pd_seeds_is_got_by_libtorrent(work, network, new_p2pd, new_libtorrent):
    content = libtorrent_content(make_file(work / "original", 1_000_003), "hybrid")
    seed = new_p2pd(host="127.2.0.3", settings=daemon_settings(network))
    seed.share(content)
    wait_until(lambda: announced(seed), 30, "announce in the DHT")
    leecher = new_libtorrent(host="127.2.0.4", **dht_settings(network.first))
    leecher.wait_dht()  # what is added before that is not looked up for a quarter of an hour
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)
    seed.check_healthy()


def test_nodes_that_a_torrent_names_are_all_that_is_needed(work, network, new_p2pd):
    host, port = network.first
    content = p2pd_content(make_file(work / "original", 1_000_003), "v1", nodes=[(host, port)])
    alone = {"discovery.dht": "true", "discovery.dht_bootstrap": "[]"}
    seed = new_p2pd("seed", host="127.2.0.5", settings=alone)
    seed.share(content)
    leecher = new_p2pd("leecher", host="127.2.0.6", settings=alone)
    leecher.add(content.torrent)
    leecher.wait_copy_of(content)


def test_an_owner_who_renews_a_torrent_is_followed(work, network, new_p2pd):
    first = libtorrent_content(make_file(work / "one", 1_000_003, name="first.bin"), "v1")
    second = libtorrent_content(make_file(work / "two", 500_003, name="second.bin", seed=2), "v1")
    owner = new_p2pd("owner", host="127.2.0.7", settings=daemon_settings(network))
    owner.share(first)
    owner.share(second)
    key = str(work / "owner.key")
    p2pctl(owner, "dht", "make-key", key)
    link = p2pctl(owner, "dht", "publish", "--key", key, str(first.torrent)).splitlines()[-1]
    reader = new_p2pd("reader", host="127.2.0.8", settings=daemon_settings(network))
    wait_until(
        lambda: known(reader) >= 8, 30, "table", details=lambda: str(reader.call("dht_status"))
    )
    reader.add_magnet(link, labels=["dumps"])
    reader.wait_copy_of(first)
    p2pctl(owner, "dht", "publish", "--key", key, str(second.torrent))
    (followed,) = reader.call("dht_followed")["followed"]
    reader.call("dht_follow_check", id=followed["id"])
    (torrent,) = reader.call("torrent_get", fields=["hash_string", "labels"])["torrents"]
    assert torrent == {"hash_string": second.wire_ids[0].hex(), "labels": ["dumps"]}
    reader.hash_string = torrent["hash_string"]
    reader.wait_copy_of(second)
    owner.check_healthy()
    reader.check_healthy()
