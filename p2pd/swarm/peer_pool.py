"""Addresses of a torrent's peers: whom to dial next, and whom not yet or never again.

Bounded, and no source can crowd out the others. Refuses to know of sockets; `now` is seconds.
"""

from __future__ import annotations

import heapq
import ipaddress
import random
from collections import Counter
from typing import Mapping

from p2pd.base.addresses import PeerAddress

LIMIT = 1000
PER_HOST = 8
"""Addresses kept of one host, save our own: one host in disguise must not fill the pool."""

FIRST_RETRY = 10.0
"""After a first failure, which is often a peer that checks its data or still has our last link."""
LONGEST_RETRY = 3600.0
RECONNECT = 30.0
ATTEMPT_SECONDS = 120.0
"""An attempt to connect of which nothing was heard for so long is over."""

BANNED_LIMIT = 10_000
SELVES_LIMIT = 64

IDLE, DIALLING, CONNECTED = range(3)

_SOURCE_RANK: Mapping[str, int] = {"lsd": 0, "tracker": 1, "manual": 1, "pex": 2, "dht": 2}


class _Candidate:
    """One address: `due` is when it may be dialled."""

    __slots__ = ("due", "failures", "lot", "source", "state", "useful")

    def __init__(self, source: str, lot: float) -> None:
        self.source = source
        self.lot = lot
        self.state = IDLE
        self.due = float("-inf")
        self.failures = 0
        self.useful = False

    def rank(self) -> tuple[int, bool, int, float]:
        """The lowest is dialled first."""
        return self.failures, not self.useful, _SOURCE_RANK.get(self.source, 3), self.lot


class PeerPool:
    """The candidates of one torrent, at most `limit`."""

    __slots__ = (
        "_banned",
        "_by_address",
        "_failing",
        "_hosts",
        "_idle",
        "_limit",
        "_rng",
        "_selves",
    )

    def __init__(self, rng: random.Random, limit: int = LIMIT) -> None:
        self._rng = rng
        self._limit = limit
        self._by_address: dict[PeerAddress, _Candidate] = {}
        self._hosts: Counter[str] = Counter()
        self._failing: dict[PeerAddress, None] = {}
        self._idle: dict[str, dict[PeerAddress, None]] = {}
        self._banned: dict[str, None] = {}
        self._selves: dict[PeerAddress, None] = {}

    # -- addresses come and go ----------------------------------------------------------------

    def add(self, address: PeerAddress, source: str, now: float) -> bool:
        """An address from a source ("tracker", "dht", "pex"); whether it is a new candidate.

        One that a person names ("manual") is due at once, whatever became of it before.
        """
        known = self._by_address.get(address)
        if known is not None and source == "manual" and known.state == IDLE:
            known.due = min(known.due, now)
            known.failures = 0
        if known is not None or not self._acceptable(address):
            return False
        if len(self._by_address) >= self._limit and not self._make_room(source):
            return False
        self._insert(address, source)
        return True

    def next_candidates(self, count: int, now: float) -> list[PeerAddress]:
        """Up to `count` addresses to dial now; they count as being dialled until heard of.

        Never one that is connected, being dialled, banned or not due; those that failed least
        come first, then those that proved useful, then by source, then by lot.
        """
        if count <= 0:
            return []
        due = [
            (candidate.rank(), address)
            for address, candidate in self._by_address.items()
            if candidate.due <= now and candidate.state != CONNECTED
        ]
        chosen = [address for _, address in heapq.nsmallest(count, due)]
        for address in chosen:
            self._set_state(address, DIALLING)
            self._by_address[address].due = now + ATTEMPT_SECONDS
        return chosen

    def connected(self, address: PeerAddress) -> None:
        """A connection to the address stands."""
        if self._known(address):
            self._set_state(address, CONNECTED)

    def failed(self, address: PeerAddress, now: float) -> None:
        """The address did not answer or misbehaved: it waits, each time about twice as long."""
        candidate = self._by_address.get(address)
        if candidate is not None:
            wait = min(FIRST_RETRY * (1 << min(candidate.failures, 10)), LONGEST_RETRY)
            candidate.failures += 1
            self._set_state(address, IDLE)
            candidate.due = now + wait * self._rng.uniform(0.75, 1.25)

    def closed(self, address: PeerAddress, now: float, *, useful: bool) -> None:
        """A connection ended; a useful peer is tried again soon, another one waits."""
        if not useful:
            self.failed(address, now)
        elif self._known(address):
            candidate = self._by_address[address]
            candidate.useful = True
            candidate.failures = 0
            self._set_state(address, IDLE)
            candidate.due = now + RECONNECT * self._rng.uniform(1.0, 2.0)

    def forgive(self, now: float) -> None:
        """We hung up ourselves, and start again: nobody has to wait for that."""
        for candidate in self._by_address.values():
            if candidate.state == IDLE:
                candidate.due = min(candidate.due, now)

    def ban(self, host: str) -> None:
        """No address of this host is ever dialled or let in again."""
        self._banned.pop(host, None)
        self._banned[host] = None
        if len(self._banned) > BANNED_LIMIT:
            del self._banned[next(iter(self._banned))]
        if self._hosts[host]:
            for address in [address for address in self._by_address if address.host == host]:
                self._remove(address)

    def mark_self(self, address: PeerAddress) -> None:
        """The address turned out to be our own."""
        self._selves[address] = None
        if len(self._selves) > SELVES_LIMIT:
            del self._selves[next(iter(self._selves))]
        if address in self._by_address:
            self._remove(address)

    # -- what is known ------------------------------------------------------------------------

    def is_banned(self, host: str) -> bool:
        """Whether the host is banned."""
        return host in self._banned

    def source_of(self, address: PeerAddress) -> str:
        """Where the address came from first; "incoming" when nobody told of it."""
        candidate = self._by_address.get(address)
        return "incoming" if candidate is None else candidate.source

    def source_counts(self) -> dict[str, int]:
        """How many of the known addresses came from each source."""
        return dict(Counter(candidate.source for candidate in self._by_address.values()))

    def next_due(self, now: float) -> float | None:
        """When the next candidate may be dialled, not before `now`; None when there is none."""
        waiting = (c.due for c in self._by_address.values() if c.state != CONNECTED)
        earliest = min(waiting, default=None)
        return None if earliest is None else max(now, earliest)

    def __len__(self) -> int:
        return len(self._by_address)

    def __contains__(self, address: object) -> bool:
        return address in self._by_address

    # -- bounds -------------------------------------------------------------------------------

    def _acceptable(self, address: PeerAddress) -> bool:
        host, port = address
        if not 0 < port < 65536 or host in self._banned or address in self._selves:
            return False
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return False
        if self._hosts[host] >= PER_HOST and not ip.is_loopback:
            return False
        link_local = ip.version == 6 and ip.is_link_local  # would need an interface to dial
        return not (ip.is_multicast or ip.is_unspecified or link_local or host == "255.255.255.255")

    def _known(self, address: PeerAddress) -> bool:
        """Whether it is a candidate, after making it one if there is room: it came by itself."""
        if address not in self._by_address:
            return self.add(address, "incoming", 0.0)
        return True

    def _make_room(self, source: str) -> bool:
        """Drop what failed; or of the source that has most, unless that is the new one's too."""
        if self._failing:
            self._remove(next(iter(self._failing)))
            return True
        largest = max(self._idle, key=lambda name: len(self._idle[name]), default=source)
        if largest == source or not self._idle[largest]:
            return False
        self._remove(next(iter(self._idle[largest])))
        return True

    def _insert(self, address: PeerAddress, source: str) -> None:
        self._by_address[address] = _Candidate(source, self._rng.random())
        self._hosts[address.host] += 1
        self._idle.setdefault(source, {})[address] = None

    def _remove(self, address: PeerAddress) -> None:
        candidate = self._by_address.pop(address)
        self._failing.pop(address, None)
        self._idle.get(candidate.source, {}).pop(address, None)
        self._hosts[address.host] -= 1
        if not self._hosts[address.host]:
            del self._hosts[address.host]

    def _set_state(self, address: PeerAddress, state: int) -> None:
        candidate = self._by_address[address]
        candidate.state = state
        idle = self._idle.setdefault(candidate.source, {})
        idle.pop(address, None)
        self._failing.pop(address, None)
        if state == IDLE:
            idle[address] = None
            if candidate.failures:
                self._failing[address] = None
