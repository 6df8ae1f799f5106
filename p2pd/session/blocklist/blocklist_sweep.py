"""Parting from those that a new blocklist names, a few in a turn of the reactor.

Addresses that wait to be dialled are not gone through: they are looked at when their turn comes.
"""

from __future__ import annotations

from collections import Counter
from typing import Callable, Collection, Iterable, Iterator, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.session.turns import Turns

IN_A_TURN = 400
"""Look-ups, of some microseconds each."""

TORRENTS_IN_A_TURN = 2000
HUNG_UP_TOGETHER = 5
"""Hosts that one torrent parts from in one step, which counts like a whole turn of look-ups."""


class CountedArrivals(Protocol):
    """Who was turned away, and what for."""

    turned_away: Counter[str]


class SweptConnections(Protocol):
    """Connections that are not with a peer yet."""

    @property
    def arrivals(self) -> CountedArrivals: ...

    def keep_away(self, unwanted: Callable[[str], bool]) -> None:
        """Give up those with hosts that are kept away from now on."""


class SweptPeer(Protocol):
    """A connected peer."""

    address: PeerAddress


class SweptTorrent(Protocol):
    """A torrent with its peers."""

    @property
    def connected(self) -> Collection[SweptPeer]: ...

    def banned(self, hosts: Collection[str]) -> None:
        """Hang up on whoever is to be kept away from at these hosts."""


class BlocklistSweep:
    """One time through all connections."""

    def __init__(
        self,
        clock: Clock,
        connections: SweptConnections,
        torrents: Iterable[SweptTorrent],
        unwanted: Callable[[str], bool],
    ) -> None:
        self._turns = Turns(clock)
        self._connections = connections
        self._torrents = torrents
        self._unwanted = unwanted

    def begin(self) -> None:
        """The first steps at once, the others in turns of their own."""
        self._connections.keep_away(self._unwanted)
        self._turns.begin(self._all_steps())

    def stop(self) -> None:
        """Leave the rest as it is."""
        self._turns.stop()

    def _all_steps(self) -> Iterator[float]:
        """Each gives the part of a turn that it takes."""
        for torrent in list(self._torrents):
            yield 1 / TORRENTS_IN_A_TURN
            blocked: list[str] = []
            for host in {peer.address.host for peer in torrent.connected}:
                yield 1 / IN_A_TURN
                if self._unwanted(host):
                    blocked.append(host)
            for start in range(0, len(blocked), HUNG_UP_TOGETHER):
                torrent.banned(frozenset(blocked[start : start + HUNG_UP_TOGETHER]))
                yield 1.0
