"""Questions that a server answers by datagrams, asked again while it is silent (PCP, NAT-PMP)."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.protocols.nat.mapping import NatFormatError, NatRefusalError
from p2pd.reachability.gateway_link import Datagrams, GatewayLink, UnreachableError
from p2pd.reachability.gateways import Gateway

WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds after each time that something is asked: a gateway is one hop away (RFC 6886, 3.1)."""

T = TypeVar("T")

Read = Callable[[bytes], Any]
"""What a datagram answers, None if it is no answer to this; raises what codecs do."""


class Questions:
    """Asks one port of a gateway."""

    def __init__(self, clock: Clock, link: GatewayLink, gateway: Gateway, port: int) -> None:
        self._clock = clock
        self._open: Callable[[], Datagrams] = lambda: link.connect(
            gateway, port, self._received, self._refused
        )
        self._socket: Datagrams | None = None
        self._waiting: list[_Question] = []

    async def ask(self, packet: bytes, read: Read) -> Any:
        """The answer as `read` takes it. Raises UnreachableError and NatRefusalError."""
        if self._socket is None:
            self._socket = self._open()
        question = _Question(self._clock, self._socket, packet, read)
        self._waiting.append(question)
        try:
            return await question.begin()
        finally:
            question.end()
            self._waiting.remove(question)

    def close(self) -> None:
        """Give the socket back; what is being asked fails."""
        socket, self._socket = self._socket, None
        for question in list(self._waiting):
            question.fail(UnreachableError("it is not asked any more"))
        if socket is not None:
            socket.close()

    def _received(self, packet: bytes) -> None:
        for question in list(self._waiting):
            if question.offer(packet):
                return

    def _refused(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()
        for question in list(self._waiting):
            question.fail(UnreachableError("nobody answers at that port"))


class _Question:
    def __init__(self, clock: Clock, socket: Datagrams, packet: bytes, read: Read) -> None:
        self._clock = clock
        self._socket = socket
        self._packet = packet
        self._read = read
        self._waits = list(WAITS)
        self._timer: DelayedCall | None = None
        self._answer: Deferred[Any] = Deferred()

    def begin(self) -> Deferred[Any]:
        self._send()
        return self._answer

    def offer(self, packet: bytes) -> bool:
        """Whether the packet was the answer."""
        try:
            answer = self._read(packet)
        except NatFormatError:
            return False
        except NatRefusalError as refusal:
            self.fail(refusal)
            return True
        if answer is None:
            return False
        self.end()
        if not self._answer.called:
            self._answer.callback(answer)
        return True

    def fail(self, problem: Exception) -> None:
        self.end()
        if not self._answer.called:
            self._answer.errback(Failure(problem))

    def end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _send(self) -> None:
        if not self._waits:
            self.fail(UnreachableError("it does not answer"))
            return
        self._timer = self._clock.callLater(self._waits.pop(0), self._send)
        try:
            self._socket.send(self._packet)
        except UnreachableError as problem:
            self.fail(problem)
