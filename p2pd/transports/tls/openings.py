"""Streams whose TLS handshake is under way: until it is known who is at the other end.

To those above they are streams like any other, from the first moment on; what is written waits.
When both sides have shown their certificates `opened` is called with the stream that is to be used
from then on.

Of who dialled us the first message is read here: it names the swarm, whose context `find` knows.
A context that is chosen so is the connection's from the start. (One that is put in its place later
does not bring its demand for a certificate along.) Until then OpenSSL does nothing and nothing is
answered but the alert that there is no such name.

What OpenSSL does is done in other threads, for whole records at a time; meanwhile the stream
beneath is paused. So what waits here is what one wake-up brought, and of that at most `MOST_HEARD`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from OpenSSL import SSL
from twisted.python.failure import Failure

from p2pd.base.clock import Clock
from p2pd.protocols.tls.client_hello import (
    NAME_SIZE,
    UNRECOGNIZED_NAME,
    HelloError,
    HelloReader,
    whole_records,
)
from p2pd.transports.encryption.fair_line import DisplacedError
from p2pd.transports.encryption.unopened_stream import UnopenedStream
from p2pd.transports.interfaces import Nobody, PeerStream
from p2pd.transports.tls.context import TlsContext, Verdict
from p2pd.transports.tls.handshake_work import HandshakeWork
from p2pd.transports.tls.records import words_of
from p2pd.transports.tls.tls_stream import TlsStream

MOST_HEARD = 256 * 1024
"""Bytes of a handshake, and of what comes along with its end: chains of certificates are long."""

FLIGHT = 256 * 1024
"""More bytes than a step of a handshake says."""

TOO_MANY = "TLS: too many handshakes are under way"
DISPLACED = f"{TOO_MANY}, most of them for its network"

Opened = Callable[[TlsStream], None]
"""Called with the stream to use from now on; its receiver is the opening's."""

Find = Callable[[str], TlsContext | None]
"""The context of the swarm with this name, 40 lowercase hex digits; None: it is not here."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What came of one: bytes to send, whether it was the last, and what is wrong, in words."""

    said: bytes
    is_last: bool
    problem: str


def _step(connection: SSL.Connection, came: bytes) -> _Step:
    """One step of a handshake, in any thread."""
    is_last, problem = False, ""
    try:
        if came:
            connection.bio_write(came)
        connection.do_handshake()
        is_last = True
    except SSL.WantReadError:
        pass
    except SSL.Error as error:
        verdict: Verdict = connection.get_app_data()
        refusal = verdict.refusal
        problem = f"the peer's certificate: {refusal}" if refusal else words_of(error)
    try:
        said = connection.bio_read(FLIGHT)
    except SSL.Error:
        said = b""
    return _Step(said, is_last, problem)


class TlsOpening(UnopenedStream):
    """Of either side; `opened` is called when it is known how it goes on."""

    def __init__(
        self, inner: PeerStream, opened: Opened, work: HandshakeWork, clock: Clock
    ) -> None:
        super().__init__(inner)
        self._opened = opened
        self._work = work
        self._clock = clock
        self._paused = False
        self._heard = 0
        self._came = bytearray()
        self._connection: SSL.Connection | None = None
        self._server_name = ""

    # -- PeerStream ------------------------------------------------------------------------------

    def pause(self) -> None:
        """Hand on nothing; the handshake goes on."""
        self._paused = True

    def resume(self) -> None:
        """Hand on again."""
        self._paused = False

    # -- what the stream beneath tells -----------------------------------------------------------

    def stream_received(self, data: memoryview) -> None:
        """Bytes arrived."""
        if self._over:
            return
        self._heard += len(data)
        if self._heard > MOST_HEARD:
            self._fail(f"TLS: the peer says more than {MOST_HEARD} bytes before it is known")
            return
        self._take(data)

    # -- the inside ------------------------------------------------------------------------------

    def _take(self, data: memoryview) -> None:
        """Bytes of the handshake."""
        self._came += data
        if self._under_way is None:
            self._step_on()

    def _step_on(self) -> None:
        """The next step, if there is a record for it."""
        size = whole_records(self._came)
        if size:
            came = bytes(self._came[:size])
            del self._came[:size]
            self._step(came)

    def _step(self, came: bytes) -> None:
        assert self._connection is not None
        super().pause()
        step = self._under_way = self._work.run(_step, self._connection, came, host=self._stranger)
        step.addCallbacks(self._stepped, self._broken)

    @property
    def _stranger(self) -> str | None:
        """Where he came from, None if it is us who dialled."""
        return None

    def _stepped(self, step: _Step) -> None:
        if not self._over:
            if step.said:
                self._inner.write([step.said])
            super().resume()  # what waited beneath may come at once, and is not to be a step yet
        self._under_way = None
        if self._over:
            return
        if step.problem:
            self._refuse(step.problem)
        elif step.is_last:
            self._open()
        else:
            self._step_on()

    def _broken(self, failure: Failure) -> None:
        """Somebody else has the place in the line, or there is no thread any more."""
        self._under_way = None
        if not self._over:
            displaced = failure.check(DisplacedError)
            self._fail(DISPLACED if displaced else "TLS: the handshake could not be made")

    def _open(self) -> None:
        assert self._connection is not None
        self._over = True
        stream = TlsStream(
            self._inner, self.receiver, self._connection, self._server_name, self._clock
        )
        if self._paused:
            stream.pause()
        self._opened(stream)
        self._say_what_waited(stream)
        came, self._came = bytes(self._came), bytearray()
        stream.begin(came)

    def _refuse(self, reason: str) -> None:
        """End it, behind the alert that was written."""
        self._over = True
        self._inner.receiver = Nobody()
        if self._inner.pending:
            self._inner.abort()
        else:
            self._inner.close()
        self.receiver.stream_lost(reason)


class TlsAccepted(TlsOpening):
    """Of a peer that dialled us. Who names no swarm that is here gets an alert, and that is all."""

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: HandshakeWork,
        clock: Clock,
        *,
        find: Find,
    ) -> None:
        super().__init__(inner, opened, work, clock)
        self._find = find
        self._hello: HelloReader | None = HelloReader()

    @property
    def _stranger(self) -> str:
        return self.address.host

    def _take(self, data: memoryview) -> None:
        if self._hello is None:
            super()._take(data)
            return
        try:
            if not self._hello.receive(data):
                return
            name = self._hello.server_name()[:NAME_SIZE].lower()
        except HelloError as problem:
            self._fail(f"TLS: {problem}")
            return
        self._came, self._hello = self._hello.data, None
        self._choose(name)

    def _choose(self, name: str) -> None:
        context = self._find(name) if len(name) == NAME_SIZE else None
        if context is None:
            self._inner.write([UNRECOGNIZED_NAME])
            self._refuse("TLS: the peer asked for a swarm that is not here")
            return
        if not self._work.has_room_for(self.address.host):
            self._work.refused += 1
            self._fail(TOO_MANY)
            return
        self._server_name = name
        self._connection = context.accept()
        self._step_on()


class TlsDialled(TlsOpening):
    """Of a peer that we dialled, for the swarm with this name: 40 lowercase hex digits."""

    def __init__(
        self,
        inner: PeerStream,
        opened: Opened,
        work: HandshakeWork,
        clock: Clock,
        *,
        context: TlsContext,
        server_name: str,
    ) -> None:
        super().__init__(inner, opened, work, clock)
        self._context = context
        self._server_name = server_name

    def begin(self) -> None:
        """Speak first."""
        self._connection = self._context.dial(self._server_name)
        self._step(b"")
