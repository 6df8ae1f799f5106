"""A stream of sealed records, with another stream beneath it: for swarms that share a secret.

What is read waits until a record is whole; what comes out of one read is handed on at once. A
record that is not as it was sealed ends the connection.
"""

from __future__ import annotations

from typing import Sequence

from p2pd.protocols.swarm_secret.noise import CipherState, NoiseError
from p2pd.protocols.swarm_secret.records import RecordReader, RecordWriter
from p2pd.transports.encryption.over_stream import OverStream
from p2pd.transports.interfaces import Buffer, Landing, Nobody, PeerStream, StreamReceiver


class SealedStream(OverStream):
    """A PeerStream that seals what goes through `inner`, whose receiver it is from now on.

    Records have to be whole before anybody may see what is in them, so they are not read into
    given places: `landing` is left alone.
    """

    __slots__ = ("_binding", "_reader", "_writer", "landing")

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
        self.landing: Landing | None = None
        inner.receiver = self

    @property
    def binding(self) -> bytes | None:
        """See interfaces.PeerStream."""
        return self._binding

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order."""
        records = self._writer.records(buffers)
        if records:
            self._inner.write(records)

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived."""
        try:
            found = self._reader.receive_data(data)
        except NoiseError as problem:
            self._inner.receiver = Nobody()
            self._inner.abort()
            self.receiver.stream_lost(str(problem))
            return
        if found:
            said = found[0] if len(found) == 1 else b"".join(found)
            self.receiver.stream_received(memoryview(said))
