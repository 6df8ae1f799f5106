"""The bodies of answers as they come: not too long, not too short, and not too slow."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.web_seed_client.interfaces import Receiver
from p2pd.protocols.webseed.answers import MOST_WAIT_TEXT, SeedError, seconds_in

STALL_SECONDS = 30.0
LEAST_BYTES = 16 * 1024
"""So many bytes are to come in that time, unless it is we who do not read."""

REFUSAL_SECONDS = 10.0


class Body(Protocol):
    """A body of `length` bytes for a receiver (interfaces.Flow)."""

    def __init__(self, clock: Clock, length: int, receiver: Receiver) -> None:
        self._clock = clock
        self._left = length
        self._receiver = receiver
        self._done: Deferred[None] = Deferred(lambda _: self._end())
        self._came = 0
        self._paused = self._was_paused = False
        self._look: DelayedCall | None = None

    async def of(self, response: IResponse) -> None:
        """The whole of it went to the receiver. Raises SeedError."""
        self._look = self._clock.callLater(STALL_SECONDS, self._look_at_it)
        response.deliverBody(self)
        try:
            await self._done
        finally:
            if self._look.active():
                self._look.cancel()

    # -- Flow ----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read no more of it for now."""
        if not self._paused and self.transport is not None:
            self._paused = self._was_paused = True
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read on."""
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resumeProducing()  # type: ignore[attr-defined]

    # -- Protocol ------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Pass on a part."""
        if self._done.called:
            return
        if len(data) > self._left:
            self._fail(SeedError("it sends more than it was asked for"))
            return
        self._left -= len(data)
        self._came += len(data)
        self._receiver.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The end, good or bad."""
        if self._done.called:
            return
        if self._left:
            whole = reason.check(ResponseDone, PotentialDataLoss)
            self._done.errback(
                SeedError(
                    "it sent less than it was asked for"
                    if whole
                    else "the connection broke in the middle of its answer"
                )
            )
        else:
            self._done.callback(None)

    def _look_at_it(self) -> None:
        self._look = self._clock.callLater(STALL_SECONDS, self._look_at_it)
        if self._came < min(LEAST_BYTES, self._left) and not self._was_paused:
            self._fail(SeedError(f"it sent next to nothing for {STALL_SECONDS:.0f} seconds"))
        self._came, self._was_paused = 0, self._paused

    def _fail(self, problem: SeedError) -> None:
        if not self._done.called:
            self._done.errback(problem)
        self._end()

    def _end(self) -> None:
        abort(self.transport)


class Refusal(Protocol):
    """The beginning of a body that may say when to come again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._data = b""
        self._done: Deferred[None] = Deferred(lambda _: abort(self.transport))

    async def of(self, response: IResponse, problem: SeedError) -> SeedError:
        """The refusal, with the seconds that the body tells if the head did not."""
        self._done.addTimeout(REFUSAL_SECONDS, self._clock, lambda *_: None)  # type: ignore[arg-type]
        response.deliverBody(self)
        await self._done
        return SeedError(str(problem), wait=problem.wait or seconds_in(self._data))

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """What is longer than any number of seconds is not read."""
        self._data += data[: MOST_WAIT_TEXT + 1]
        if len(self._data) > MOST_WAIT_TEXT and not self._done.called:
            self._data = b""
            self._done.callback(None)
            abort(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """That was all."""
        if not self._done.called:
            self._done.callback(None)


class _Unread(Protocol):
    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Close at once."""
        abort(self.transport)


def hang_up(response: IResponse) -> None:
    """Nobody wants the body: unread, its connection would stay open."""
    response.deliverBody(_Unread())


def abort(transport: Any) -> None:
    """End the connection below a response now."""
    # A response's transport is a proxy without abortConnection, and loseConnection waits for the
    # other side of a TLS connection; so the transport behind the proxy is aborted.
    for each in (transport, getattr(transport, "_producer", None)):
        end = getattr(each, "abortConnection", None)
        if end is not None:
            end()
            return
    if transport is not None:
        transport.loseConnection()
