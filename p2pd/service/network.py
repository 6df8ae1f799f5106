"""The ways to others: the port that peers dial, by TCP and UDP, on one way out, and the trackers.

Where the way out is an interface its addresses are followed: what went by one that is gone ends,
and while there is none nobody is reached.
"""

from __future__ import annotations

import random
import secrets
import socket
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Collection, Sequence

from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.base.measures import Measure
from p2pd.discovery.dht_service.service import DhtService, DhtServiceOptions
from p2pd.discovery.lsd.neighbours import Neighbours
from p2pd.discovery.web_seed_client.client import WebSeedClient
from p2pd.service.announcing import Announcing
from p2pd.service.config import Config
from p2pd.service.daemon_measures import (
    lsd_measures,
    tcp_measures,
    tracker_client_measures,
    udp_measures,
)
from p2pd.service.discovery_sections import DiscoverySection
from p2pd.service.http_port import cannot_listen
from p2pd.service.interface_watch import InterfaceWatch
from p2pd.service.port_mapping import PortMapping
from p2pd.session.session import Session
from p2pd.state.database import Database
from p2pd.state.dht_nodes import DhtNodeStore
from p2pd.transports.tcp_transport import TcpTransport
from p2pd.transports.udp_port import UdpPort
from p2pd.transports.way_out import InterfaceWay


@dataclass(frozen=True, slots=True)
class PeerSockets:
    """What was handed to us of the ports that peers dial: bound already, and on TCP listening."""

    tcp: socket.socket | None = None
    tls: socket.socket | None = None
    udp: Sequence[socket.socket] = ()


Key = tuple[str, str]

DHT_KEYS: tuple[Key, ...] = (
    ("discovery", "dht_bootstrap"),
    ("discovery", "dht_read_only"),
    ("discovery", "dht_upload"),
    ("discovery", "dht_queries"),
)
"""They hold at once. Whether there is a DHT at all is one of the session's settings."""


def dht_options(section: DiscoverySection) -> DhtServiceOptions:
    """What the configuration says of the DHT."""
    return DhtServiceOptions(
        bootstrap=section.dht_bootstrap,
        read_only=section.dht_read_only,
        rate=section.dht_upload * 1000.0,
        queries=section.dht_queries,
    )


class Network:
    """Made before the session, which dials and listens by it; nothing is open before `listen`."""

    log = Logger()

    def __init__(
        self,
        config: Config,
        reactor: Any,
        state_folder: str,
        handed: PeerSockets,
        database: Database,
    ) -> None:
        self._peers = config.peers
        self._reactor = reactor
        self.way = _way_out(config.peers.interface)
        """By which connections leave."""
        self.transport = TcpTransport(reactor, self.way, handed.tcp, handed.tls)
        self.udp = UdpPort(reactor, self.way, handed.udp)
        self.announcing = Announcing(config, reactor, self.way, self.udp)
        self.web_seeds = WebSeedClient(reactor, self.way, time.time)
        self.port_mapping = PortMapping(
            reactor, self.way, config.reachability.gateway, state_folder
        )
        self.dht = DhtService(
            reactor,
            self.udp,
            DhtNodeStore(database),
            dht_options(config.discovery),
            on=config.discovery.dht,
        )
        self.neighbours = Neighbours(reactor, self.way, random.Random(secrets.randbits(128)))
        self._watch: InterfaceWatch | None = None

    def listen(self, session: Session) -> None:
        """Open the ports that peers dial. Raises ConfigError."""
        peers, connections = self._peers, session.connections
        self._open("peers.port", peers.port, connections.listen)
        if peers.tls_port:
            self._open("peers.tls_port", peers.tls_port, connections.listen_tls)
        self.udp.open(session.connections.port or peers.port)
        self.port_mapping.prepare()
        self.announcing.transports.seen = partial(session.reaching.told, "tracker")

    def _open(self, key: str, port: int, listen: Callable[[int], None]) -> None:
        try:
            listen(port)
        except CannotListenError as problem:
            raise cannot_listen(key, self._peers.interface, port, problem.socketError) from None

    async def start(self, session: Session) -> None:
        """The session runs: follow the interface, if there is one to follow, and join the DHT."""
        if isinstance(self.way, InterfaceWay):
            self._follow_interface(self.way, session)
        self.dht.changed = session.dht.network_changed
        self.dht.voted = partial(session.reaching.told, "dht")
        await self.dht.start()

    def _follow_interface(self, way: InterfaceWay, session: Session) -> None:
        self._watch = InterfaceWatch(
            way, self._reactor, lambda before, after: self._changed(session, before, after)
        )
        _follow(session, way.addresses)
        if not way.addresses:
            self.log.warn(
                "peers.interface: {name} has no address, or is not there: until it has one "
                "nobody is dialled or let in",
                name=way.device,
            )
        self._watch.start()

    def stay(self) -> None:
        """Follow no more: the session is about to stop."""
        if self._watch is not None:
            self._watch.stop()

    async def stop(self) -> None:
        """The session has stopped, and said so to the trackers: give the sockets back."""
        self.stay()
        self.neighbours.close()
        await self.dht.stop()
        await self.announcing.stop()
        self.udp.close()

    def reconfigure(self, config: Config, changed: Collection[Key]) -> dict[Key, str]:
        """Take over what can be of the changed keys."""
        taken = [key for key in DHT_KEYS if key in changed]
        if taken:
            self.dht.configure(dht_options(config.discovery))
        return dict.fromkeys(taken, "")

    def measures(self) -> list[Measure]:
        """What goes by all of this, in numbers."""
        return [
            *tcp_measures(self.transport.counts),
            *udp_measures(self.udp.counts),
            *tracker_client_measures(self.announcing.transports),
            *lsd_measures(self.neighbours),
        ]

    def _changed(self, session: Session, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        ended = self.transport.follow()
        self.udp.follow()
        self.neighbours.follow()
        self.log.warn(
            "{name}: from {before} to {after}; {ended} connections ended",
            name=self._peers.interface,
            before=", ".join(before) or "no address",
            after=", ".join(after) or "no address: nobody is dialled or let in",
            ended=ended,
        )
        _follow(session, after)
        session.reaching.way_changed()
        if after:
            # They know us by the old address, or could not be asked.
            session.reaching.reannouncing.begin(session.torrents)


def _follow(session: Session, addresses: tuple[str, ...]) -> None:
    """Have the session dial, or not, and clients see what there is."""
    settings, connections = session.settings, session.connections
    settings.fixed = {**settings.fixed, "peer_interface_addresses": list(addresses)}
    connections.has_way = bool(addresses)
    connections.dialer.resume()


def _way_out(interface: str) -> str | InterfaceWay:
    """An address is bound to as it is; what is none is the name of an interface."""
    try:
        return canonical_host(interface) if interface else interface
    except FormatError:
        return InterfaceWay(interface)
