"""Reads of one peer that is under a download limit: no more at once than the limit allows.

A peer of which blocks are due is not read from until its turn comes; TCP slows the sender down, and
nothing of that is held against it. One of which nothing is due has only messages to send, which are
counted but never wait: its own requests must not wait for our downloads.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.session.peers.peer_download import PeerDownload
from p2pd.session.peers.peer_landing import PeerLanding
from p2pd.swarm.bandwidth.meter import Meter

MOST_READ = 256 * 1024
LEAST_READ = 2048
MESSAGES_READ = 16 * 1024
"""Bytes of a read from a peer of which no block is due."""


class MeteredPeer(Protocol):
    """What metered reads need of the peer session."""

    closed: bool
    download: PeerDownload

    def seconds(self) -> float: ...


class MeteredInbox(Protocol):
    """Where the bytes go."""

    def stream_received(self, data: memoryview) -> None: ...
    def hold_for_limit(self) -> None:
        """Do not read from the peer."""

    def limit_allows(self) -> None:
        """Read from it again."""


class MeteredReads:
    """Says how much to read, around a PeerLanding that says where to (interfaces.Landing)."""

    __slots__ = ("_buffer", "_credit", "_idle", "_inbox", "_landing", "_next", "_peer", "meter")

    def __init__(self, peer: MeteredPeer, inbox: MeteredInbox, landing: PeerLanding) -> None:
        self._peer = peer
        self._inbox = inbox
        self._landing = landing
        self._buffer: memoryview | None = None
        """What was given to be read into, unless it was the pieces themselves."""
        self._credit = 0
        """Bytes that were taken from the limits and not yet read."""
        self._next = LEAST_READ
        """Bytes worth taking: about what the peer sends between two reads."""
        self._idle = True
        self.meter: Meter

    # -- Landing -------------------------------------------------------------------------------

    def buffers(self) -> Sequence[memoryview]:
        """What to read into, at most as much as may be read now."""
        due = self._is_due()
        if self._credit <= 0 and due and not self._take():
            self._inbox.hold_for_limit()
        allowed = max(self._credit, LEAST_READ if due else MESSAGES_READ)
        places = self._landing.buffers() if allowed > LEAST_READ else ()
        if places:
            self._buffer = None
            return _cut(places, allowed)
        self._buffer = memoryview(bytearray(allowed))
        return (self._buffer,)

    def filled(self, size: int) -> None:
        """`size` bytes were read."""
        self._idle = False
        self._pay(size)
        if self._buffer is None:
            self._landing.filled(size)
        else:
            self._inbox.stream_received(self._buffer[:size])
            self._buffer = None
        if self._credit <= 0 and not self._peer.closed and self._is_due() and not self._take():
            self._inbox.hold_for_limit()

    # -- turns ---------------------------------------------------------------------------------

    def resume(self) -> None:
        """The limits may allow more (the meter's turn)."""
        if self._take():
            self._inbox.limit_allows()

    def tick(self) -> None:
        """Once a second: what was taken and not used goes to others."""
        if self._idle and self._credit > 0:
            self.meter.give_back(self._credit)
            self._credit = 0
        self._idle = True

    def close(self) -> None:
        """No limit holds any more, or the peer is gone."""
        self.meter.close()
        self.meter.give_back(self._credit)
        self._credit = 0

    def _is_due(self) -> bool:
        """Whether blocks may come. Under a limit of nothing none is asked for any more."""
        return self._peer.download.outstanding > 0 and self.meter.rate > 0

    def _take(self) -> bool:
        self._credit += self.meter.take(self._next, self._peer.seconds())
        return self._credit > 0

    def _pay(self, size: int) -> None:
        if size >= self._credit:
            self._next = min(2 * max(size, self._next), MOST_READ)
        elif size < self._next // 4:
            self._next = max(LEAST_READ, self._next // 2)
        self._credit -= size
        if self._credit < 0:
            self.meter.charge(-self._credit, self._peer.seconds())
            self._credit = 0


def _cut(places: Sequence[memoryview], size: int) -> list[memoryview]:
    """The first `size` bytes of these buffers."""
    cut = []
    for place in places:
        cut.append(place[:size])
        size -= len(cut[-1])
        if size <= 0:
            break
    return cut
