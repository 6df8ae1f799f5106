"""The DHT between real daemons on loopback: nothing but one node's address to begin with."""

from __future__ import annotations

import socket
from functools import partial

from peers.payload import libtorrent_content, make_file
from peers.processes import wait_until

ON = {"discovery.dht": "true"}
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
FIND_NODE = (
    b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"
)


def ask(node, query: bytes) -> bytes:
    """What its node of the DHT answers; nothing, if there is none. It may ask us, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        asking.sendto(query, (node.host, node.port))
        try:
            while b"1:t2:aa" not in (answer := asking.recv(1500)):
                continue
        except TimeoutError:
            return b""
        return answer


def answers(node) -> bool:
    return bool(ask(node, PING))


def knows(node, other) -> bool:
    """Whether it tells of another one."""
    return socket.inet_aton(other.host) + other.port.to_bytes(2, "big") in ask(node, FIND_NODE)


def was_looked_up(node) -> bool:
    """Whether its torrent was, and announced."""
    (dht,) = [each for each in node.torrent("discovery")["discovery"] if each["name"] == "dht"]
    return dht["last_time"] > 0


def network_of(new_p2pd, count: int, **more):
    """So many daemons; all but the first are told of the first."""
    nodes = [new_p2pd("node0", settings={**ON, "discovery.dht_bootstrap": "[]"})]
    first = f'["{nodes[0].host}:{nodes[0].port}"]'
    for number in range(1, count):
        settings = {**ON, "discovery.dht_bootstrap": first, **more}
        nodes.append(new_p2pd(f"node{number}", host=f"127.0.0.{number + 1}", settings=settings))
    return nodes


def test_a_bare_info_hash_is_enough(work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", 1_000_003), "v1")
    first, seed, leecher = network_of(new_p2pd, 3)
    seed.share(content)
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)
    for node in (first, seed, leecher):
        node.check_healthy()


def test_a_restart_begins_with_the_nodes_of_before(work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", 1_000_003), "v1")
    first, seed, other, leecher = network_of(new_p2pd, 4)
    for node in (seed, other):
        wait_until(partial(knows, leecher, node), 30, "a node in the leecher's table")
    leecher.stop()
    seed.share(content)
    wait_until(partial(was_looked_up, seed), 30, "an announce")
    first.stop()
    again = new_p2pd(
        leecher.folder.name,
        host=leecher.host,
        settings={**ON, "discovery.dht_bootstrap": "[]"},
    )
    again.add_magnet(content.magnet)
    again.wait_copy_of(content)


def test_a_daemon_without_it_does_not_answer_until_a_client_turns_it_on(new_p2pd):
    off = new_p2pd("off")
    assert not answers(off)
    off.call("session_set", dht_enabled=True)
    wait_until(lambda: answers(off), 10, "an answer")
    off.call("session_set", dht_enabled=False)
    assert not answers(off)
    off.check_healthy()


def test_one_that_only_reads_finds_and_does_not_answer(work, new_p2pd):
    content = libtorrent_content(make_file(work / "original", 1_000_003), "v1")
    first, seed = network_of(new_p2pd, 2)
    settings = {
        **ON,
        "discovery.dht_bootstrap": f'["{first.host}:{first.port}"]',
        "discovery.dht_read_only": "true",
    }
    leecher = new_p2pd("reader", host="127.0.0.9", settings=settings)
    seed.share(content)
    leecher.add_magnet(content.magnet)
    leecher.wait_copy_of(content)
    wait_until(lambda: answers(first), 10, "an answer of who does")
    assert not answers(leecher)
