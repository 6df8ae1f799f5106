"""Ports that peers come to: they take connections in small batches, and so many a second.

To take a connection and to hang up costs the kernel and us some forty microseconds, and wakes the
other side up; to listen to it costs several times that, and keys more. So who is turned away counts
for less than who is let in, and does not keep others waiting for long; and the busier we are with
our peers, the fewer strangers are taken. What comes faster than the pace waits in the kernel's
queue, and what finds that full is not answered and tries again in a second: a flood spends its own
time and not ours.
"""

from __future__ import annotations

import socket
from typing import Any, Callable, cast

from twisted.internet import address as twisted_address
from twisted.internet import protocol, tcp
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pd.base.addresses import PeerAddress, canonical_host
from p2pd.transports.interfaces import Admits, Connected
from p2pd.transports.spare_cpu import SpareCpu, all_of_it
from p2pd.transports.tcp import TcpStream, VectoredServer
from p2pd.transports.tcp_counts import TcpCounts
from p2pd.transports.way_out import bound_to_device

BACKLOG = 512

ACCEPTS_PER_TURN = 16
"""Connections taken from a port before the peers that are there have their turn."""

ACCEPTS_PER_SECOND = 200
"""Of a node that has nothing else to do; one that is busy takes fewer."""

ACCEPTS_SAVED = 200
"""What may come at once after a quiet second."""

TURNED_AWAY_COST = 0.25
"""Of one who is let in."""

PAUSE_SECONDS = 0.1
"""For which a port is left alone that gave all that it may."""

TROUBLE_SECONDS = 60.0
"""From one warning that nobody can be accepted to the next."""


@implementer(ILogObserver)
class _AcceptTroubles:
    """Passes on what Twisted logs while accepting, and says now and then when descriptors ran out.

    Twisted keeps a descriptor in reserve: with that it accepts who came and hangs up at once, so as
    not to be woken for ever by somebody it cannot accept.
    """

    log = Logger()

    def __init__(self) -> None:
        self._said = -TROUBLE_SECONDS

    def __call__(self, event: LogEvent) -> None:
        globalLogPublisher({**event, "log_namespace": tcp.__name__})
        if not event.get("log_format", "").startswith("EMFILE encountered"):
            return
        if event["log_time"] - self._said >= TROUBLE_SECONDS:
            self._said = event["log_time"]
            self.log.warn("peers that come are hung up on: no file descriptor is left (ulimit -n)")


class AcceptPace:
    """How many connections may be taken now, at `now` seconds of any clock.

    `spare` tells how much of its time (0 to 1) is left of the thread that takes them.
    """

    def __init__(self, now: float, spare: Callable[[], float] = all_of_it) -> None:
        self._spare = spare
        self._saved = float(ACCEPTS_SAVED)
        self._at = now

    def allowed(self, now: float) -> int:
        """So many at once."""
        more = (now - self._at) * ACCEPTS_PER_SECOND * self._spare()
        self._saved, self._at = min(self._saved + more, ACCEPTS_SAVED), now
        return min(int(self._saved), ACCEPTS_PER_TURN)

    def took(self, count: int, turned_away: int = 0) -> None:
        """So many were taken, and so many of them turned away."""
        self._saved -= count - turned_away * (1 - TURNED_AWAY_COST)


class PeerFactory(protocol.Factory):
    """Builds a stream for every connection that a port accepts."""

    noisy = False

    def __init__(self, connected: Connected, admits: Admits, counts: TcpCounts) -> None:
        self.counts = counts
        self._connected = connected
        self._admits = admits

    def buildProtocol(self, addr: IAddress | None) -> TcpStream | None:  # noqa: N802
        """None for who is not admitted: the port closes the socket."""
        self.counts.accepted += 1
        dialler = cast(twisted_address.IPv4Address, addr)
        address = PeerAddress(canonical_host(dialler.host), dialler.port)
        if not self._admits(address.host):
            self.counts.turned_away += 1
            return None
        return TcpStream(self._connected, address, self.counts)


class VectoredPort(tcp.Port):
    """A listening port that accepts vectored connections."""

    transport = VectoredServer
    device = ""
    factory: PeerFactory
    reactor: Any
    _logger = Logger(observer=_AcceptTroubles())
    _again: IDelayedCall | None = None

    def startListening(self) -> None:  # noqa: N802, D102 - Twisted's name
        self._pace = AcceptPace(self.reactor.seconds(), SpareCpu(self.reactor).share)
        super().startListening()

    def doRead(self) -> None:  # noqa: N802, D102 - Twisted's name
        counts = self.factory.counts
        allowed = self._pace.allowed(self.reactor.seconds())
        if not allowed:
            counts.pauses += 1
            self.stopReading()
            self._again = self.reactor.callLater(PAUSE_SECONDS, self._go_on)
            return
        # Twisted would take 20 more at each turn as long as a flood lasts.
        self.numberAccepts = min(self.numberAccepts, allowed)
        before, turned_away = counts.accepted, counts.turned_away
        super().doRead()
        self._pace.took(counts.accepted - before, counts.turned_away - turned_away)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802, D102 - Twisted's name
        if self._again is not None and self._again.active():
            self._again.cancel()
        super().connectionLost(reason)

    def createInternetSocket(self) -> socket.socket:  # noqa: N802, D102 - Twisted's name
        made = cast(socket.socket, super().createInternetSocket())
        if made.family == socket.AF_INET6 and self.interface == "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return bound_to_device(made, self.device)

    def _go_on(self) -> None:
        if self.connected and not self.disconnecting:
            self.startReading()
