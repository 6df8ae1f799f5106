"""Many nodes of p2pd's DHT in one process of their own, each with an address of loopback.

Run as a program it takes the addresses, and answers questions: a line of JSON each. All nodes but
the one to begin with are told of that one, and all of those in "told", as ``host:port``.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pd.clients.free_port import free_port
from peers.processes import ChildProcess, wait_until

ROOT = Path(__file__).resolve().parents[3]
Address = tuple[str, int]


class DhtHost:
    """The process, as a test sees it."""

    def __init__(self, folder: Path, nodes: Sequence[Address], bootstrap: Address) -> None:
        self.nodes = list(nodes)
        self._port = free_port()
        given = json.dumps({"port": self._port, "nodes": self.nodes, "bootstrap": bootstrap})
        path = f"{ROOT}:{Path(__file__).parents[1]}"
        self._process = ChildProcess(
            [sys.executable, "-m", "peers.dht_host", given],
            folder,
            name="dht-host",
            environment={"PYTHONPATH": path},
        )
        self._connection = wait_until(self._connected, 20, "host of DHT nodes")
        self._lines = self._connection.makefile("rb")

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=60)

    def ask(self, node: int, what: str, **params: Any) -> Any:
        """Have one of the nodes do something; what came of it."""
        question = {"node": node, "what": what, **params}
        self._connection.sendall(json.dumps(question).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self) -> None:
        self._connection.close()
        self._process.stop()


def main() -> None:
    """Run the nodes until the process is ended."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, succeed
    from twisted.internet.protocol import Factory
    from twisted.protocols.basic import LineReceiver

    from p2pd.base.addresses import PeerAddress
    from p2pd.discovery.dht.mutable_items import sign
    from p2pd.discovery.dht_service.service import DhtService, DhtServiceOptions
    from p2pd.state.dht_nodes import SavedDht
    from p2pd.transports.udp_port import UdpPort

    given = json.loads(sys.argv[1])
    more = tuple(given.get("told", ()))
    routers = ("{}:{}".format(*given["bootstrap"]), *more)

    class NoMemory:
        def load(self) -> Deferred[SavedDht]:
            return succeed(SavedDht())

        def save(self, saved: SavedDht) -> Deferred[None]:
            return succeed(None)

    services = []
    for host, port in given["nodes"]:
        udp = UdpPort(reactor, host)
        options = DhtServiceOptions(more if [host, port] == given["bootstrap"] else routers)
        services.append(DhtService(reactor, udp, NoMemory(), options))
        udp.open(port)
        Deferred.fromCoroutine(services[-1].start())

    async def find_peers(service: DhtService, info_hash: str, port: int, seed: bool) -> Any:
        peers: set[PeerAddress] = set()
        done: Deferred[Any] = Deferred()
        service.find_peers(
            bytes.fromhex(info_hash), port, seed=seed, found=peers.update, done=done.callback
        )
        outcome = await done
        return {"peers": sorted(peers), "announced_to": outcome.announced_to}

    async def put_mutable(service: DhtService, secret: str, seq: int, value: str, salt: str) -> int:
        raw = map(bytes.fromhex, (secret, value, salt))
        key, content, salted = raw
        outcome = await service.put_mutable(sign(key, seq, content, salted))
        return int(outcome.announced_to)

    async def get_mutable(service: DhtService, key: str, salt: str) -> Any:
        item = await service.get_mutable(bytes.fromhex(key), bytes.fromhex(salt))
        return None if item is None else {"seq": item.seq, "value": item.value.hex()}

    async def put_immutable(service: DhtService, value: str) -> int:
        outcome = await service.put_immutable(bytes.fromhex(value))
        return int(outcome.announced_to)

    async def get_immutable(service: DhtService, target: str) -> Any:
        value = await service.get_immutable(bytes.fromhex(target))
        return None if value is None else value.hex()

    async def known(service: DhtService) -> int:
        return sum(node.good for node in service.status().nodes)

    doings = {
        each.__name__: each
        for each in (find_peers, put_mutable, get_mutable, put_immutable, get_immutable, known)
    }

    class Questions(LineReceiver):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            Deferred.fromCoroutine(self.answer(json.loads(line)))

        async def answer(self, question: dict[str, Any]) -> None:
            service, doing = services[question.pop("node")], doings[question.pop("what")]
            try:
                answer = {"result": await doing(service, **question)}
            except Exception as problem:
                answer = {"error": repr(problem)}
            self.sendLine(json.dumps(answer).encode())

    reactor.listenTCP(given["port"], Factory.forProtocol(Questions), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
