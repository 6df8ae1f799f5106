"""The DHT as the session knows it: one, which it asks for peers, though it may be many nodes.

It has what they share: when they run, what is kept of them between two runs, whom they begin with,
and how much they may send.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import DelayedCall
from p2pd.discovery.dht.node import DhtNode
from p2pd.discovery.dht.outcomes import Announce, DhtStatus, LookupOutcome, Operation
from p2pd.discovery.dht.stores import new_stores
from p2pd.discovery.dht_service.first_contacts import SOON, FirstContacts
from p2pd.discovery.dht_service.host_items import HostItems
from p2pd.discovery.dht_service.host_nodes import HostNodes, Voted
from p2pd.discovery.dht_service.node_driver import NodeDriver
from p2pd.discovery.dht_service.node_memory import NodeMemory, Store
from p2pd.discovery.dht_service.paced_sending import PacedSending
from p2pd.discovery.dht_service.searching import Begin, HostSearch
from p2pd.discovery.tracker_client.names import Names
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.udp_port import KRPC, UdpPort
from p2pd.transports.udp_socket import UdpSocket

SAVE_SECONDS = 900.0

MOST_STORED = 50
"""Peers of one family that a search is told of from what others stored with us."""

MOST_LOOKUPS_OF_NAMES = 32
"""Of nodes that torrents name."""

Found = Callable[[Sequence[PeerAddress]], None]
Done = Callable[[LookupOutcome], None]


@dataclass(frozen=True, slots=True)
class DhtServiceOptions:
    """`bootstrap` are nodes as ``host:port``; `rate` is in bytes a second, `queries` are answered
    in a second, both 0 for no limit.
    """

    bootstrap: tuple[str, ...] = ()
    read_only: bool = False
    rate: float = 0.0
    queries: float = 2000.0


@dataclass(frozen=True, slots=True)
class DhtServiceStatus:
    """`nodes` are in the order of the sockets; `dropped` counts datagrams that were over the rate,
    `unread` those that came faster than they were looked at.
    """

    on: bool
    read_only: bool
    nodes: tuple[DhtStatus, ...]
    sent_bytes: int
    dropped: int
    unread: int
    bootstrap_error: str


class DhtService:
    """Asleep until `start`; `switch` turns it on and off. `voted` hears what others see us at.

    `changed` is called when it can be asked and could not before, or the other way round.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        udp: UdpPort,
        store: Store,
        options: DhtServiceOptions,
        *,
        on: bool = True,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = reactor
        self._udp = udp
        self._options = options
        self._on = on
        self._started = False
        self._was_enabled = False
        self.changed: Callable[[], None] = lambda: None
        self.voted: Voted = lambda voter, address: None
        rng = rng or random.SystemRandom()
        self._names = Names(reactor)
        self._naming = 0
        self._memory = NodeMemory(store, rng)
        self._saving: DelayedCall | None = None
        self._sending = PacedSending(reactor, options.rate)
        self._stores = new_stores(rng, reactor.seconds())
        self._nodes = HostNodes(
            reactor,
            udp,
            self._memory,
            self._sending,
            self._stores,
            rng,
            voted=lambda voter, address: self.voted(voter, address),
            gone=self._gone,
        )
        self._contacts = FirstContacts(
            reactor,
            rng,
            self._names,
            needed=lambda: bool(self._nodes.in_need()),
            named=lambda: any(not each.at_home for each in self._nodes),
            found=self._nodes.add_routers,
        )
        self._nodes.answer(options.queries)
        self._contacts.want(options.bootstrap)
        self._searches: dict[HostSearch, Done] = {}
        items = HostItems(self._search, self._stores.items, reactor.seconds)
        self.get_immutable = items.get_immutable
        self.get_mutable = items.get_mutable
        self.put_immutable = items.put_immutable
        self.put_mutable = items.put_mutable
        udp.claim(KRPC, self._received)
        udp.when_changed(self._follow)

    # -- its life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Join the network, if it is on."""
        await self._memory.load()
        self._started = True
        self._open()

    async def stop(self) -> None:
        """Leave it, with what is known saved. Searches under way are told."""
        was_started, self._started = self._started, False
        self._close()
        if was_started:
            await self._memory.save()

    def switch(self, on: bool) -> None:
        """Turn it on or off; nothing happens if it is so already."""
        if on is not self._on:
            self._on = on
            if on:
                self._open()
            elif self._started:
                self._close()

    def configure(self, options: DhtServiceOptions) -> None:
        """Other options from now on."""
        self._options = options
        self._sending.rate = options.rate
        self._nodes.answer(options.queries)
        self._contacts.want(options.bootstrap)
        for driver in self._nodes:
            driver.node.read_only = options.read_only

    def _open(self) -> None:
        if self._on and self._started:
            self._saving = self._clock.callLater(SAVE_SECONDS, self._save)
            self._follow()

    def _close(self) -> None:
        self._contacts.stop()
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        self._nodes.end_all()
        self._sending.close()
        self._tell_if_changed()

    def _follow(self) -> None:
        """There may be other sockets than before."""
        if not self._on or not self._started:
            return
        if self._nodes.follow(read_only=self.read_only):
            known = any(self._memory.nodes(ipv6) for ipv6 in (False, True))
            self._contacts.start(SOON if known else 0.0)
        self._tell_if_changed()

    def _tell_if_changed(self) -> None:
        if self._was_enabled is not self.enabled:
            self._was_enabled = self.enabled
            self.changed()

    def _save(self) -> None:
        self._saving = self._clock.callLater(SAVE_SECONDS, self._save)
        self._memory.note(self._nodes)
        Deferred.fromCoroutine(self._memory.save()).addErrback(
            lambda failure: self.log.failure("nodes of the DHT could not be saved", failure)
        )

    def _received(self, by: UdpSocket, datagrams: Sequence[Datagram]) -> None:
        self._nodes.received(by, datagrams)

    # -- what it is ------------------------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """Whether it can be asked: it is on, and has a way to others."""
        return bool(len(self._nodes))

    @property
    def read_only(self) -> bool:
        """Whether nobody is answered (BEP 43)."""
        return self._options.read_only

    @property
    def port(self) -> int:
        """What peers are to be told as the DHT's port (BEP 5); 0 for nothing."""
        return self._udp.port if self.enabled and not self.read_only else 0

    def status(self) -> DhtServiceStatus:
        """Counts, for people and metrics."""
        return DhtServiceStatus(
            on=self._on,
            read_only=self.read_only,
            nodes=tuple(driver.node.status() for driver in self._nodes),
            sent_bytes=self._sending.sent_bytes,
            dropped=self._sending.dropped,
            unread=self._nodes.unread,
            bootstrap_error=self._contacts.error,
        )

    # -- nodes that we are told of ---------------------------------------------------------------

    def add_node(self, address: PeerAddress) -> None:
        """There may be a node at an address; it is asked whether that is so."""
        self._nodes.add_node(address)

    def add_named_node(self, host: str, port: int) -> None:
        """The same by a name, or an address in text; one that cannot be found is nothing."""
        if self.enabled and self._naming < MOST_LOOKUPS_OF_NAMES and 0 < port < 65536:
            self._naming += 1
            named = Deferred.fromCoroutine(self._add_named(host, port))
            named.addErrback(lambda failure: failure.trap(TrackerError))
            named.addBoth(self._named)

    async def _add_named(self, host: str, port: int) -> None:
        for each in await self._names.addresses(host):
            self.add_node(PeerAddress(each, port))

    def _named(self, _: object) -> None:
        self._naming -= 1

    # -- searches --------------------------------------------------------------------------------

    def find_peers(
        self,
        info_hash: bytes,
        port: int,
        *,
        seed: bool = False,
        scrape: bool = False,
        noseed: bool = False,
        found: Found,
        done: Done,
    ) -> Operation:
        """Look for the peers of a torrent (20 bytes), and announce ourselves at `port`, if not 0.

        `found` is called with peers as they come, `done` once, both in a later turn of the reactor
        at the earliest; neither after the operation was cancelled.
        """
        announce = Announce(port, implied_port=False, seed=seed) if port else None
        stored = self._stored(info_hash, noseed)

        def begin(node: DhtNode, now: float, over: Done) -> Operation:
            return node.find_peers(
                info_hash,
                now,
                found=partial(_found_besides, frozenset(stored), found) if stored else found,
                done=over,
                announce=announce,
                scrape=scrape,
                noseed=noseed,
            )

        return self._search(begin, done, partial(found, stored) if stored else None)

    def _stored(self, info_hash: bytes, noseed: bool) -> list[PeerAddress]:
        """Peers that announced to us: in a small network we may be the only ones to know them."""
        find, now = self._stores.peers.peers, self._clock.seconds()
        return [
            peer
            for ipv6 in (False, True)
            for peer in find(info_hash, MOST_STORED, now, noseed, ipv6=ipv6)
        ]

    def _search(
        self, begin: Begin, done: Done, soon: Callable[[], None] | None = None
    ) -> Operation:
        """Begin with all nodes; `soon` is called in the next turn."""
        if not self.enabled:
            why = "the DHT has no way to others" if self._on else "the DHT is off"
            call = self._clock.callLater(0, done, LookupOutcome(error=why))
            return Operation(lambda: call.cancel() if call.active() else None)
        search = HostSearch(begin, self._searched)
        self._searches[search] = done
        search.start(self._nodes)
        if soon is not None:
            self._clock.callLater(0, self._tell_soon, search, soon)
        return Operation(lambda: self._give_up(search))

    def _tell_soon(self, search: HostSearch, tell: Callable[[], None]) -> None:
        if search in self._searches:
            tell()

    def _searched(self, search: HostSearch, outcome: LookupOutcome) -> None:
        # Later: whoever hears of it may want to begin the next one.
        self._clock.callLater(0, self._tell, search, outcome)

    def _tell(self, search: HostSearch, outcome: LookupOutcome) -> None:
        done = self._searches.pop(search, None)
        if done is not None:
            done(outcome)

    def _give_up(self, search: HostSearch) -> None:
        if self._searches.pop(search, None) is not None:
            search.cancel()

    def _gone(self, driver: NodeDriver) -> None:
        for search in list(self._searches):
            search.gone(driver)


def _found_besides(
    known: frozenset[PeerAddress], found: Found, peers: Sequence[PeerAddress]
) -> None:
    more = [each for each in peers if each not in known]
    if more:
        found(more)
