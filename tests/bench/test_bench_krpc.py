"""The nodes that load one of the DHT: they get into its table, ask, and count what comes."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bench.inside import krpc_load
from bench.inside.krpc_load import KrpcLoad, Plan
from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.query_limits import QueryLimits, QueryRates
from p2pd.discovery.dht.stores import new_stores

PLAN = Plan("127.0.0.1", 0, seconds=0.15, nodes=24, asking=4, window=8, hashes=10)
Answer = Callable[[bytes, PeerAddress], list[tuple[bytes, PeerAddress]]]


@contextmanager
def served(answer: Answer) -> Iterator[int]:
    """Something that answers at a port of loopback, in a thread."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                if select.select([opened], [], [], 0.02)[0]:
                    data, sender = opened.recvfrom(4096)
                    for reply, to in answer(data, PeerAddress(*sender)):
                        opened.sendto(reply, to)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield opened.getsockname()[1]
        finally:
            over.set()
            thread.join()


def node() -> Answer:
    rng, began = random.Random(1), time.monotonic()
    stores = replace(
        new_stores(rng, began), limits=QueryLimits(began, QueryRates(of_all=1e9, bytes_of_all=1e9))
    )
    made = DhtNode(rng.randbytes(20), ipv6=False, rng=rng, now=began, stores=stores)

    def answer(data: bytes, sender: PeerAddress) -> list[tuple[bytes, PeerAddress]]:
        made.receive_datagram(data, sender, time.monotonic())
        return made.datagrams_to_send()

    return answer


def test_a_node_is_asked_everything_and_answers() -> None:
    with served(node()) as port:
        load = KrpcLoad(replace(PLAN, port=port))
        load.get_ready()
        told = load.run()
    assert set(told["answered"]) == set(krpc_load.MIX)
    assert sum(told["answered"].values()) > 50
    assert (told["lost"], told["refused"], told["poor"]) == (0, 0, 0)
    assert told["answer_bytes"] > 100
    assert told["seconds"] == pytest.approx(PLAN.seconds, rel=0.5)


def test_errors_and_answers_without_nodes_are_told() -> None:
    made, poor = node(), False

    def answer(data: bytes, sender: PeerAddress) -> list[tuple[bytes, PeerAddress]]:
        if not poor:
            return made(data, sender)
        at = data.index(b"1:t4:")
        transaction = data[at : at + 9]
        if b"ping" in data:
            return [(b"d1:eli201e2:noe" + transaction + b"1:y1:ee", sender)]
        return [(b"d1:rd2:id20:%be%b1:y1:re" % (bytes(20), transaction), sender)]

    with served(answer) as port:
        load = KrpcLoad(replace(PLAN, port=port))
        load.get_ready()
        poor = True
        told = load.run()
    counts = told["answered"]
    assert told["refused"] > 0
    assert told["poor"] == counts["find_node"] + counts["get_peers"] > 0
    assert "ping" not in counts


def test_what_is_lost_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(krpc_load, "LOST_SECONDS", 0.05)
    made, dropped, loaded = node(), 0, False

    def answer(data: bytes, sender: PeerAddress) -> list[tuple[bytes, PeerAddress]]:
        nonlocal dropped
        if loaded and dropped < 8 * 4:
            dropped += 1
            return []
        return made(data, sender)

    with served(answer) as port:
        load = KrpcLoad(replace(PLAN, port=port, seconds=0.4))
        load.get_ready()
        loaded = True
        told = load.run()
    assert 1 <= told["lost"] <= 8 * 4
    assert sum(told["answered"].values()) > 50


def test_a_node_that_knows_nobody_never_gets_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(krpc_load, "READY_SECONDS", 0.2)
    with (
        served(lambda data, sender: []) as port,
        pytest.raises(TimeoutError, match="8 nodes"),
    ):
        KrpcLoad(replace(PLAN, port=port)).get_ready()
