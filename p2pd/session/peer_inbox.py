"""What comes from one peer: read to where it belongs, parsed, and handed on once per wake-up.

It is not read from while the disk is behind (write_backlog.py), and that is not held against it.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol, Sequence

from p2pd.protocols.peerwire.connection import Event, PeerWire, PeerWireError
from p2pd.session.peer_download import PeerDownload
from p2pd.session.peer_landing import PeerLanding
from p2pd.session.write_backlog import WriteBacklog
from p2pd.transports.interfaces import PeerStream


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

    __slots__ = ("_backlog", "_landing", "_paused", "_peer")

    def __init__(self, peer: InboxPeer, backlog: WriteBacklog) -> None:
        self._peer = peer
        self._backlog = backlog
        self._paused = False
        self._landing = PeerLanding(peer, self._landed)

    def open(self) -> None:
        """Listen from now on."""
        self._peer.stream.receiver = self
        self._peer.stream.landing = self._landing

    def close(self) -> None:
        """Listen no more."""
        self._backlog.forget(self._resume)

    def tick(self, now: float) -> None:
        """Once a second: silence, and a keep-alive if it is time for one."""
        peer = self._peer
        if self._paused:
            peer.wire.excuse_silence(now)
            peer.download.excuse_silence(now)
        deadline = peer.wire.next_deadline()
        if deadline is not None and deadline <= now:
            peer.handle(peer.wire.handle_timer(now), now)

    # -- StreamReceiver ------------------------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """One wake-up's bytes."""
        if not self._peer.closed:
            self._landing.noticed(len(data))
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
            self._paused = True
            peer.stream.pause()
            self._backlog.call_when_short(self._resume)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            if not self._peer.closed:
                now = self._peer.seconds()
                self._peer.wire.excuse_silence(now)
                self._peer.download.excuse_silence(now)
                self._peer.stream.resume()
