"""What streams have in common of which it is still to be agreed how they go on.

What is written waits until then. There is nothing to wait for when one is closed: what is pending
cannot be said any more.
"""

from __future__ import annotations

from typing import Any, Sequence

from twisted.internet.defer import Deferred

from p2pd.transports.encryption.over_stream import OverStream
from p2pd.transports.interfaces import Buffer, Landing, Nobody, PeerStream


class UnopenedStream(OverStream):
    """A PeerStream over `inner`, whose receiver it is until it is open.

    What is calculated for it elsewhere, one thing at a time, is `_under_way`; nothing comes of that
    when it is `_over`.
    """

    landing: Landing | None = None

    def __init__(self, inner: PeerStream) -> None:
        super().__init__(inner, Nobody())
        self._over = False
        self._later: list[bytes] = []
        self._under_way: Deferred[Any] | None = None

    # -- PeerStream ------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Bytes written and not yet taken by the network."""
        return super().pending + sum(map(len, self._later))

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these when it is known how."""
        self._later.extend(map(bytes, buffers))

    def close(self) -> None:
        """See abort: nothing more can be said."""
        self.abort()

    def abort(self) -> None:
        """Close now."""
        self._end()
        super().abort()

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_lost(self, reason: str) -> None:
        """It is gone."""
        self._end()
        super().stream_lost(reason)

    # -- the inside ------------------------------------------------------------------------------

    def _say_what_waited(self, stream: PeerStream) -> None:
        """By this one, which is open."""
        later, self._later = self._later, []
        if later:
            stream.write(later)

    def _end(self) -> None:
        """Nothing is to be calculated any more."""
        self._over = True
        work, self._under_way = self._under_way, None
        if work is not None:
            work.cancel()

    def _fail(self, reason: str) -> None:
        self._end()
        self._inner.receiver = Nobody()
        self._inner.abort()
        self.receiver.stream_lost(reason)
