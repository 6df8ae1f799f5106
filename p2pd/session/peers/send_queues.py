"""What waits for the sockets of all peers together: one that does not read must not cost too much.

What is read for a peer, and what it is answered, is bounded by itself; but there may be hundreds.
"""

from __future__ import annotations

from typing import Iterable, Protocol

BYTES = 128 * 1024 * 1024

ANSWERS_AHEAD = 256 * 1024
"""Bytes that wait for a peer at which it gets no more metadata and no more hashes: these are many
times as large as the questions, and a peer may ask thousands of them in one packet."""


class SlowPeer(Protocol):
    """A peer with a queue."""

    @property
    def send_pending(self) -> int:
        """Bytes that wait for its socket."""

    def reads_too_little(self) -> None:
        """Drop it."""


class SendQueues:
    """The bound on all of them. `bytes` is as of the last look."""

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self.bytes = 0

    def look(self, peers: Iterable[SlowPeer]) -> None:
        """Once a second: with more than the limit, those with the longest queues are dropped."""
        waiting = [(peer.send_pending, peer) for peer in peers]
        self.bytes = sum(size for size, _ in waiting)
        if self.bytes <= self.limit:
            return
        for size, peer in sorted(waiting, key=lambda each: each[0], reverse=True):
            if self.bytes <= self.limit:
                return
            self.bytes -= size
            peer.reads_too_little()
