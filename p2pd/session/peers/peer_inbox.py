"""What comes from one peer: read to where it belongs, parsed, and handed on once per wake-up.

It is not read from while the disk is behind (write_backlog.py) or a download limit says so
(metered_reads.py), and that is not held against it.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol, Sequence

from p2pd.protocols.peerwire.connection import Event, PeerWire, PeerWireError
from p2pd.session.disks.write_backlog import WriteBacklog
from p2pd.session.peers.peer_download import PeerDownload
from p2pd.session.peers.peer_landing import PeerLanding
from p2pd.transports.interfaces import PeerStream

NEVER = float("inf")

BACKLOG, LIMIT = 1, 2
"""Why a peer is not read from: for one of them, or for both."""


class InboxPeer(Protocol):
    """What the inbox needs of its peer session."""

    closed: bool
    wire: PeerWire
    stream: PeerStream
    download: PeerDownload

    def seconds(self) -> float: ...
    def handle(self, events: Sequence[Event], now: float) -> None:
        """One wake-up's events, in their order."""

    def writable(self) -> None:
        """The socket took what it had."""

    def lost(self, reason: str) -> None:
        """The connection is gone."""

    def drop(self, reason: str) -> None: ...


class PeerInbox:
    """Listens to a peer's stream (transports.interfaces.StreamReceiver)."""

    __slots__ = ("_backlog", "_due", "_held", "_peer", "landing")

    def __init__(self, peer: InboxPeer) -> None:
        self._peer = peer
        self._backlog = WriteBacklog(0)
        self._held = 0
        self._due = 0.0
        self.landing = PeerLanding(peer, self._landed)

    def open(self) -> None:
        """Listen from now on."""
        self._peer.stream.receiver = self
        self._peer.stream.landing = self.landing

    def attach(self, backlog: WriteBacklog) -> None:
        """It is known which disk the pieces go to, and so what waits for it."""
        if backlog is not self._backlog:
            self._backlog.forget(self._backlog_is_short)
            self._backlog = backlog
            self._release(BACKLOG)

    def close(self) -> None:
        """Listen no more."""
        self._backlog.forget(self._backlog_is_short)

    def tick(self, now: float) -> None:
        """Once a second: silence, and a keep-alive if it is time for one."""
        peer = self._peer
        if self._held:
            peer.wire.excuse_silence(now)
            peer.download.excuse_silence(now)
        if now < self._due:
            return
        # Deadlines only ever move on, so this one need not be asked for again before it is due.
        deadline = peer.wire.next_deadline()
        if deadline is None:
            self._due = NEVER
        elif deadline <= now:
            peer.handle(peer.wire.handle_timer(now), now)
        else:
            self._due = deadline

    # -- waiting -------------------------------------------------------------------------------

    def hold_for_limit(self) -> None:
        """Its bytes are more than the download limits allow now (metered_reads.MeteredInbox)."""
        self._hold(LIMIT)

    def limit_allows(self) -> None:
        """The limits allow more."""
        self._release(LIMIT)

    def _backlog_is_short(self) -> None:
        self._release(BACKLOG)

    def _hold(self, reason: int) -> None:
        if not self._held:
            self._peer.stream.pause()
        self._held |= reason

    def _release(self, reason: int) -> None:
        if not self._held & reason:
            return
        self._held &= ~reason
        if not self._held and not self._peer.closed:
            now = self._peer.seconds()
            self._peer.wire.excuse_silence(now)
            self._peer.download.excuse_silence(now)
            self._peer.stream.resume()

    # -- StreamReceiver ------------------------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """One wake-up's bytes."""
        if not self._peer.closed:
            self.landing.noticed(len(data))
            self._receive(self._peer.wire.receive_data, data)

    def stream_writable(self) -> None:
        """The socket took what it had."""
        self._peer.writable()

    def stream_lost(self, reason: str) -> None:
        """The connection is gone."""
        self._peer.lost(reason)

    def _landed(self, rest: bytes) -> None:
        """A read put blocks in their places; what came behind them is read as ever."""
        if not self._peer.closed:
            self._receive(self._peer.wire.receive_anew, rest)

    def _receive(self, read: Callable[[Any, float], list[Event]], data: Any) -> None:
        peer = self._peer
        now = peer.seconds()
        try:
            events = read(data, now)
        except PeerWireError as problem:
            peer.handle(problem.events, now)
            peer.drop(str(problem))
            return
        peer.handle(events, now)
        if self._backlog.is_long and not peer.closed:
            self._hold(BACKLOG)
            self._backlog.call_when_short(self._backlog_is_short)
