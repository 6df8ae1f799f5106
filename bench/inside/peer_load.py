"""Many peers in one process that ask for blocks at an even pace: ``peer_load.py PLAN``.

PLAN is a JSON object with the fields of :class:`Plan`. When every peer is unchoked it prints
``{"ready": true}``; a line on stdin then begins the load, and a line of JSON tells at its end:

``blocks``
    milliseconds from each request to the last byte of its block
``rejects``
    milliseconds from each request of the missing piece to its reject (BEP 6)
``unanswered``
    requests that had no answer within `PATIENCE` after the end

Every block is compared with the source. Each peer has a connection of its own and says that it has
nothing and wants everything (BEP 3, BEP 6).
"""

from __future__ import annotations

import heapq
import json
import mmap
import random
import selectors
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
BLOCK = 16 * 1024
PATIENCE = 5.0
UNCHOKE_SECONDS = 60.0
REJECTED_SHARE = 0.2
"""Of the requests, for the missing piece where there is one."""

READ_SIZE = 256 * 1024
PROTOCOL = b"\x13BitTorrent protocol"
SUPPORTS_FAST = bytes((0, 0, 0, 0, 0, 0, 0, 4))
HANDSHAKE_SIZE = 68
INTERESTED, HAVE_NONE = b"\0\0\0\1\2", b"\0\0\0\1\x0f"
CHOKE, UNCHOKE, PIECE, REJECT = 0, 1, 7, 16
_REQUEST = struct.Struct(">IBIII")
_THREE = struct.Struct(">III")
_TWO = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes in bytes; `pace` is requests a second of each peer; `missing` is a piece or -1."""

    port: int
    info_hash: str
    source: str
    piece: int
    missing: int
    peers: int
    pace: float
    seconds: float


class LoadError(Exception):
    """The other side did not do its part."""


@dataclass(eq=False, slots=True)
class Peer:
    """One connection. `asked` is when each outstanding request was sent."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    shaken: bool = False
    unchoked: bool = False
    asked: dict[tuple[int, int], float] = field(default_factory=dict)


class Load:
    """All the peers."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.peers)
        self._selector = selectors.DefaultSelector()
        self._scratch = memoryview(bytearray(READ_SIZE))
        with Path(plan.source).open("rb") as file:
            self._source = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._pieces = [
            piece for piece in range(len(self._source) // plan.piece) if piece != plan.missing
        ]
        self.blocks: list[float] = []
        self.rejects: list[float] = []
        self._peers = [self._connect(number) for number in range(plan.peers)]

    def _connect(self, number: int) -> Peer:
        # An address for each: engines may have one connection with an address.
        source = (f"127.0.{1 + number // 250}.{1 + number % 250}", 0)
        made = socket.create_connection((HOST, self._plan.port), UNCHOKE_SECONDS, source)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        info_hash, peer_id = bytes.fromhex(self._plan.info_hash), b"-BM0001-%012d" % number
        made.sendall(PROTOCOL + SUPPORTS_FAST + info_hash + peer_id + HAVE_NONE + INTERESTED)
        made.setblocking(False)
        peer = Peer(made)
        self._selector.register(made, selectors.EVENT_READ, peer)
        return peer

    def wait_unchoked(self) -> None:
        """Until every peer may ask. Raises LoadError."""
        deadline = time.monotonic() + UNCHOKE_SECONDS
        while missing := sum(not peer.unchoked for peer in self._peers):
            if time.monotonic() > deadline:
                raise LoadError(
                    f"{missing} of {len(self._peers)} peers were not unchoked"
                    f" within {UNCHOKE_SECONDS:.0f} s"
                )
            self._receive(0.1)

    def run(self) -> int:
        """Ask for `seconds`; returns how many requests had no answer."""
        began, gap = time.monotonic(), 1 / self._plan.pace
        end = began + self._plan.seconds
        due = [(began + self._rng.random() * gap, n) for n in range(len(self._peers))]
        heapq.heapify(due)
        while (now := time.monotonic()) < end:
            while due[0][0] <= now:
                at, number = due[0]
                self._ask(self._peers[number])
                heapq.heapreplace(due, (at + gap, number))
            self._receive(max(0.0, due[0][0] - time.monotonic()))
        while self._outstanding() and time.monotonic() < end + PATIENCE:
            self._receive(0.1)
        return self._outstanding()

    def _outstanding(self) -> int:
        return sum(len(peer.asked) for peer in self._peers)

    def _ask(self, peer: Peer) -> None:
        plan = self._plan
        rejected = plan.missing >= 0 and self._rng.random() < REJECTED_SHARE
        piece = plan.missing if rejected else self._rng.choice(self._pieces)
        begin = self._rng.randrange(plan.piece // BLOCK) * BLOCK
        if (piece, begin) not in peer.asked:
            peer.asked[piece, begin] = time.perf_counter()
            peer.socket.send(_REQUEST.pack(13, 6, piece, begin, BLOCK))

    def _receive(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            peer: Peer = key.data
            # Acknowledge at once, or an engine that waits for it is measured by the kernel's timer.
            peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            size = peer.socket.recv_into(self._scratch)
            now = time.perf_counter()
            if not size:
                raise LoadError("a peer was disconnected")
            peer.received += self._scratch[:size]
            self._handle(peer, now)

    def _handle(self, peer: Peer, now: float) -> None:
        data, start = peer.received, 0
        if not peer.shaken:
            if len(data) < HANDSHAKE_SIZE:
                return
            peer.shaken, start = True, HANDSHAKE_SIZE
        while len(data) >= start + 4:
            size = int.from_bytes(data[start : start + 4], "big")
            if len(data) < start + 4 + size:
                break
            if size:
                self._message(peer, data[start + 4 : start + 4 + size], now)
            start += 4 + size
        del data[:start]

    def _message(self, peer: Peer, message: bytearray, now: float) -> None:
        kind = message[0]
        if kind == PIECE:
            piece, begin = _TWO.unpack_from(message, 1)
            self.blocks.append((now - self._answered(peer, piece, begin)) * 1e3)
            at = piece * self._plan.piece + begin
            if message[9:] != self._source[at : at + BLOCK]:
                raise LoadError(f"the block at {begin} of piece {piece} differs from the source")
        elif kind == REJECT:
            piece, begin, _ = _THREE.unpack_from(message, 1)
            if piece != self._plan.missing:
                raise LoadError(f"a request of piece {piece} was rejected")
            self.rejects.append((now - self._answered(peer, piece, begin)) * 1e3)
        elif kind in (CHOKE, UNCHOKE):
            peer.unchoked = kind == UNCHOKE

    def _answered(self, peer: Peer, piece: int, begin: int) -> float:
        asked = peer.asked.pop((piece, begin), None)
        if asked is None:
            raise LoadError(f"an answer that nobody asked for, of piece {piece}")
        return asked


def main() -> None:
    """Connect, wait for the word, load, tell."""
    load = Load(Plan(**json.loads(sys.argv[1])))
    load.wait_unchoked()
    _say({"ready": True})
    sys.stdin.readline()
    unanswered = load.run()
    _say({"blocks": load.blocks, "rejects": load.rejects, "unanswered": unanswered})


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (LoadError, OSError) as problem:
        _say({"error": str(problem)})
