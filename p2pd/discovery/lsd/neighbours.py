"""Local service discovery (BEP 14) on the networks that this machine is in.

A group is joined in each network by which peers are talked to, and left when that goes. What comes
is held against bounds, our own cookie and the network that it came by: a peer is nowhere but where
its datagram is from.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Protocol, Sequence

from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import DelayedCall
from p2pd.base.errors import FormatError
from p2pd.discovery.lsd.arrivals import LsdArrivals, LsdCounts
from p2pd.protocols.lsd import GROUP_V4, GROUP_V6, PORT, LsdAnnounce, parse
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.local_networks import LocalNetwork, networks_by
from p2pd.transports.multicast import MulticastGroup
from p2pd.transports.way_out import WayOut, way_of

LOOK_SECONDS = 60.0
"""Between two looks whether the networks are still the same."""

Heard = Callable[[PeerAddress, Sequence[bytes]], None]
"""Somebody at this address has torrents with these 20-byte ids."""


class Group(Protocol):
    """A group that was joined in one network (transports.multicast.MulticastGroup)."""

    def send(self, data: bytes) -> None:
        """Raises OSError."""

    def close(self) -> None: ...


class JoinGroup(Protocol):
    """How a group is joined. Raises OSError."""

    def __call__(
        self,
        network: LocalNetwork,
        group: str,
        port: int,
        reactor: Any,
        received: Callable[[LocalNetwork, list[Datagram]], None],
        *,
        device: str = "",
    ) -> Group: ...


class Neighbours:
    """Announces and listens while it is switched on; `heard` is called with each announce.

    `changed` is called when there is another network than before. Peers are told the port of each
    announce.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        interface: str | WayOut,
        rng: random.Random,
        *,
        find: Callable[[WayOut], Sequence[LocalNetwork]] = networks_by,
        join: JoinGroup = MulticastGroup,
    ) -> None:
        self.counts = LsdCounts()
        self.trouble = ""
        """Why a group could not be joined, or something could not be sent, the last time."""
        self.heard: Heard = lambda address, info_hashes: None
        self.changed: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._way = way_of(interface)
        self._find = find
        self._join = join
        self._cookie = f"{rng.getrandbits(31):x}"
        self._groups: dict[LocalNetwork, Group] = {}
        self._arrivals = LsdArrivals()
        self._looking: DelayedCall | None = None
        self.is_on = False

    @property
    def networks(self) -> int:
        """In how many announces are heard."""
        return len(self._groups)

    def switch(self, on: bool) -> None:
        """Join the groups, or leave them."""
        if on is self.is_on:
            return
        self.is_on = on
        if on:
            self._look_again()
        else:
            self.close()

    def close(self) -> None:
        """Leave all groups, and look no more."""
        self.is_on = False
        if self._looking is not None and self._looking.active():
            self._looking.cancel()
        self._looking = None
        for network in list(self._groups):
            self._leave(network)

    def follow(self) -> None:
        """There may be other networks than before."""
        if not self.is_on:
            return
        wanted = list(self._find(self._way))
        for network in [each for each in self._groups if each not in wanted]:
            self._leave(network)
        before = len(self._groups)
        self.trouble = ""
        for network in wanted:
            if network not in self._groups:
                self._enter(network)
        if len(self._groups) > before:
            self.changed()

    def announce(self, info_hashes: Sequence[bytes], port: int) -> int:
        """Say in every network that we have these torrents; in how many it was said."""
        message = LsdAnnounce(port, tuple(info_hashes), self._cookie)
        told = 0
        for network, group in list(self._groups.items()):
            try:
                group.send(message.encode(ipv6=network.is_ipv6))
            except OSError as problem:
                self.trouble = f"cannot announce by {network.device}: {problem.strerror}"
                self._leave(network)  # joined anew at the next look, if it is there then
                continue
            self.counts.sent += 1
            told += 1
        return told

    # -- networks ------------------------------------------------------------------------------

    def _look_again(self) -> None:
        self._looking = self._reactor.callLater(LOOK_SECONDS, self._look_again)
        self.follow()

    def _enter(self, network: LocalNetwork) -> None:
        group = GROUP_V6 if network.is_ipv6 else GROUP_V4
        device = self._way.device
        try:
            joined = self._join(network, group, PORT, self._reactor, self._received, device=device)
        except OSError as problem:
            self.trouble = f"cannot listen by {network.device}: {problem.strerror}"
            self.log.debug("no local discovery: {trouble}", trouble=self.trouble)
            return
        self._groups[network] = joined

    def _leave(self, network: LocalNetwork) -> None:
        self._groups.pop(network).close()

    # -- what comes ----------------------------------------------------------------------------

    def _received(self, network: LocalNetwork, datagrams: list[Datagram]) -> None:
        now = self._reactor.seconds()
        for data, sender in datagrams:
            self.counts.received += 1
            if not self._arrivals.admits(sender.host, now):
                self.counts.too_many += 1
            elif not network.contains(sender.host):
                self.counts.strangers += 1
            else:
                self._read(data, sender.host)

    def _read(self, data: bytes, host: str) -> None:
        try:
            announce = parse(data)
        except FormatError:
            self.counts.malformed += 1
            return
        if announce.cookie == self._cookie:
            self.counts.own += 1
        else:
            self.heard(PeerAddress(host, announce.port), announce.info_hashes)
