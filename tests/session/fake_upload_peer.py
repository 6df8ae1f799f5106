"""A peer session as its upload side sees it: a socket, a disk, and what was said and sent."""

from __future__ import annotations

from typing import Any, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.requests import Request
from p2pd.session.peers.peer_upload import PeerUpload
from p2pd.session.pieces.piece_buffers import PieceBuffers

BLOCK = 16 * 1024
HEADER = 13


def contents(request: Request) -> bytes:
    piece, begin, length = request
    return bytes([(piece * 7 + begin // BLOCK) % 251]) * length


def wanted(count: int, piece: int = 0) -> list[Request]:
    return [Request(piece, number * BLOCK, BLOCK) for number in range(count)]


class Reading:
    """A read that waits in a thread."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = list(requests)
        self.size = sum(request[2] for request in requests)
        self.result: Deferred[Any] = Deferred()

    def end(self) -> None:
        self.result.callback([contents(request) for request in self.requests])

    def fail(self, problem: Exception) -> None:
        self.result.errback(problem)


class FakePeer:
    """A peer session whose socket takes what `takes` says, and whose disk has `cached` pieces."""

    def __init__(self) -> None:
        self.supports_fast = True
        self.send_pending = 0
        self.takes_all = True
        self.now = 100.0
        self.buffers = PieceBuffers()
        self.cached: set[int] = set()
        self.memory_reads: list[int] = []
        self.buffer_ids: set[int] = set()
        self.readings: list[Reading] = []
        self.messages: list[Any] = []
        self.sent: list[tuple[bytes, bytes]] = []
        self.events: list[str] = []
        self.writable_calls = 0
        self.counted = 0
        self.problems: list[BaseException | None] = []
        self.closes: PeerUpload | None = None
        self.dropped: list[str] = []

    def seconds(self) -> float:
        return self.now

    def spare_buffers(self) -> PieceBuffers:
        return self.buffers

    def read_blocks_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> Sequence[memoryview] | None:
        if any(request[0] not in self.cached for request in requests):
            return None
        self.memory_reads.append(sum(request[2] for request in requests))
        self.buffer_ids.add(id(buffer.obj))
        blocks = []
        at = 0
        for request in requests:
            buffer[at : at + request[2]] = contents(request)
            blocks.append(buffer[at : at + request[2]])
            at += request[2]
        return blocks

    def read_blocks(self, requests: Sequence[Request]) -> Deferred[Any]:
        self.readings.append(Reading(requests))
        return self.readings[-1].result

    def send(self, message: Any) -> None:
        self.messages.append(message)

    def flush(self) -> None:
        self.events.append("flush")

    def write(self, buffers: Sequence[Any]) -> None:
        self.events.append("write")
        pairs = [bytes(buffer) for buffer in buffers]
        self.sent += zip(pairs[::2], pairs[1::2], strict=True)
        if not self.takes_all:
            self.send_pending += sum(map(len, pairs))

    def call_when_writable(self) -> None:
        self.writable_calls += 1

    def block_sent(self, size: int, now: float) -> None:
        self.counted += size

    def cannot_read(self, problem: BaseException | None) -> None:
        self.problems.append(problem)
        if self.closes is not None:
            self.closes.close()

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)


def uploading(requests: list[Request], *cached: int) -> tuple[FakePeer, PeerUpload]:
    peer = FakePeer()
    peer.cached.update(cached)
    upload = PeerUpload(peer)
    for request in requests:
        upload.asked(request)
    return peer, upload


def fast(peer: FakePeer, upload: PeerUpload) -> None:
    """Make it a peer for which all of SEND_AHEAD may be read."""
    upload.rate.add(1 << 30, peer.now)


def sent_requests(peer: FakePeer) -> list[Request]:
    found = []
    for header, block in peer.sent:
        assert len(header) == HEADER
        assert int.from_bytes(header[:4], "big") == 9 + len(block)
        assert header[4] == 7
        request = Request(
            int.from_bytes(header[5:9], "big"), int.from_bytes(header[9:13], "big"), len(block)
        )
        assert block == contents(request)
        found.append(request)
    return found
