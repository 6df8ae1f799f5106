"""The upload side of one peer: its requests are queued, read ahead in threads, sent in runs.

Bounds: at most `REQUEST_QUEUE` requests wait (announced as `reqq`, BEP 10); no more than
`SEND_AHEAD` bytes are read or queued before the socket has taken what came before.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import FormatError
from p2pd.base.rates import RollingRate
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.protocols.peerwire.messages import Reject, block_header
from p2pd.transports.interfaces import Buffer

REQUEST_QUEUE = 2000
SEND_AHEAD = 1024 * 1024
READ_RUN = 512 * 1024
MAX_REQUEST = 128 * 1024
"""Bytes in the largest block that is served; 16 KiB is what everyone asks for."""


def check_request(request: Request, layout: FileLayout) -> None:
    """Refuse what no piece has. Raises FormatError.

    A request may reach into the padding behind a v2 file's last piece, which reads as zeros: some
    peers ask for whole blocks there.
    """
    piece, begin, length = request
    if piece >= layout.piece_count:
        raise FormatError(f"request of piece {piece}, there are {layout.piece_count}")
    if not 0 < length <= MAX_REQUEST:
        raise FormatError(f"request of {length} bytes")
    if begin + length > layout.padded_size(piece):
        raise FormatError(f"request beyond the end of piece {piece}")


class UploadPeer(Protocol):
    """What an upload needs from its peer session."""

    supports_fast: bool

    @property
    def send_pending(self) -> int:
        """Bytes that the socket has yet to take."""

    def seconds(self) -> float: ...

    def read_blocks(self, requests: Sequence[Request]) -> Deferred[list[Buffer]]:
        """The blocks, read in a thread."""

    def send(self, message: Any) -> None:
        """Queue a message; `flush` sends it."""

    def flush(self) -> None: ...

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send payload behind what was flushed."""

    def block_sent(self, size: int, now: float) -> None:
        """`size` bytes of payload went to the peer."""

    def cannot_read(self, problem: BaseException | None) -> None:
        """The blocks are not on disk."""

    def drop(self, reason: str) -> None: ...


class PeerUpload:
    """The requests of one peer that wait for their blocks."""

    __slots__ = ("queue", "rate", "total", "_peer", "_reading", "_closed")

    def __init__(self, peer: UploadPeer) -> None:
        self._peer = peer
        self.queue: dict[Request, None] = {}
        self.rate = RollingRate()
        self.total = 0
        self._reading = 0
        self._closed = False

    def asked(self, request: Request) -> None:
        """Queue a request that was found valid; beyond the announced bound it is refused."""
        if len(self.queue) >= REQUEST_QUEUE:
            if not self._peer.supports_fast:
                self._peer.drop(f"more than {REQUEST_QUEUE} requests at once")
            else:
                self._peer.send(Reject(*request))
            return
        self.queue[request] = None

    def cancelled(self, request: Request) -> None:
        """The peer no longer wants it; with BEP 6 every request is answered, so by a reject."""
        if request in self.queue:
            del self.queue[request]
            if self._peer.supports_fast:
                self._peer.send(Reject(*request))

    def refuse_all(self, keep: Callable[[Request], bool] = lambda request: False) -> None:
        """Drop what waits, as a choke does; `keep` names requests that stay (BEP 6)."""
        dropped = [request for request in self.queue if not keep(request)]
        for request in dropped:
            del self.queue[request]
            if self._peer.supports_fast:
                self._peer.send(Reject(*request))

    def serve(self) -> None:
        """Start reading the next run of blocks if there is room for it."""
        while self.queue and not self._closed:
            if self._reading + self._peer.send_pending >= SEND_AHEAD:
                return
            run, size = self._next_run()
            self._reading += size
            reading = self._peer.read_blocks(run)
            reading.addCallbacks(
                self._have_read,
                self._cannot_read,
                callbackArgs=(run, size),
                errbackArgs=(run, size),
            )

    def close(self) -> None:
        """The peer is gone: what is still being read is dropped when it comes."""
        self._closed = True
        self.queue.clear()

    def _next_run(self) -> tuple[list[Request], int]:
        run: list[Request] = []
        size = 0
        for request in self.queue:
            run.append(request)
            size += request.length
            if size >= READ_RUN:
                break
        for request in run:
            del self.queue[request]
        return run, size

    def _have_read(self, blocks: list[Buffer], run: list[Request], size: int) -> None:
        self._reading -= size
        if self._closed:
            return
        buffers: list[Buffer] = []
        for request, block in zip(run, blocks, strict=True):
            buffers += (block_header(request.piece, request.begin, len(block)), block)
        now = self._peer.seconds()
        self.total += size
        self.rate.add(size, now)
        self._peer.flush()
        self._peer.write(buffers)
        self._peer.block_sent(size, now)
        self.serve()

    def _cannot_read(self, problem: Failure, run: list[Request], size: int) -> None:
        self._reading -= size
        if not self._closed:
            self._peer.cannot_read(problem.value)
