"""An answer on its way to its reader: as fast as he reads, counted meanwhile, and not for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from p2pd.control.rpc_load import RpcLoad

PART = 128 * 1024
"""Bytes of an answer that are handed to the connection at a time."""

READ_SECONDS = 30.0
SLOWEST = 64 * 1024
"""A reader who has not taken an answer after so many seconds, and one for so many bytes, is cut.

That he takes something now and then does not count: kernels take some for him, when it suits them.
"""


@implementer(IPushProducer)
class Delivery:
    """Sends chunks as the body of a request's answer, and then finishes it."""

    def __init__(self, request: Any, chunks: Iterable[bytes], load: RpcLoad, reactor: Any) -> None:
        self._request = request
        self._parts = deque(_parts(chunks))
        self._load = load
        self._reactor = reactor
        self._paused = False
        self._cut: IDelayedCall | None = None
        self._left = sum(map(len, self._parts))
        self._handed = 0

    @property
    def size(self) -> int:
        """Bytes that are still to be sent."""
        return self._left

    def begin(self) -> None:
        """Send what the connection takes; the rest as it takes more."""
        self._load.answers += self._left
        self._request.notifyFinish().addBoth(self._over)
        self._request.registerProducer(self, True)
        self._send()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection has enough for now."""
        self._paused = True
        if self._cut is None:
            seconds = READ_SECONDS + self._left / SLOWEST
            self._cut = self._reactor.callLater(seconds, self._give_up)

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It takes more."""
        self._paused = False
        self._taken()
        self._send()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It is gone."""
        self._forget()

    def _send(self) -> None:
        while self._parts and not self._paused:
            part = self._parts.popleft()
            self._handed += len(part)
            self._request.write(part)  # which may pause us
        if self._paused:
            return
        self._taken()
        if not self._parts:
            self._stay()
            self._request.unregisterProducer()
            self._request.finish()

    def _give_up(self) -> None:
        self._cut = None
        self._load.readers_cut += 1
        self._request.channel.transport.abortConnection()

    def _stay(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    def _taken(self) -> None:
        """What the connection was given is on its way: it would have paused us else."""
        self._load.answers -= self._handed
        self._left -= self._handed
        self._handed = 0

    def _forget(self) -> None:
        self._stay()
        self._paused = True
        self._parts.clear()
        self._handed = self._left
        self._taken()

    def _over(self, _reason: object) -> None:
        self._forget()


def _parts(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The same bytes, in parts of a size that is worth a write and not more than that."""
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        for start in range(0, len(chunk), PART):
            piece = chunk[start : start + PART] if len(chunk) > PART else chunk
            gathered.append(piece)
            size += len(piece)
            if size >= PART:
                yield b"".join(gathered)
                gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


class Watch:
    """Knows whether the client is still there to be answered."""

    def __init__(self, request: Any) -> None:
        self.gone = False
        request.notifyFinish().addErrback(self._left)

    def _left(self, _reason: object) -> None:
        self.gone = True


def send(request: Any, chunks: list[bytes], load: RpcLoad, reactor: Any) -> None:
    """Answer a request with these bytes."""
    if not chunks or request.method == b"HEAD":
        request.setHeader(b"content-length", b"%d" % sum(map(len, chunks)))
        request.finish()
        return
    delivery = Delivery(request, chunks, load, reactor)
    request.setHeader(b"content-length", b"%d" % delivery.size)
    delivery.begin()


def takes_gzip(request: Any) -> bool:
    """Whether the client said that it can read gzip (RFC 9110, 12.5.3)."""
    accepted = (request.getHeader(b"accept-encoding") or b"").lower()
    for part in accepted.split(b","):
        coding, _, weight = part.partition(b";")
        if coding.strip() == b"gzip":
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
