"""One WebSocket (RFC 6455) over wsproto: whole text messages, bounds, pings, and its end.

Messages are not compressed (RFC 7692): what many are told is framed once for all of them, and a
kilobyte from a stranger cannot become a megabyte.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IPushProducer
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError
from zope.interface import implementer

from p2pd.control.events.events_load import EventsLoad

MESSAGE_LIMIT = 1024 * 1024
"""Bytes of a message from a client; what is longer is for POST /rpc."""

PING_SECONDS = 30.0
"""Of silence; another such time without an answer ends the connection."""

READ_SECONDS = 60.0
"""What a client may take to read what was sent to it, before it is told to go."""

CLOSE_SECONDS = 5.0
"""What the other side has to say good-bye."""

NORMAL, GOING_AWAY, NO_TEXT, POLICY, TOO_BIG = 1000, 1001, 1003, 1008, 1009


class Receiver(Protocol):
    """Who gets the messages."""

    def received(self, message: bytes) -> None:
        """A whole one."""

    def lost(self) -> None:
        """The connection is gone."""

    def is_welcome(self) -> bool:
        """Asked now and then: whether it may stay. Who may not is told to go."""


def text_frame(message: bytes) -> bytes:
    """A message as one frame from a server, which masks nothing (section 5.2)."""
    size = len(message)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + message
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + message
    return b"\x81\x7f" + size.to_bytes(8, "big") + message


@implementer(IProtocol, IPushProducer)
class WebSocket:
    """A server's end of a connection that is open already."""

    factory = None

    def __init__(self, wire: Connection, load: EventsLoad, reactor: Any) -> None:
        self._wire = wire
        self._load = load
        self._reactor = reactor
        self._transport: Any = None
        self.receiver: Receiver | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._lost = False
        self._paused = False
        self._reads = True
        self._heard = True
        """Whether anything came since the last ping."""
        self._waiting: list[Deferred[None]] = []
        self._ping_call: IDelayedCall | None = None
        self._cut_call: IDelayedCall | None = None

    # -- what the client does ------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether it takes more now."""
        return not self._paused

    @property
    def is_open(self) -> bool:
        """Whether nobody said good-bye."""
        return not self._lost and self._wire.state is ConnectionState.OPEN

    def room(self) -> Deferred[None]:
        """Fires when it takes more; errs with CancelledError when it is gone."""
        done: Deferred[None] = Deferred()
        if self._lost:
            done.cancel()
        elif self.has_room:
            done.callback(None)
        else:
            self._waiting.append(done)
        return done

    def send(self, message: bytes) -> None:
        """A text message, in JSON."""
        if self.is_open:
            self._transport.write(text_frame(message))

    def read_on(self, yes: bool) -> None:
        """Whether to take more messages."""
        if yes == self._reads or self._lost:
            return
        self._reads = yes
        if yes:
            self._transport.resumeProducing()
        else:
            self._transport.pauseProducing()

    def close(self, code: int, reason: str) -> None:
        """Say good-bye, and hang up when it is answered, or not answered for long."""
        if self.is_open:
            # A reason has 123 bytes at most; ours are ASCII.
            self._transport.write(self._wire.send(CloseConnection(code, reason[:120])))
            self._cut_in(CLOSE_SECONDS)
            self.read_on(True)

    # -- what comes ----------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 - Twisted's name
        """From now on the connection is this."""
        self._transport = transport
        # It was HTTP's until now.
        with suppress(Exception):
            transport.unregisterProducer()
        transport.registerProducer(self, True)
        self._ping_call = self._reactor.callLater(PING_SECONDS, self._ping)

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Part of makeConnection."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes came."""
        self._heard = True
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                self._handle(event)
        except LocalProtocolError:
            self._abort()  # it goes on after the good-byes

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """It is gone."""
        self._lost = True
        for call in (self._ping_call, self._cut_call):
            if call is not None:
                call.cancel()
        self._ping_call = self._cut_call = None
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.cancel()
        if self.receiver is not None:
            self.receiver.lost()

    def _handle(self, event: object) -> None:
        if isinstance(event, TextMessage):
            self._take(event.data.encode(), whole=event.message_finished)
        elif isinstance(event, BytesMessage):
            self._end(NO_TEXT, "only text messages are read here", "binary")
        elif isinstance(event, Ping):
            # Whoever only pings and never reads is not answered for ever.
            if self.is_open and self.has_room:
                self._transport.write(self._wire.send(Pong(event.payload)))
        elif isinstance(event, CloseConnection):
            self._answer_close(event)

    def _take(self, part: bytes, *, whole: bool) -> None:
        if not self.is_open:
            return
        self._size += len(part)
        if self._size > MESSAGE_LIMIT:
            sentence = f"a message has more than {MESSAGE_LIMIT} bytes: use POST /rpc"
            self._end(TOO_BIG, sentence, "too_big")
            return
        if part:
            self._parts.append(part)
        if whole:
            message, self._parts, self._size = b"".join(self._parts), [], 0
            if self.receiver is not None:
                self.receiver.received(message)

    def _answer_close(self, event: CloseConnection) -> None:
        if self._wire.state is ConnectionState.REMOTE_CLOSING:
            self._transport.write(self._wire.send(event.response()))
        elif self._wire.state is not ConnectionState.CLOSED and not self._lost:
            # What came is no WebSocket: wsproto says so in place of an event of the other side.
            with suppress(LocalProtocolError):
                self._load.ended["protocol"] += 1
                self._transport.write(self._wire.send(event))
        self._hang_up()

    # -- its end -------------------------------------------------------------------------------

    def _end(self, code: int, reason: str, counted: str) -> None:
        if self.is_open:
            self._load.ended[counted] += 1
            self._parts.clear()
            self.close(code, reason)

    def _hang_up(self) -> None:
        self._cut_in(CLOSE_SECONDS)
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    def _cut_in(self, seconds: float) -> None:
        if self._cut_call is not None:
            self._cut_call.cancel()
        self._cut_call = None if self._lost else self._reactor.callLater(seconds, self._cut)

    def _cut(self) -> None:
        self._cut_call = None
        if self.is_open:
            self._end(POLICY, "what was sent is not read; come back with the cursor", "slow")
        else:
            self._abort()

    def _abort(self) -> None:
        if not self._lost:
            self._transport.abortConnection()

    # -- whether it is alive, and reads ----------------------------------------------------------

    def _ping(self) -> None:
        self._ping_call = self._reactor.callLater(PING_SECONDS, self._ping)
        if not (self._reads and self.has_room and self.is_open):
            return  # it cannot be heard, or sees no ping; that it does not read ends it anyway
        if not self._heard:
            self._load.ended["dead"] += 1
            self._abort()
            return
        self._heard = False
        if self.receiver is None or self.receiver.is_welcome():
            self._transport.write(self._wire.send(Ping(b"")))

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection has enough for now."""
        self._paused = True
        if self._cut_call is None:
            self._cut_in(READ_SECONDS)

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It takes more."""
        self._paused = False
        if self.is_open:
            if self._cut_call is not None:
                self._cut_call.cancel()
                self._cut_call = None
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                done.callback(None)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It is gone, which connectionLost tells."""
