"""Streams that begin with message stream encryption, or may: until it is known how they go on.

To those above they are streams like any other, from the first moment on. When both sides have
agreed `opened` is called with the stream that is to be used from then on: the one beneath if what
follows is in the clear, so that it costs nothing.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.protocols.mse.handshake import (
    MAX_PADDING,
    Agreement,
    MseHandshake,
    MseInitiator,
    MseResponder,
    Swarms,
)
from p2pd.protocols.mse.key_exchange import KEY_SIZE, KeyPair, MseError
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.peerwire.handshake import PREFIX
from p2pd.transports.encryption.encrypted_stream import EncryptedStream
from p2pd.transports.encryption.fair_line import DisplacedError
from p2pd.transports.encryption.key_work import Exchanged, KeyWork
from p2pd.transports.encryption.unopened_stream import UnopenedStream
from p2pd.transports.interfaces import PeerStream

Opened = Callable[[PeerStream, bool, "bytes | None"], None]
"""Called with the stream to use from now on, whether it is encrypted, and the binding of the keys.

Where it goes on in the clear behind an encrypted handshake there is a binding, too, which the
stream beneath knows nothing of. It says with whom the handshake was, and nothing of what follows.
"""

TOO_MANY_KEYS = "too many keys are being exchanged"
DISPLACED = f"{TOO_MANY_KEYS}, most of them for its network"
TOO_MANY_TRIES = "too many encrypted handshakes from there came to nothing"


class Opening(UnopenedStream):
    """Of either side; `opened` is called when it is known how it goes on."""

    def __init__(self, inner: PeerStream, opened: Opened, work: KeyWork) -> None:
        super().__init__(inner)
        self._opened = opened
        self._work = work
        self._shaking: MseHandshake | None = None
        self._came = bytearray()

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived."""
        if self._over:
            return
        try:
            self._take(data)
        except MseError as problem:
            self._fail(str(problem))

    # -- the inside ------------------------------------------------------------------------------

    def _take(self, data: memoryview) -> None:
        """Bytes of the handshake. Raises MseError."""
        if self._shaking is not None:
            self._shake(self._shaking, data)
            return
        self._came += data
        if len(self._came) > KEY_SIZE + MAX_PADDING:
            raise MseError("the peer says more than it may before the keys are exchanged")

    def _shake(self, shaking: MseHandshake, data: bytes | memoryview) -> None:
        """Go on with the handshake. Raises MseError."""
        shaking.receive_data(data)
        self._send(shaking)

    def _calculate(self, work: Deferred[Any], made: Callable[[Any], None]) -> None:
        """Have `made` told of what comes of this, unless it is over until then."""

        def go_on(result: Any) -> None:
            self._under_way = None
            if self._over:
                return
            try:
                made(result)
            except MseError as problem:
                self._fail(str(problem))

        self._under_way = work
        work.addCallbacks(go_on, self._broken)

    def _send(self, shaking: MseHandshake) -> None:
        said = shaking.data_to_send()
        if said:
            self._inner.write([said])
        if shaking.agreement is not None:
            self._agreed(shaking.agreement)

    def _agreed(self, agreement: Agreement) -> None:
        stream: PeerStream = self._inner
        if agreement.encrypt is not None and agreement.decrypt is not None:
            encrypt, decrypt = agreement.encrypt, agreement.decrypt
            ways = encrypt, decrypt
            stream = EncryptedStream(self._inner, self.receiver, *ways, agreement.binding)
        encrypted = agreement.encrypt is not None
        self._open(stream, agreement.payload, agreement.binding, encrypted=encrypted)

    def _open(
        self, stream: PeerStream, came: bytes, binding: bytes | None, *, encrypted: bool
    ) -> None:
        self._over = True
        stream.receiver = self.receiver
        self._opened(stream, encrypted, binding)
        self._say_what_waited(stream)
        if came:
            # In two steps, for the receiver may be another by now.
            stream.receiver.stream_received(memoryview(came))

    def _broken(self, failure: Failure) -> None:
        """A calculation came to nothing."""
        self._under_way = None
        if self._over:
            return
        if failure.check(DisplacedError):
            self._fail(DISPLACED)
        else:
            problem = failure.value
            self._fail(str(problem) if isinstance(problem, MseError) else "no key could be made")


class DialledOpening(Opening):
    """Of a peer that we dialled, encrypted: what is written first goes along with our offers."""

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: KeyWork,
        *,
        info_hash: bytes,
        policy: EncryptionPolicy,
    ) -> None:
        super().__init__(inner, opened, work)
        self._info_hash = info_hash
        self._policy = policy

    def begin(self) -> None:
        """Speak first."""
        self._calculate(self._work.keys(), self._begin)

    def _begin(self, keys: KeyPair) -> None:
        shaking = self._shaking = self._handshake(keys)
        came, self._came = bytes(self._came), bytearray()
        self._shake(shaking, came)

    def _handshake(self, keys: KeyPair) -> MseInitiator:
        payload, self._later = b"".join(self._later), []
        return MseInitiator(
            keys, self._info_hash, offers=self._policy.offers, payload=payload, rng=self._work.rng
        )

    def _shake(self, shaking: MseHandshake, data: bytes | memoryview) -> None:
        had_key = shaking.their_key is not None
        super()._shake(shaking, data)
        if not had_key and shaking.their_key is not None:

            def known(secret: bytes) -> None:
                shaking.secret_known(secret)
                self._send(shaking)

            self._calculate(self._work.secret(shaking.keys, shaking.their_key), known)


class AcceptedOpening(Opening):
    """Of a peer that dialled us: its first bytes tell whether it speaks in the clear.

    Nothing is calculated for it before it has sent all of its key.
    """

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: KeyWork,
        *,
        swarms: Swarms,
        policy: EncryptionPolicy,
    ) -> None:
        super().__init__(inner, opened, work)
        self._swarms = swarms
        self._policy = policy
        self._is_encrypted = False
        self._asked = False

    def _take(self, data: memoryview) -> None:
        if self._is_encrypted:
            self._take_encrypted(data)
            return
        self._came += data
        size = min(len(self._came), len(PREFIX))
        if self._came[:size] != PREFIX[:size]:
            self._is_encrypted = True
            self._take_encrypted(data[:0])
        elif size == len(PREFIX):
            if not self._policy.takes_plain:
                raise MseError("the peer speaks in the clear, which is not allowed here")
            came, self._came = bytes(self._came), bytearray()
            self._open(self._inner, came, None, encrypted=False)

    def _take_encrypted(self, data: memoryview) -> None:
        super()._take(data)
        if self._asked or len(self._came) < KEY_SIZE:
            return
        self._asked = True
        if not self._work.has_room_for(self.address.host):
            self._work.refused += 1
            raise MseError(TOO_MANY_KEYS)
        if not self._work.tries.begins(self.address.host):
            raise MseError(TOO_MANY_TRIES)
        key = bytes(self._came[:KEY_SIZE])
        self._calculate(self._work.exchange(key, self.address.host), self._begin)

    def _agreed(self, agreement: Agreement) -> None:
        self._work.tries.ends_well(self.address.host)
        super()._agreed(agreement)

    def _begin(self, exchanged: Exchanged) -> None:
        shaking = self._shaking = self._handshake(exchanged.keys)
        came, self._came = bytes(self._came), bytearray()
        self._shake(shaking, came)
        shaking.secret_known(exchanged.secret)
        self._send(shaking)

    def _handshake(self, keys: KeyPair) -> MseResponder:
        choices = self._policy.choices
        return MseResponder(keys, self._swarms, choices=choices, rng=self._work.rng)
