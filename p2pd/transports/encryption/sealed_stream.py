"""A stream of sealed records, with another stream beneath it: for swarms that share a secret.

What is read waits until a record is whole; all that comes out of one read is opened into one
buffer, which stays in the processor's cache, and is handed on at once. A record that is not as it
was sealed ends the connection, and nothing of that read is handed on. What is written at once
leaves in one piece.
"""

from __future__ import annotations

from typing import Sequence

from p2pd.protocols.swarm_secret.noise import CipherState, NoiseError
from p2pd.protocols.swarm_secret.records import MOST_CONTENT, RecordReader, RecordWriter
from p2pd.transports.encryption.over_stream import OverStream
from p2pd.transports.interfaces import Buffer, Landing, Nobody, PeerStream, StreamReceiver
from p2pd.transports.tcp import READ_SIZE

_scratch = memoryview(bytearray(READ_SIZE + MOST_CONTENT))
"""What was opened, until it was heard: never more than one read, and what waited for it, brings."""


class SealedStream(OverStream):
    """A PeerStream that seals what goes through `inner`, whose receiver it is from now on.

    `landing` is left alone. A record has to be whole and right before anybody may see what is in
    it, and ends where no block does, so each block is copied to its place in any case: places that
    are known before spare nothing then, and looking for them takes a tenth more.
    """

    __slots__ = ("_binding", "_is_over", "_reader", "_writer", "landing")

    def __init__(
        self,
        inner: PeerStream,
        receiver: StreamReceiver,
        out: CipherState,
        into: CipherState,
        binding: bytes,
    ) -> None:
        super().__init__(inner, receiver)
        self._binding = binding
        self._writer = RecordWriter(out)
        self._reader = RecordReader(into)
        self._is_over = False
        self.landing: Landing | None = None
        inner.receiver = self

    @property
    def binding(self) -> bytes | None:
        """See interfaces.PeerStream."""
        return self._binding

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order. They are sealed at once, so they may change afterwards."""
        records = self._writer.records(buffers)
        if records:
            self._inner.write([records])

    def abort(self) -> None:
        """Close now."""
        self._is_over = True
        super().abort()

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived."""
        for at in range(0, len(data), READ_SIZE):
            if self._is_over:
                return
            try:
                size = self._reader.open_into(data[at : at + READ_SIZE], _scratch)
            except NoiseError as problem:
                self._hang_up(str(problem))
                return
            if size:
                self.receiver.stream_received(_scratch[:size])

    def stream_lost(self, reason: str) -> None:
        """It is gone."""
        self._is_over = True
        super().stream_lost(reason)

    # -- the inside ------------------------------------------------------------------------------

    def _hang_up(self, reason: str) -> None:
        self._is_over = True
        self._inner.receiver = Nobody()
        self._inner.abort()
        self.receiver.stream_lost(reason)
