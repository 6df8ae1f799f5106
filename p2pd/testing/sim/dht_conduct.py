"""Nodes of the DHT that mean harm: what they answer to queries is not what they should.

Each is a real node that joins as others do and asks as others do; only its answers are its own.
"""

from __future__ import annotations

import random
from hashlib import sha1
from typing import Any, Iterable, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.discovery.dht.hosts import packed_host
from p2pd.discovery.dht.node import DhtNode
from p2pd.formats.bencode import encode
from p2pd.protocols.krpc.messages import Query, Response, parse
from p2pd.testing.sim.datagrams import DatagramParty
from p2pd.testing.sim.dht import PORT, DhtSwarm, SimulatedDhtNode

SYBIL_PORT = PORT + 1
CONTACTS = 8


class Answers(Protocol):
    """What a hostile node sends when it is asked."""

    def __call__(self, query: Query, own_id: bytes) -> bytes:
        """The datagram, whatever it is."""


class HostileNode:
    """A node whose answers are made by somebody else."""

    def __init__(self, node: DhtNode, answer: Answers) -> None:
        self._node = node
        self._answer = answer
        self._out: list[tuple[bytes, PeerAddress]] = []

    def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
        """Queries are answered here, the rest is for the node."""
        try:
            message = parse(data)
        except FormatError:
            return
        if isinstance(message, Query):
            self._out.append((self._answer(message, self._node.node_id), address))
        else:
            self._node.receive_datagram(data, address, now)

    def datagrams_to_send(self) -> Iterable[tuple[bytes, PeerAddress]]:
        """The node's, and the answers."""
        out, self._out = self._out, []
        return [*self._node.datagrams_to_send(), *out]

    def next_deadline(self) -> float | None:
        """The node's."""
        return self._node.next_deadline()

    def handle_timer(self, now: float) -> None:
        """The node's."""
        self._node.handle_timer(now)


class Rubbish:
    """Answers that are wrong in one way or another, and right in others."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def __call__(self, query: Query, own_id: bytes) -> bytes:
        """One of them, by chance."""
        rng = self._rng
        values: dict[bytes, Any] = {
            b"id": own_id,
            b"nodes": rng.randbytes(26 * CONTACTS),
            b"token": b"t",
            b"values": [rng.randbytes(6) for _ in range(20)],
            b"v": rng.randbytes(40),
        }
        kind = rng.randrange(6)
        if kind == 0:
            return rng.randbytes(rng.randrange(200))
        if kind == 1:
            values[b"id"] = rng.randbytes(20)
        elif kind == 2:
            values[b"nodes"] = rng.randbytes(rng.randrange(300))
        elif kind == 3:
            values[b"values"] = [7, b"short", rng.randbytes(6)]
        elif kind == 4:
            values |= {b"k": own_id, b"sig": own_id, b"seq": -1}
        data = Response(query.transaction, values).encode()
        return data[: rng.randrange(len(data))] if kind == 5 else data


class Sybils:
    """Nodes that work together to hide what others stored: each names only the others.

    Whatever is looked for, all of them have ids next to it, at a second port of theirs where they
    answer with these ids, take whatever is to be stored, and have nothing.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._hosts: list[str] = []

    def add(self, host: str) -> DatagramParty:
        """One more; its second port."""
        self._hosts.append(host)
        return _Sybil(self, host)

    def __call__(self, query: Query, own_id: bytes) -> bytes:
        """Under its own id it joined as others do."""
        return self.answer(query, own_id)

    def answer(self, query: Query, own_id: bytes) -> bytes:
        """Only others of them are close to anything."""
        values: dict[bytes, Any] = {b"id": own_id}
        target = target_of_query(query)
        if target:
            some = self._rng.sample(self._hosts, min(CONTACTS, len(self._hosts)))
            values[b"nodes"] = b"".join(
                id_next_to(target, host) + packed_host(host) + SYBIL_PORT.to_bytes(2, "big")
                for host in some
            )
            values[b"token"] = b"hidden"
        return Response(query.transaction, values).encode()


class _Sybil:
    """The second port of one of them."""

    def __init__(self, sybils: Sybils, host: str) -> None:
        self._sybils = sybils
        self._host = host
        self._out: list[tuple[bytes, PeerAddress]] = []

    def receive_datagram(self, data: bytes, address: PeerAddress, now: float) -> None:
        try:
            query = parse(data)
        except FormatError:
            return
        if isinstance(query, Query):
            own_id = id_next_to(target_of_query(query), self._host)
            self._out.append((self._sybils.answer(query, own_id), address))

    def datagrams_to_send(self) -> Iterable[tuple[bytes, PeerAddress]]:
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None: ...


def target_of_query(query: Query) -> bytes:
    """What a query looks for or is about; empty if nothing."""
    target = query.args.get(b"info_hash") or query.args.get(b"target")
    if target is None and b"v" in query.args:
        k = query.args.get(b"k")
        salted = encode(query.args[b"v"]) if k is None else k + query.args.get(b"salt", b"")
        target = sha1(salted).digest()
    return target if isinstance(target, bytes) else b""


def id_next_to(target: bytes, host: str) -> bytes:
    """An id that shares 144 bits with a target, another one for each host."""
    return target[:18].ljust(18, b"\0") + sha1(target + host.encode()).digest()[:2]


def add_rubbish(swarm: DhtSwarm) -> SimulatedDhtNode:
    """A node joins that answers with rubbish."""
    rubbish = Rubbish(random.Random(swarm.rng.getrandbits(64)))
    return swarm.add(party=lambda node: HostileNode(node, rubbish))


def add_sybil(swarm: DhtSwarm, sybils: Sybils) -> SimulatedDhtNode:
    """One more of those that work together joins."""
    joined = swarm.add(party=lambda node: HostileNode(node, sybils))
    host, delay = joined.address.host, joined.endpoint.delay
    swarm.network.join(PeerAddress(host, SYBIL_PORT), sybils.add(host), delay)
    return joined
