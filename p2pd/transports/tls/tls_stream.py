"""A stream under TLS whose handshake is through, with another stream beneath it.

It keeps the batches of the data path: what one wake-up brought is decrypted into the places that
are given for it, or all of it into one buffer; what is written at once leaves as few records, in
one piece. Nothing that is decrypted waits here, and what waits encrypted while reading is paused
is at most what one wake-up brought.

When the peer says that it says no more (close_notify) the connection is over, as with a FIN: peers
have no use for half of one. An end without it is one, too: pieces have hashes, messages lengths.
"""

from __future__ import annotations

from typing import Sequence

from cryptography import x509
from OpenSSL import SSL

from p2pd.base.clock import Clock
from p2pd.transports.encryption.over_stream import OverStream
from p2pd.transports.interfaces import Buffer, Landing, Nobody, PeerStream, StreamReceiver
from p2pd.transports.tcp import READ_SIZE
from p2pd.transports.tls.context import TlsContext, Verdict
from p2pd.transports.tls.direct_records import records_of

BINDING_SIZE = 32
BINDING_LABEL = b"EXPORTER-Channel-Binding"
"""RFC 9266, tls-exporter."""

MOST_SAID = 16
"""Alerts and the like that a peer may have us send beside what we want to send ourselves: whoever
asks to negotiate anew again and again is answered each time, and may not read the answers."""

_scratch = memoryview(bytearray(READ_SIZE))
"""What is decrypted, until it was heard: never more than one wake-up brings."""


class TlsStream(OverStream):
    """A PeerStream over `inner`; `server_name` is the swarm's, as the dialler named it."""

    __slots__ = ("_clock", "_connection", "_is_over", "_paused", "_records", "_said", "landing",
                 "server_name")  # fmt: skip

    def __init__(
        self,
        inner: PeerStream,
        receiver: StreamReceiver,
        connection: SSL.Connection,
        server_name: str,
        clock: Clock,
    ) -> None:
        super().__init__(inner, receiver)
        self.landing: Landing | None = None
        self.server_name = server_name
        self._connection = connection
        self._records = records_of(connection)
        self._clock = clock
        self._paused = False
        self._is_over = False
        self._said = 0
        inner.receiver = self
        inner.landing = None

    # -- who is there ----------------------------------------------------------------------------

    @property
    def binding(self) -> bytes | None:
        """What both ends know and nobody else does (RFC 9266); None for TLS 1.2.

        There it is unique only with an extension that the peer may lack (RFC 7627).
        """
        if self._connection.get_protocol_version() < SSL.TLS1_3_VERSION:
            return None
        return self._connection.export_keying_material(BINDING_LABEL, BINDING_SIZE, b"")

    def is_of(self, context: TlsContext | None) -> bool:
        """Whether the peer was judged by this context's rules; None: by nobody's."""
        return context is not None and context.made(self._connection)

    @property
    def peer_certificate(self) -> x509.Certificate:
        """The peer's own, which was verified."""
        found = self._connection.get_peer_certificate(as_cryptography=True)
        assert found is not None
        return found

    @property
    def peer_chain(self) -> Sequence[x509.Certificate]:
        """The one by which it was verified: its own, and those that lead to the CA's, without it.

        A peer may have sent more than that.
        """
        verdict: Verdict = self._connection.get_app_data()
        return verdict.chain[:-1] or [self.peer_certificate]

    @property
    def protocol(self) -> str:
        """``TLSv1.3``, for people."""
        return self._connection.get_protocol_version_name()

    @property
    def cipher(self) -> str:
        """What it is encrypted with, as OpenSSL calls it."""
        return self._connection.get_cipher_name() or ""

    # -- PeerStream ------------------------------------------------------------------------------

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order. They are encrypted at once, so they may change afterwards."""
        if self._is_over:
            return
        sealed = self._records.seal(buffers)
        if sealed:
            self._inner.write(sealed)
        if self._records.problem:
            self.abort()

    def pause(self) -> None:
        """Hand on nothing until `resume`, not even what was read already."""
        self._paused = True
        super().pause()

    def resume(self) -> None:
        """Read again; what is left of the last read is handed on in the next turn."""
        if not self._paused:
            return
        self._paused = False
        super().resume()
        if self._records.has_unread:
            self._clock.callLater(0, self._go_on)

    def close(self) -> None:
        """Send what is pending, say that nothing follows, and close."""
        if not self._is_over:
            self._is_over = True
            self._write_last()
        super().close()

    def abort(self) -> None:
        """Close now."""
        self._is_over = True
        super().abort()

    def begin(self, came: bytes) -> None:
        """Hand on what came along with the handshake's end: `came`, and what OpenSSL has."""
        self._records.feed(memoryview(came))
        self._go_on()

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Records arrived, or parts of them."""
        if self._is_over:
            return
        self._records.feed(data)
        self._go_on()

    def stream_lost(self, reason: str) -> None:
        """It is gone."""
        self._is_over = True
        self.landing = None
        super().stream_lost(reason)

    # -- the inside ------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Hand on what can be decrypted, as long as somebody wants it."""
        records = self._records
        while records.has_unread and not self._paused and not self._is_over:
            landing = self.landing
            places = landing.buffers() if landing is not None else ()
            size = records.read(places or (_scratch,))
            if not size:
                break
            if landing is not None and places:
                landing.filled(size)
            else:
                self.receiver.stream_received(_scratch[:size])
        if not self._is_over:
            self._after_read()

    def _after_read(self) -> None:
        said = self._records.said()
        if said:
            self._said += 1
            self._inner.write([said])
        if self._records.ended:
            self._hang_up("the peer closed the connection")
        elif self._records.problem:
            self._hang_up(self._records.problem)
        elif self._said > MOST_SAID:
            self._hang_up("TLS: the peer asks for one negotiation after the other")
        else:
            self._records.keep()

    def _hang_up(self, reason: str) -> None:
        """It is over; what we have to say about it is sent if that needs no waiting."""
        self._is_over = True
        self.landing = None
        self._write_last()
        self._inner.receiver = Nobody()
        if self._inner.pending:
            self._inner.abort()
        else:
            self._inner.close()
        self.receiver.stream_lost(reason)

    def _write_last(self) -> None:
        last = self._records.close()
        if last:
            self._inner.write([last])
