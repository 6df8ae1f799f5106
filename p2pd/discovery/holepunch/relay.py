"""A relay of hole punching (BEP 55): it has two of its peers dial each other, or says why not.

Nobody has others dial as often as it likes: who asks has some at once and then one in ten seconds,
and no target is told more often than that. What is beyond is not answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Counter, Generic, Hashable, Protocol, TypeVar

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.allowances import Allowances
from p2pd.discovery.pex.scopes import scope_of
from p2pd.protocols.peerwire.extensions.ut_holepunch import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
)

AT_ONCE = 10
SECONDS = 10.0

P = TypeVar("P", bound=Hashable)


@dataclass(slots=True)
class HolepunchCounts:
    """Over all torrents of a session."""

    relayed: int = 0
    """Times that two peers were told to dial each other."""
    refused: Counter[HolepunchError] = field(default_factory=Counter)
    """Times that a peer was told why it cannot be."""
    ignored: int = 0
    """Messages that nothing was done about."""
    asked: int = 0
    """Times that we asked a relay."""
    told: int = 0
    """Times that a relay had us dial."""


class RelaySwarm(Protocol[P]):
    """The connected peers of one torrent."""

    def at(self, address: PeerAddress) -> P | None:
        """The one that listens there, or whose connection comes from there."""

    def endpoint(self, peer: P) -> PeerAddress:
        """Where another peer may reach it best."""

    def speaks(self, peer: P) -> bool:
        """Whether it takes these messages."""

    def is_own(self, address: PeerAddress) -> bool:
        """Whether it is our own."""


class Relay(Generic[P]):
    """Of one torrent."""

    __slots__ = ("_asked", "_counts", "_swarm", "_told")

    def __init__(self, swarm: RelaySwarm[P], counts: HolepunchCounts) -> None:
        self._swarm = swarm
        self._counts = counts
        self._asked: Allowances[P] = Allowances(AT_ONCE, SECONDS)
        self._told: Allowances[P] = Allowances(AT_ONCE, SECONDS)

    def rendezvous(
        self, initiator: P, address: PeerAddress, now: float
    ) -> list[tuple[P, HolepunchMessage]]:
        """A peer wants to meet the one at this address: what is sent to whom."""
        if not self._asked.take(initiator, now):
            self._counts.ignored += 1
            return []
        found = self._target(initiator, address)
        if isinstance(found, HolepunchError):
            self._counts.refused[found] += 1
            refusal = HolepunchMessage(HolepunchKind.ERROR, address, found)
            return [(initiator, refusal)]
        if not self._told.take(found, now):
            self._counts.ignored += 1
            return []
        self._counts.relayed += 1
        back = self._swarm.endpoint(initiator)
        return [
            (initiator, HolepunchMessage(HolepunchKind.CONNECT, address)),
            (found, HolepunchMessage(HolepunchKind.CONNECT, back)),
        ]

    def left(self, peer: P) -> None:
        """It is not connected any more."""
        self._asked.forget(peer)
        self._told.forget(peer)

    def _target(self, initiator: P, address: PeerAddress) -> P | HolepunchError:
        if not address.port:
            return HolepunchError.NO_SUCH_PEER
        if self._swarm.is_own(address):
            return HolepunchError.NO_SELF
        target = self._swarm.at(address)
        if target is None:
            return HolepunchError.NOT_CONNECTED
        if target == initiator:
            return HolepunchError.NO_SUCH_PEER
        if not self._swarm.speaks(target):
            return HolepunchError.NO_SUPPORT
        # One of them would be told of an address that means nothing where it is.
        scope, other = (scope_of(self._swarm.endpoint(peer).host) for peer in (initiator, target))
        return target if scope == other else HolepunchError.NOT_CONNECTED
