"""The DHT as a source of peers (BEP 5): which torrents are looked up and announced in it, and when.

A torrent is in it while it runs and may be announced, unless it is private or may be (BEP 27).
Hybrid torrents are there under both of their ids. One that rests is announced, but what is found
is not told to it, as long as others can dial us: a seed waits to be found.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any, Iterable, Mapping, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.source_report import DHT, SourceReport
from p2pd.session.discovering.dht_api import DhtReport
from p2pd.session.discovering.dht_network import DhtNetwork, LookupOutcome, Operation
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.lookup_schedule import LookupSchedule, Need

IS_OFF = "the DHT is switched off"
NOT_THERE = "there is no DHT"

MOST_FOUND = 200
"""Addresses that one look-up gives a torrent."""

MOST_NAMED = 16
"""Nodes that are believed to one torrent file."""

REACHED_SECONDS = 86_400.0
"""For which it counts that somebody outside could dial us."""


class DhtHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    rng: random.Random
    settings: SessionSettings

    @property
    def torrents(self) -> Iterable[Any]: ...
    @property
    def reached_at(self) -> Mapping[str, float]:
        """When somebody outside connected to us last (Unix seconds)."""

    def wall(self) -> float: ...


class _Lookup:
    """One torrent's look-up, under each of its ids."""

    __slots__ = ("answered", "error", "found", "left", "operations")

    def __init__(self, ids: int) -> None:
        self.operations: list[Operation] = []
        self.left = ids
        self.found = 0
        self.answered = 0
        self.error = ""


class _Last:
    """How a torrent's last look-up ended."""

    __slots__ = ("at", "error")

    def __init__(self, at: float, error: str) -> None:
        self.at = at
        self.error = error


class DhtSource:
    """All torrents of a session in the DHT (source_report.DiscoverySource)."""

    name = DHT

    def __init__(self, host: DhtHost, network: DhtNetwork | None, timers: Clock) -> None:
        self._host = host
        self.network = network
        self._timers = timers
        self._schedule: LookupSchedule[Any] = LookupSchedule(host.rng)
        self._lookups: dict[Any, _Lookup] = {}
        self._last: dict[Any, _Last] = {}
        self.last_error = ""
        """Of any look-up, until another goes well."""
        self._wake: DelayedCall | None = None
        self._was_on = self._closed = False

    # -- torrents ------------------------------------------------------------------------------

    def started(self, torrent: Any) -> None:
        """It runs, and may be announced."""
        if self.network is not None and not torrent.why_untold:
            self._schedule.add(torrent, need_of(torrent), self._now)
            self._go_on()

    def nodes_named(self, torrent: Any, nodes: Sequence[tuple[str, int]]) -> None:
        """A torrent file names nodes (BEP 5): there may be some at these names or addresses."""
        if self.network is not None and self.is_for(torrent):
            for host, port in nodes[:MOST_NAMED]:
                self.network.add_named_node(host, port)

    def stopped(self, torrent: Any) -> None:
        """It runs no more, or is private."""
        self._give_up(torrent)
        self._schedule.remove(torrent)
        self._last.pop(torrent, None)
        self._go_on()

    def needs_changed(self, torrent: Any) -> None:
        """It has peers or none, metadata, or everything."""
        if torrent in self._schedule:
            self._schedule.needs(torrent, need_of(torrent), self._now)
            self._go_on()

    def reannounce(self, torrent: Any) -> None:
        """Somebody wants peers for it now."""
        self._schedule.soon(torrent, self._now)
        self._go_on()

    def is_for(self, torrent: Any) -> bool:
        """Whether peers of this torrent may know that we have a node (BEP 5's bit and message)."""
        return self.is_on and not torrent.why_untold

    # -- the network ---------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether the DHT can be asked."""
        network = self.network
        return network is not None and network.enabled and not self._closed

    @property
    def port(self) -> int:
        """Of our node, as peers are told; 0: nothing."""
        return self.network.port if self.network is not None and self.is_on else 0

    def add_node(self, address: PeerAddress) -> None:
        """A peer says that it has a node there (BEP 5, PORT)."""
        if self.network is not None and self.is_on:
            self.network.add_node(address)

    def settings_changed(self) -> None:
        """It is to be on, or off."""
        if self.network is not None and not self._closed:
            self.network.switch(self._host.settings.dht_enabled)
            if self._was_on is not self.is_on:
                self.network_changed()

    def network_changed(self) -> None:
        """It can be asked and could not before, or the other way round."""
        self._was_on = self.is_on
        if self.is_on:
            self._schedule.everybody_soon(self._now)
            self._go_on()
        else:
            for torrent in list(self._lookups):
                self._give_up(torrent)
                self._schedule.over(torrent, need_of(torrent), self._now, answered=False)

    def close(self) -> None:
        """The session ends."""
        self._closed = True
        for torrent in list(self._lookups):
            self._give_up(torrent)
        self._sleep()

    # -- for readers ---------------------------------------------------------------------------

    def report(self, torrent: Any) -> SourceReport:
        """What it does for this torrent."""
        why_not = self._why_not(torrent)
        last = self._last.get(torrent)
        due = None if why_not else self._schedule.due(torrent)
        return SourceReport(
            self.name,
            enabled=not why_not,
            why_not=why_not,
            found=torrent.found_by(self.name),
            last_at=None if last is None else last.at,
            next_at=None if due is None else self._host.wall() + max(0.0, due - self._now),
            error="" if last is None else last.error,
        )

    def stand(self) -> DhtReport:
        """How all of it stands."""
        network = self.network
        return DhtReport(
            enabled=self.is_on,
            why_not="" if self.is_on else NOT_THERE if network is None else IS_OFF,
            torrents=len(self._schedule),
            looked_up=len(self._lookups),
            last_error=self.last_error,
            network=None if network is None else network.status(),
        )

    def _why_not(self, torrent: Any) -> str:
        if self.network is None:
            return NOT_THERE
        return str(torrent.why_untold) or ("" if self.is_on else IS_OFF)

    # -- look-ups ------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self._host.clock.seconds()

    def _go_on(self) -> None:
        """Begin what is due, and wake for the next."""
        if not self.is_on:
            self._sleep()
            return
        now = self._now
        while (torrent := self._schedule.take(now)) is not None:
            self._look_up(torrent)
        self._sleep()
        due = self._schedule.next_wake(now)
        if due is not None:
            self._wake = self._timers.callLater(due - now, self._go_on)

    def _sleep(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    def _look_up(self, torrent: Any) -> None:
        assert self.network is not None
        ids = torrent.info_hashes.wire_ids
        lookup = self._lookups[torrent] = _Lookup(len(ids))
        torrent.discovery_changed()
        seed = torrent.is_complete()
        for wire_id in ids:
            operation = self.network.find_peers(
                wire_id,
                torrent.listen_port,
                seed=seed,
                noseed=seed,
                found=partial(self._found, torrent, lookup),
                done=partial(self._done, torrent, lookup),
            )
            lookup.operations.append(operation)

    def _found(self, torrent: Any, lookup: _Lookup, peers: Sequence[PeerAddress]) -> None:
        if self._lookups.get(torrent) is not lookup or not self._is_told(torrent):
            return
        some = peers[: MOST_FOUND - lookup.found]
        lookup.found += len(some)
        if some:
            torrent.add_peers(some, self.name)

    def _is_told(self, torrent: Any) -> bool:
        """Whether it is to hear of peers: to dial them wakes a torrent that rests."""
        if not torrent.resting:
            return True
        last = max(self._host.reached_at.values(), default=float("-inf"))
        return last < self._host.wall() - REACHED_SECONDS

    def _done(self, torrent: Any, lookup: _Lookup, outcome: LookupOutcome) -> None:
        if self._lookups.get(torrent) is not lookup:
            return
        lookup.left -= 1
        lookup.answered += outcome.answered
        lookup.error = lookup.error or outcome.error
        if lookup.left:
            return
        del self._lookups[torrent]
        self._last[torrent] = _Last(self._host.wall(), lookup.error)
        self.last_error = lookup.error
        answered = lookup.answered > 0
        self._schedule.over(torrent, need_of(torrent), self._now, answered=answered)
        torrent.discovery_changed()
        # Not at once: it may have ended before all of it was begun.
        self._sleep()
        self._wake = self._timers.callLater(0, self._go_on)

    def _give_up(self, torrent: Any) -> None:
        lookup = self._lookups.pop(torrent, None)
        for operation in lookup.operations if lookup is not None else ():
            operation.cancel()


def need_of(torrent: Any) -> Need:
    """What a torrent wants of the DHT."""
    if torrent.is_complete():
        return Need.BE_FOUND
    if torrent.content is None:
        return Need.METADATA
    return Need.MORE_PEERS if torrent.connected else Need.PEERS
