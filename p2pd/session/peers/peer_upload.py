"""The upload side of one peer: its requests are queued, read in runs, and sent in their order.

What is in memory already is read at once, into a buffer that is used again as soon as the socket
took it, so that it never leaves the processor's cache. What is not is read ahead in threads.

Bounds: at most `REQUEST_QUEUE` requests wait (announced as `reqq`, BEP 10); what is read or queued
before the socket has taken what came before follows the peer's rate, up to `SEND_AHEAD` bytes.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Callable, Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.errors import FormatError
from p2pd.base.rates import RollingRate
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.protocols.peerwire.messages import Reject, block_headers
from p2pd.session.pieces.piece_buffers import PieceBuffers
from p2pd.swarm.bandwidth.meter import Meter
from p2pd.swarm.choking.tit_for_tat import TRADE_SECONDS
from p2pd.transports.interfaces import Buffer

REQUEST_QUEUE = 2000
SEND_AHEAD = 1024 * 1024
RUN_BYTES = 256 * 1024
"""Bytes of the longest run that is read in one go; two of them fit a second-level cache."""

LEAST_AHEAD = 64 * 1024
"""For a peer of which nothing is known."""

SLOW_AHEAD = 16 * 1024
AHEAD_SECONDS = 0.5
"""What a peer takes in this time is read ahead for it: a thousand slow peers need little memory,
and on a slow uplink little is written that a choke or a cancel can no longer take back."""

TURN_BYTES = 512 * 1024
"""Bytes sent to one peer before the others have their turn: with twice as many, eight fast peers
kept the reactor for 25 ms and were served no faster; half of it costs a twentieth more time."""

BLOCK_HEADER = 13
"""Bytes before a block in its message (BEP 3)."""

MAX_REQUEST = 128 * 1024
"""Bytes in the largest block that is served; 16 KiB is what everyone asks for."""


def check_request(request: Request, layout: FileLayout) -> None:
    """Refuse what no piece has. Raises FormatError.

    A request may reach into the padding behind a v2 file's last piece, which reads as zeros: some
    peers ask for whole blocks there.
    """
    piece, begin, length = request
    if 0 < length <= MAX_REQUEST and layout.holds(piece, begin, length):
        return
    if piece >= layout.piece_count:
        raise FormatError(f"request of piece {piece}, there are {layout.piece_count}")
    if not 0 < length <= MAX_REQUEST:
        raise FormatError(f"request of {length} bytes")
    raise FormatError(f"request beyond the end of piece {piece}")


class UploadPeer(Protocol):
    """What an upload needs from its peer session."""

    supports_fast: bool

    @property
    def send_pending(self) -> int:
        """Bytes that the socket has yet to take."""

    def seconds(self) -> float: ...

    def spare_buffers(self) -> PieceBuffers:
        """Where buffers to read into come from."""

    def read_blocks_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> Sequence[Buffer] | None:
        """The blocks, in `buffer`, if no disk has to be waited for."""

    def read_blocks(self, requests: Sequence[Request]) -> Deferred[Sequence[Buffer]]:
        """The blocks, read in a thread."""

    def send(self, message: Any) -> None:
        """Queue a message; `flush` sends it."""

    def flush(self) -> None: ...

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send payload behind what was flushed."""

    def call_when_writable(self) -> None:
        """Call `serve` when the socket takes more, after the other sockets' turn."""

    def block_sent(self, size: int, now: float) -> None:
        """`size` bytes of payload went to the peer."""

    def cannot_read(self, problem: BaseException | None) -> None:
        """The blocks are not on disk."""

    def drop(self, reason: str) -> None: ...


class _Run:
    """Requests that are read in one go, and their blocks when they are here."""

    __slots__ = ("blocks", "requests", "size")

    def __init__(self, requests: list[Request], size: int) -> None:
        self.requests = requests
        self.size = size
        self.blocks: Sequence[Buffer] | None = None


class PeerUpload:
    """The requests of one peer that wait for their blocks."""

    __slots__ = (
        "meter", "queue", "rate", "total", "_closed", "_in_memory", "_lent", "_peer", "_reading",
        "_runs",
    )  # fmt: skip

    def __init__(self, peer: UploadPeer) -> None:
        self._peer = peer
        self.queue: dict[Request, None] = {}
        self.rate = RollingRate(longest=TRADE_SECONDS)
        self.total = 0
        self.meter: Meter | None = None
        """The upload limits it is under; None: no limit, and nothing to do for one."""
        self._runs: list[_Run] = []
        """A few at most: an empty deque is as large as all else that an idle upload has."""
        self._reading = 0
        self._in_memory = False
        """Whether the last run was: then the next is read when the socket is ready, not before."""
        self._lent: bytearray | None = None
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
        """Read and send, as far as the socket takes it; called when requests or room came."""
        if self._lent is not None:
            self._take_back()
        meter = self.meter
        if not self.queue or self._closed or (meter is not None and meter.waiting):
            return
        ahead = self._ahead()
        left = TURN_BYTES
        while self.queue and not self._closed:
            pending = self._peer.send_pending
            if self._reading + pending >= ahead or (pending and self._in_memory):
                return
            if left <= 0:
                self._peer.call_when_writable()
                return
            most = min(ahead, RUN_BYTES)
            run = self._next_run(most) if meter is None else self._allowed(meter, most)
            if run is None:
                return
            self._in_memory = not pending and not self._runs and self._send_now(run)
            if self._in_memory:
                left -= run.size
            else:
                self._read(run)

    def close(self) -> None:
        """The peer is gone: what is still being read is dropped when it comes."""
        self._closed = True
        self.queue.clear()
        self._runs.clear()

    def _ahead(self) -> int:
        per_second = self.rate.per_second(self._peer.seconds())
        least = LEAST_AHEAD if self.total < LEAST_AHEAD else SLOW_AHEAD
        return min(SEND_AHEAD, max(least, int(per_second * AHEAD_SECONDS)))

    def _allowed(self, meter: Meter, most: int) -> _Run | None:
        """As `_next_run`, as far as the limits allow; None: `serve` is called when they do."""
        first = next(iter(self.queue))[2]
        least = first + BLOCK_HEADER
        want = max(1, min(most // first, len(self.queue))) * least
        allowed = meter.take(want, self._peer.seconds(), least=least)
        if not allowed:
            return None
        run = self._next_run(max(first, allowed - allowed // least * BLOCK_HEADER))
        meter.give_back(allowed - run.size - len(run.requests) * BLOCK_HEADER)
        return run

    def _next_run(self, limit: int) -> _Run:
        requests: list[Request] = []
        size = 0
        for request in self.queue:
            if requests and size + request[2] > limit:
                break
            requests.append(request)
            size += request[2]
        for request in requests:
            del self.queue[request]
        return _Run(requests, size)

    def _send_now(self, run: _Run) -> bool:
        """Send what needs no disk, in a buffer that is lent until the socket took it."""
        spare = self._peer.spare_buffers()
        buffer = spare.take(max(RUN_BYTES, run.size))
        blocks = self._peer.read_blocks_now(run.requests, memoryview(buffer))
        if blocks is None:
            spare.give(buffer)
            return False
        run.blocks = blocks
        self._lent = buffer
        self._send(run)
        self._take_back()
        return True

    def _take_back(self) -> None:
        """A peer that has what it asked for holds no buffer: there may be a thousand."""
        if self._lent is not None and not self._peer.send_pending:
            self._peer.spare_buffers().give(self._lent)
            self._lent = None

    def _read(self, run: _Run) -> None:
        self._runs.append(run)
        self._reading += run.size
        reading = self._peer.read_blocks(run.requests)
        reading.addCallbacks(
            self._have_read, self._cannot_read, callbackArgs=(run,), errbackArgs=(run,)
        )

    def _have_read(self, blocks: Sequence[Buffer], run: _Run) -> None:
        run.blocks = blocks
        self._send_read()

    def _send_read(self) -> None:
        """Blocks leave in the order they were asked for: peers count on it, on the whole."""
        while not self._closed and self._runs and self._runs[0].blocks is not None:
            first = self._runs.pop(0)
            self._reading -= first.size
            self._send(first)
        self.serve()

    def _cannot_read(self, problem: Failure, run: _Run) -> None:
        """With BEP 6 every request is answered; what was read behind these is held up no more."""
        if self._closed:
            return
        self._reading -= run.size
        self._runs.remove(run)
        if self._peer.supports_fast:
            for request in run.requests:
                self._peer.send(Reject(*request))
        self._peer.cannot_read(problem.value)
        self._send_read()

    def _send(self, run: _Run) -> None:
        assert run.blocks is not None
        now = self._peer.seconds()
        self.total += run.size
        self.rate.add(run.size, now)
        self._peer.flush()
        headers = block_headers(run.requests)
        self._peer.write(list(chain.from_iterable(zip(headers, run.blocks, strict=True))))
        self._peer.block_sent(run.size, now)
