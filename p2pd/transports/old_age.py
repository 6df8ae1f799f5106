"""Connections of Twisted's that are cut when they are old, whatever is going on with them."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall


class Ageing(Protocol):
    """The factory of such connections."""

    clock: Clock
    oldest: float | None
    """In seconds; None: a connection may last for ever."""


class AgeingConnection(ProtocolWrapper):
    """One that is."""

    _end: DelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's name
        """It is there."""
        ageing: Ageing = self.factory
        if ageing.oldest is not None:
            self._end = ageing.clock.callLater(ageing.oldest, self.cut)
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """It is gone."""
        if self._end is not None and self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def cut(self) -> None:
        """End it now."""
        self.abortConnection()
