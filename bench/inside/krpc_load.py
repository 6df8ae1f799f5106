"""Nodes of the DHT that ask one node as fast as it answers: ``-m bench.inside.krpc_load PLAN``.

PLAN is a JSON object with the fields of :class:`Plan`. All of them are on loopback, each at an
address of its own, and answer what the measured node asks them, so that it has them in its table.
``{"nodes": [[host, port], ...]}`` is printed at once, and ``{"ready": true}`` when it tells of
eight nodes whatever it is asked for. A line on stdin begins the load: `asking` of the nodes have
`window` queries under way each. A line of JSON tells of it:

``answered``
    queries that had an answer, by method
``seconds``
    for how long
``lost``, ``refused``, ``poor``
    queries without an answer, with an error for one, and answers that lack what they should have

The four methods of BEP 5 are mixed as :data:`MIX` says. The queries are made before, so that the
load takes less time than what is loaded.
"""

from __future__ import annotations

import contextlib
import json
import random
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.inside.datagram_batches import Incoming, Outgoing

MIX = {"ping": 10, "find_node": 40, "get_peers": 40, "announce_peer": 10}
"""Shares in hundredths."""

LETTERS = {"ping": b"p", "find_node": b"f", "get_peers": b"g", "announce_peer": b"a"}
METHODS = {letter[0]: method for method, letter in LETTERS.items()}
"""By the first byte of a transaction id."""

QUERIES = 200
"""Of each node, made before; they are asked again and again."""

CLOSEST = 8
CONTACT = 26
FULL = b"5:nodes%d:" % (CLOSEST * CONTACT)
LOST_SECONDS = 0.5
READY_SECONDS = 60.0
READY_ANSWERS = 32
"""Answers in a row that tell of eight nodes."""

LARGEST = 2048
BATCH = 32
RECEIVE_BUFFER = 4 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`nodes` of ours, of which `asking` ask for and announce `hashes` info-hashes."""

    host: str
    port: int
    seconds: float
    nodes: int = 200
    asking: int = 16
    window: int = 16
    hashes: int = 200
    seed: int = 1


class AskingNode:
    """One of ours: a socket that is connected to the measured node, and what it asks."""

    def __init__(self, number: int, node_id: bytes, to: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
        self.socket.connect(to)
        self.fd = self.socket.fileno()
        self.address: tuple[str, int] = self.socket.getsockname()
        self.node_id = node_id
        self.queries: Outgoing | None = None
        self.under_way = 0
        self.heard_at = 0.0

    def send(self, data: bytes) -> None:
        """One datagram; what is lost is asked again."""
        with contextlib.suppress(OSError):
            self.socket.send(data)

    def query(self, method: str, transaction: bytes, arguments: bytes = b"") -> bytes:
        """Bencode wants its keys in order: a, q, t, y."""
        return b"d1:ad2:id20:%b%be1:q%d:%b1:t4:%b1:y1:qe" % (
            self.node_id, arguments, len(method), method.encode(), transaction,
        )  # fmt: skip


class KrpcLoad:
    """All of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = rng = random.Random(plan.seed)
        to = (plan.host, plan.port)
        self.nodes = [AskingNode(number, rng.randbytes(20), to) for number in range(plan.nodes)]
        self._by_fd = {node.fd: node for node in self.nodes}
        self._epoll = select.epoll()
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)
        self._incoming = Incoming(BATCH, LARGEST)
        self._hashes = [rng.randbytes(20) for _ in range(plan.hashes)]
        self._forget()

    def _forget(self) -> None:
        self.answered: Counter[str] = Counter()
        self.lost = self.refused = self.poor = 0
        self.bytes_in = 0

    # -- getting ready -------------------------------------------------------------------------

    def get_ready(self) -> None:
        """Ask until it tells of enough nodes. Raises TimeoutError."""
        deadline = time.monotonic() + READY_SECONDS
        rich = number = 0
        while rich < READY_ANSWERS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"it does not tell of {CLOSEST} nodes")
            for node in self._rng.sample(self.nodes, 8):
                number += 1
                node.send(self._find_node(node, number))
            for data in self._answers(0.02):
                rich = rich + 1 if FULL in data else 0
        for node in self.nodes[: self._plan.asking]:
            node.queries = Outgoing(list(self._queries_of(node)))

    def _find_node(self, node: AskingNode, number: int) -> bytes:
        target = b"6:target20:" + self._rng.randbytes(20)
        return node.query("find_node", _transaction("find_node", number), target)

    def _queries_of(self, node: AskingNode) -> Iterator[bytes]:
        methods = [method for method, share in MIX.items() for _ in range(share * QUERIES // 100)]
        self._rng.shuffle(methods)
        tokens: dict[bytes, bytes] = {}
        for number, method in enumerate(methods):
            transaction = _transaction(method, number)
            info_hash = self._rng.choice(self._hashes)
            if method == "find_node":
                yield self._find_node(node, number)
            elif method == "get_peers":
                yield node.query(method, transaction, b"9:info_hash20:" + info_hash)
            elif method == "ping":
                yield node.query(method, transaction)
            else:
                token = tokens.get(info_hash) or self._token(node, info_hash)
                tokens[info_hash] = token
                yield node.query(
                    method,
                    transaction,
                    b"9:info_hash20:%b4:porti%de5:token%d:%b"
                    % (info_hash, node.address[1], len(token), token),
                )

    def _token(self, node: AskingNode, info_hash: bytes) -> bytes:
        """To announce with. Raises TimeoutError."""
        query = node.query("get_peers", b"gtok", b"9:info_hash20:" + info_hash)
        deadline, ask_at = time.monotonic() + 10 * LOST_SECONDS, 0.0
        while (now := time.monotonic()) < deadline:
            if now >= ask_at:
                ask_at = now + LOST_SECONDS
                node.send(query)
            for data in self._answers(0.02):
                if b"1:t4:gtok" in data and (at := data.find(b"5:token")) >= 0:
                    colon = data.index(b":", at + 7)
                    return data[colon + 1 : colon + 1 + int(data[at + 7 : colon])]
        raise TimeoutError("it gives no token to announce with")

    # -- the load ------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """The load."""
        self._forget()
        began = time.monotonic()
        asking = [node for node in self.nodes if node.queries is not None]
        for node in asking:
            self._ask(node, began)
        while (now := time.monotonic()) < began + self._plan.seconds:
            # It never sleeps: waking it up would be what the measured node pays for each answer.
            for fd, _ in self._epoll.poll(0):
                self._hear(self._by_fd[fd], now)
            for node in asking:
                if now - node.heard_at > LOST_SECONDS:
                    self.lost += node.under_way
                    node.under_way = 0
                    self._ask(node, now)
        seconds = time.monotonic() - began
        told = {
            "answered": dict(self.answered),
            "seconds": seconds,
            "lost": self.lost,
            "refused": self.refused,
            "poor": self.poor,
            "answer_bytes": self.bytes_in / max(1, self.answered.total()),
        }
        self._let_end()
        return told

    def _ask(self, node: AskingNode, now: float) -> None:
        assert node.queries is not None
        node.under_way += node.queries.send(node.fd, self._plan.window - node.under_way)
        node.heard_at = now

    def _hear(self, node: AskingNode, now: float) -> None:
        for data in self._incoming.receive(node.fd):
            if b"1:y1:q" in data[-20:]:
                self._answer(node, data)
            elif node.under_way:
                node.under_way -= 1
                self._count(data)
        if node.queries is not None and node.under_way < self._plan.window:
            self._ask(node, now)

    def _count(self, data: bytes) -> None:
        if b"1:y1:e" in data[-12:]:
            self.refused += 1
            return
        method = METHODS[data[data.rindex(b"1:t4:") + 5]]
        self.answered[method] += 1
        self.bytes_in += len(data)
        if method == "find_node":
            self.poor += FULL not in data
        elif method == "get_peers":
            self.poor += b"5:token" not in data

    def _answer(self, node: AskingNode, query: bytes) -> None:
        """As a node without others: it is there."""
        at = query.rindex(b"1:t")
        colon = query.index(b":", at + 3)
        end = colon + 1 + int(query[at + 3 : colon])
        node.send(b"d1:rd2:id20:%b5:nodes0:5:token1:te%b1:y1:re" % (node.node_id, query[at:end]))

    def _answers(self, seconds: float) -> list[bytes]:
        """What came that is no question."""
        found = []
        for fd, _ in self._epoll.poll(seconds):
            for data in self._incoming.receive(fd):
                if b"1:y1:q" in data[-20:]:
                    self._answer(self._by_fd[fd], data)
                else:
                    found.append(data)
        return found

    def _let_end(self) -> None:
        """What is under way comes in, and does not count."""
        while self._answers(LOST_SECONDS / 4):
            pass
        for node in self.nodes:
            node.under_way = 0

    def serve(self) -> None:
        """Answer for as long as nobody says a word on stdin."""
        while not select.select([0], [], [], 0)[0]:
            self._answers(0.02)


def _transaction(method: str, number: int) -> bytes:
    return LETTERS[method] + b"%03d" % (number % 1000)


def main() -> None:
    """Be found, get ready, and load at each word until stdin is closed."""
    load = KrpcLoad(Plan(**json.loads(sys.argv[1])))
    _say({"nodes": [node.address for node in load.nodes]})
    try:
        load.get_ready()
    except TimeoutError as problem:
        _say({"error": str(problem)})
        return
    _say({"ready": True})
    while True:
        load.serve()
        if not sys.stdin.readline():
            return
        _say(load.run())


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
