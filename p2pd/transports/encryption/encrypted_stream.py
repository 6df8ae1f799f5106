"""A stream whose bytes are encrypted one by one (RC4), with another stream beneath it.

What is read is decrypted where it was read to, in one call for all of it; what is written is copied
once, for the buffers belong to others.
"""

from __future__ import annotations

from typing import Sequence

from p2pd.protocols.mse.keystream import Keystream
from p2pd.transports.encryption.over_stream import OverStream
from p2pd.transports.interfaces import Buffer, Landing, PeerStream, StreamReceiver


class EncryptedStream(OverStream):
    """A PeerStream that encrypts what goes through `inner`, whose receiver it is from now on."""

    __slots__ = ("_binding", "_decrypt", "_encrypt", "_landing")

    def __init__(
        self,
        inner: PeerStream,
        receiver: StreamReceiver,
        encrypt: Keystream,
        decrypt: Keystream,
        binding: bytes,
    ) -> None:
        super().__init__(inner, receiver)
        self._binding = binding
        self._encrypt = encrypt
        self._decrypt = decrypt
        self._landing: Landing | None = None
        inner.receiver = self

    @property
    def binding(self) -> bytes | None:
        """See interfaces.PeerStream."""
        return self._binding

    @property
    def landing(self) -> Landing | None:
        """See interfaces.PeerStream."""
        return self._landing

    @landing.setter
    def landing(self, landing: Landing | None) -> None:
        self._landing = landing
        self._inner.landing = None if landing is None else _Decrypted(landing, self._decrypt)

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send these in order."""
        self._inner.write([self._encrypt.apply(buffer) for buffer in buffers])

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived."""
        if data.readonly:
            data = memoryview(self._decrypt.apply(data))
        else:
            self._decrypt.apply_in_place(data)
        self.receiver.stream_received(data)

    def stream_lost(self, reason: str) -> None:
        """It is gone."""
        self._landing = None
        super().stream_lost(reason)


class _Decrypted:
    """A landing for encrypted bytes: where they lie they are decrypted, then they count."""

    __slots__ = ("_decrypt", "_landing", "_places")

    def __init__(self, landing: Landing, decrypt: Keystream) -> None:
        self._landing = landing
        self._decrypt = decrypt
        self._places: Sequence[memoryview] = ()

    def buffers(self) -> Sequence[memoryview]:
        """What to read into now."""
        self._places = self._landing.buffers()
        return self._places

    def filled(self, size: int) -> None:
        """So many bytes were read into those."""
        left = size
        for place in self._places:
            part = place[:left]
            self._decrypt.apply_in_place(part)
            left -= len(part)
            if not left:
                break
        self._places = ()
        self._landing.filled(size)
