"""The DHT's service: its nodes on their sockets, over restarts, and with a way out that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.outcomes import LookupOutcome, Operation
from p2pd.discovery.dht_service import host_nodes
from p2pd.discovery.dht_service import service as service_module
from p2pd.discovery.dht_service.service import DhtServiceOptions
from p2pd.state.dht_nodes import SavedDht
from p2pd.transports.way_out import InterfaceWay
from tests.discovery.dht_hosts_network import PORT, Host, MemoryStore, Network

PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
HASH = b"h" * 20
FIRST = "10.0.0.1"
TO_FIRST = (f"{FIRST}:{PORT}",)


class Search:
    """A search of a host for peers, and what it was told."""

    def __init__(self, host: Host, port: int = 0, **options: Any) -> None:
        self.peers: list[PeerAddress] = []
        self.outcomes: list[LookupOutcome] = []
        self.operation: Operation = host.service.find_peers(
            HASH, port, found=self._found, done=self.outcomes.append, **options
        )

    def _found(self, peers: Sequence[PeerAddress]) -> None:
        self.peers += peers


def small_network(count: int = 5, **options: Any) -> tuple[Network, list[Host]]:
    """Hosts that know each other by the first of them."""
    network = Network()
    hosts = [
        Host(network, f"10.0.{number}.1", bootstrap=TO_FIRST if number else (), **options)
        for number in range(count)
    ]
    for host in hosts:
        host.start()
    network.run(20)
    return network, hosts


def test_hosts_find_each_other_and_who_announced_is_found() -> None:
    network, hosts = small_network()
    assert [host.good() for host in hosts] == [[4]] * 5
    announced = Search(hosts[1], 7000, seed=True)
    network.run(5)
    assert announced.outcomes[0].announced_to == 4
    found = Search(hosts[3])
    network.run(5)
    assert found.peers == [PeerAddress("10.0.1.1", 7000)]
    assert (found.outcomes[0].announced_to, found.outcomes[0].error) == (0, "")
    no_seeds = Search(hosts[3], noseed=True)
    network.run(5)
    assert (no_seeds.peers, len(no_seeds.outcomes)) == ([], 1)


def test_who_is_asked_to_begin_with_is_kept_only_if_it_is_on_our_own_network() -> None:
    network = Network()
    router = Host(network, "198.51.0.1")
    hosts = [
        Host(network, f"198.51.{number}.1", bootstrap=(f"198.51.0.1:{PORT}",))
        for number in range(1, 4)
    ]
    for host in (router, *hosts):
        host.start()
    network.run(20)
    assert router.good() == [3]
    assert [host.good() for host in hosts] == [[2]] * 3


def test_nothing_is_told_after_a_search_was_given_up() -> None:
    network, hosts = small_network()
    Search(hosts[1], 7000)
    network.run(5)
    given_up = Search(hosts[3])
    given_up.operation.cancel()
    given_up.operation.cancel()
    network.run(5)
    assert (given_up.peers, given_up.outcomes) == ([], [])


def test_who_searches_where_nobody_is_hears_why_it_came_to_nothing() -> None:
    network = Network()
    host = Host(network, FIRST)
    early, given_up = Search(host), Search(host)
    given_up.operation.cancel()
    host.start()
    assert early.outcomes == [], "not before find_peers returned"
    network.run(0.1)
    assert [each.error for each in early.outcomes] == ["the DHT has no way to others"]
    assert given_up.outcomes == []
    alone = Search(host)
    network.run(150)
    assert [each.error for each in alone.outcomes] == ["no node of the DHT answered"]
    host.service.switch(False)
    off = Search(host)
    network.run(0.1)
    assert [each.error for each in off.outcomes] == ["the DHT is off"]


def test_who_announced_to_us_is_found_even_if_nobody_else_is_there() -> None:
    network = Network()
    first, second = Host(network, FIRST), Host(network, "10.0.1.1", bootstrap=TO_FIRST)
    for host in (first, second):
        host.start()
    network.run(10)
    Search(first, 7000)
    network.run(5)
    found, given_up = Search(second), Search(second)
    assert found.peers == [], "not before find_peers returned"
    given_up.operation.cancel()
    network.run(5)
    assert [str(peer) for peer in found.peers] == [f"{FIRST}:7000"]
    assert given_up.peers == []


def test_nothing_wakes_or_sends_when_it_is_stopped() -> None:
    network, hosts = small_network(3)
    search = Search(hosts[2])
    for host in hosts:
        host.stop()
    network.run(1)
    assert search.outcomes[0].error == "the node of the DHT was stopped"
    sent = len(network.sent)
    network.run(60)
    assert len(network.sent) == sent
    assert network.clock.getDelayedCalls() == []


def test_it_is_turned_off_and_on() -> None:
    network, hosts = small_network(3)
    host, told = hosts[2], []
    host.service.changed = lambda: told.append(host.service.enabled)
    search = Search(host)
    host.service.switch(False)
    host.service.switch(False)
    assert (host.service.enabled, host.service.port) == (False, 0)
    network.run(1)
    assert search.outcomes[0].error == "the node of the DHT was stopped"
    sent = len(network.sent)
    host.service.add_node(PeerAddress("10.0.1.1", PORT))
    network.sockets["10.0.2.1"].receive(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
                                        ("10.0.1.1", PORT))  # fmt: skip
    network.run(60)
    assert not [each for each in network.sent[sent:] if each[0] == "10.0.2.1"]
    host.service.switch(True)
    network.run(20)
    assert told == [False, True]
    assert host.good() == [2]
    assert host.service.port == PORT


def test_one_that_is_off_at_the_start_stays_so() -> None:
    network = Network()
    host = Host(network, FIRST, on=False, bootstrap=("10.0.1.1:6881",))
    host.start()
    network.run(60)
    assert network.sent == []
    assert not host.service.status().on
    host.service.switch(True)
    network.run(5)
    assert network.sent[0][:2] == (FIRST, ("10.0.1.1", 6881))
    host.stop()
    assert host.store.saves == 1


def test_a_restart_brings_back_the_id_and_the_nodes() -> None:
    network, hosts = small_network()
    host = hosts[4]
    before = host.service.status().nodes[0].node_id
    host.stop()
    network.run(60)
    again = Host(network, "10.0.4.1", store=host.store, seed=2)
    again.start()
    network.run(20)
    assert again.service.status().nodes[0].node_id == before
    assert again.good() == [4], "without any to begin with"


def test_what_is_known_is_saved_now_and_then_and_only_if_it_changed() -> None:
    network, hosts = small_network(3)
    store = hosts[2].store
    assert store.saves == 0
    network.run(service_module.SAVE_SECONDS, 1.0)
    assert store.saves == 1
    assert {address.host for _, address in store.saved.nodes} == {FIRST, "10.0.1.1"}
    network.run(service_module.SAVE_SECONDS, 1.0)
    assert store.saves == 1


def test_an_empty_table_is_no_reason_to_forget_what_was_known() -> None:
    network, store = Network(), MemoryStore()
    node = (b"n" * 20, PeerAddress("10.0.9.1", 6881))
    store.saved = SavedDht({FIRST: b"i" * 20, "10.0.0.7": b"j" * 20}, [node])
    host = Host(network, FIRST, store=store)
    host.start()
    network.run(60)
    host.stop()
    assert list(store.saved.nodes) == [node]
    assert store.saved.own_ids == {FIRST: b"i" * 20, "10.0.0.7": b"j" * 20}


def test_a_database_that_fails_costs_the_memory_and_nothing_else() -> None:
    network, store = Network(), MemoryStore()
    store.fails = True
    first, host = Host(network, FIRST), Host(network, "10.0.1.1", store=store, bootstrap=TO_FIRST)
    first.start()
    host.start()
    network.run(10)
    assert Search(host).outcomes == []
    assert first.good() == [1]
    host.stop()
    network.run(1)
    assert not [x for x in network.clock.getDelayedCalls() if "10.0.1.1" in str(x)]


# -- families and addresses ------------------------------------------------------------------------


def test_each_family_is_a_network_of_its_own_and_they_tell_each_other() -> None:
    network = Network()
    both = [
        Host(network, f"10.0.{number}.1", f"fd0{number}::1", interface="0.0.0.0")
        for number in range(4)
    ]
    for host in both:
        host.start()
        host.service.add_node(PeerAddress("fd00::1", PORT))
    only_v4 = Host(network, "10.0.8.1", bootstrap=TO_FIRST)
    only_v6 = Host(network, "fd08::1", bootstrap=("[fd00::1]:6881",))
    for host in (only_v4, only_v6):
        host.start()
    both[1].service.add_node(PeerAddress(FIRST, PORT))
    network.run(60)
    status = both[1].service.status()
    assert [each.ipv6 for each in status.nodes] == [False, True]
    assert status.nodes[0].node_id != status.nodes[1].node_id
    assert min(both[1].good()) >= 2
    for searcher in (only_v4, only_v6):
        assert Search(searcher, 7000)
        network.run(5)
    found = Search(both[1])
    network.run(5)
    assert {peer.host for peer in found.peers} == {"10.0.8.1", "fd08::1"}
    assert len(found.outcomes) == 1


def test_nodes_follow_the_addresses_of_an_interface_with_their_ids() -> None:
    network, addresses = Network(), [FIRST]
    way = InterfaceWay("vpn0", lambda _: addresses)
    host = Host(network, FIRST, interface=way)
    host.start()
    told: list[bool] = []
    host.service.changed = lambda: told.append(host.service.enabled)
    first_id = host.service.status().nodes[0].node_id

    def move(*now: str) -> list[bytes]:
        addresses[:] = now
        assert way.look()
        host.port.follow()
        return [each.node_id for each in host.service.status().nodes]

    assert move() == []
    assert told == [False]
    (second_id,) = move("10.0.0.2")
    assert told == [False, True]
    assert second_id != first_id
    assert move("10.0.0.2", FIRST) == [second_id, first_id]
    assert move(FIRST) == [first_id]


def test_an_interface_with_many_addresses_has_a_bounded_number_of_nodes() -> None:
    network = Network()
    addresses = ["10.0.0.1", "fd00::1", *[f"2001:db8:{each}::1" for each in range(20)]]
    way = InterfaceWay("vpn0", lambda _: addresses)
    host = Host(network, *addresses, interface=way)
    host.start()
    nodes = host.service.status().nodes
    assert len(nodes) == host_nodes.MOST_NODES
    assert [each.ipv6 for each in nodes].count(False) == 1
    assert not [each for each in host.service._nodes if each.socket.host == "fd00::1"], (
        "for others only"
    )


def test_others_tell_us_where_they_see_us() -> None:
    _network, hosts = small_network(3)
    assert hosts[2].votes[0] == (FIRST, "10.0.2.1")
    assert len(hosts[2].votes) < 20, "not each time"


# -- rates, options, contacts ----------------------------------------------------------------------


def test_one_that_only_reads_answers_nobody_and_finds_all_the_same() -> None:
    network, hosts = small_network(4)
    reader = Host(network, "10.0.9.1", bootstrap=TO_FIRST, read_only=True)
    reader.start()
    network.run(20)
    assert reader.good() == [4]
    assert reader.service.port == 0, "peers are not told of it"
    Search(hosts[1], 7000)
    network.run(5)
    found = Search(reader)
    network.run(5)
    assert [str(peer) for peer in found.peers] == ["10.0.1.1:7000"]
    answers = [each for each in network.sent if each[0] == "10.0.9.1" and b"1:y1:r" in each[2]]
    assert answers == []
    reader.service.configure(DhtServiceOptions(bootstrap=TO_FIRST))
    assert reader.service.port == PORT


def test_what_is_sent_is_bounded() -> None:
    network, _hosts = small_network(3)
    slow = Host(network, "10.0.9.1", bootstrap=TO_FIRST, rate=200.0)
    slow.start()
    began = len(network.sent)
    for _ in range(100):
        Search(slow, 7000)
    network.run(30)
    sent = sum(len(data) for by, _, data in network.sent[began:] if by == "10.0.9.1")
    assert 1000 < sent < 200 * 31
    assert slow.service.status().sent_bytes == sent


def test_a_flood_is_thrown_away_unread_and_then_all_is_well() -> None:
    network, _hosts = small_network(3)
    host = Host(network, "10.0.9.1", bootstrap=TO_FIRST, queries=10.0)
    host.start()
    network.run(20)
    asked = network.sockets["10.0.9.1"]

    def answers_to(count: int) -> int:
        began = len(network.sent)
        asked.arriving.extend([(PING, ("10.0.8.1", PORT))] * count)
        while asked.arriving:
            asked.reader.doRead()
        return len([each for each in network.sent[began:] if each[2].endswith(b"1:y1:re")])

    assert answers_to(500) == 10 * 3, "three seconds' worth at once"
    status = host.service.status()
    assert (status.unread, status.nodes[0].refused) == (500 - 50, 50 - 30)
    network.run(2)
    assert answers_to(5) == 5
    host.service.configure(DhtServiceOptions(bootstrap=TO_FIRST, queries=0))
    network.run(1)
    assert answers_to(500) == 500


def test_a_node_is_told_of_others_by_name() -> None:
    network = Network()
    first, host = Host(network, FIRST), Host(network, "10.0.1.1")
    network.clock.names["node.test"] = [FIRST, "fd00::5"]
    for each in (first, host):
        each.start()
    host.service.add_named_node("nowhere.test", 6881)
    host.service.add_named_node("a..b", 6881)
    host.service.add_named_node("node.test", 0)
    host.service.add_named_node("node.test", PORT)
    for number in range(2 * service_module.MOST_LOOKUPS_OF_NAMES):
        network.clock.names[f"{number}.slow.test"] = None
        host.service.add_named_node(f"{number}.slow.test", 6881)
    network.run(20)
    assert host.good() == first.good() == [1]
    assert len(network.clock.lookups) < service_module.MOST_LOOKUPS_OF_NAMES + 4


def test_a_host_that_only_talks_to_itself_sends_nothing_to_the_internet() -> None:
    network, store = Network(), MemoryStore()
    store.saved = SavedDht({}, [(b"n" * 20, PeerAddress("192.0.2.9", 6881))])
    contacts = ("router.test:6881", "192.0.2.7:6881", "127.0.0.2:6881")
    host = Host(network, "127.0.0.1", store=store, bootstrap=contacts)
    network.clock.names["router.test"] = ["192.0.2.1"]
    host.start()
    host.service.add_node(PeerAddress("192.0.2.8", 6881))
    network.run(120)
    assert {address[0] for _, address, _ in network.sent} == {"127.0.0.2"}
    assert network.clock.lookups == []


def test_a_flood_wakes_a_node_no_more_often_than_its_clock() -> None:
    network, hosts = small_network(3)
    wakes = 0
    handle = hosts[2].service._nodes._drivers[("10.0.2.1", False)].node.handle_timer

    def handle_timer(now: float) -> None:
        nonlocal wakes
        wakes += 1
        handle(now)

    hosts[2].service._nodes._drivers[("10.0.2.1", False)].node.handle_timer = handle_timer  # type: ignore[method-assign]
    for _ in range(200):
        Search(hosts[2])
    network.run(10, 0.01)
    assert wakes <= 10 / 0.05 + 1
