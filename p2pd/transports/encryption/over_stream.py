"""A stream with another stream beneath it, to which it leaves all that it does not do itself."""

from __future__ import annotations

from p2pd.base.addresses import PeerAddress
from p2pd.transports.interfaces import PeerStream, StreamReceiver


class OverStream:
    """Most of a PeerStream, and the receiver of the stream beneath."""

    __slots__ = ("_inner", "receiver")

    def __init__(self, inner: PeerStream, receiver: StreamReceiver) -> None:
        self.receiver = receiver
        self._inner = inner

    @property
    def address(self) -> PeerAddress:
        """The other end."""
        return self._inner.address

    @property
    def pending(self) -> int:
        """Bytes written and not yet taken by the network."""
        return self._inner.pending

    @property
    def binding(self) -> bytes | None:
        """What both ends alone know of this connection."""
        return self._inner.binding

    def call_when_writable(self) -> None:
        """Tell the receiver that it may write."""
        self._inner.call_when_writable()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self._inner.pause()

    def resume(self) -> None:
        """Read again."""
        self._inner.resume()

    def close(self) -> None:
        """Send what is pending, then close."""
        self._inner.close()

    def abort(self) -> None:
        """Close now."""
        self._inner.abort()

    def stream_writable(self) -> None:
        """More may be written."""
        self.receiver.stream_writable()

    def stream_lost(self, reason: str) -> None:
        """The stream beneath is gone."""
        self.receiver.stream_lost(reason)
