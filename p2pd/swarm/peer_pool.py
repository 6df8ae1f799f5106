"""Addresses of a torrent's peers: whom to dial next, and whom not yet or never again.

Bounded, and no source can crowd out the others. An address keeps every source that told of it.
Those that failed least come first, then those that proved good, then near ones (preference.py),
then by source, then by canonical priority. Refuses to know of sockets; `now` is seconds.
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from typing import Container, Mapping, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import Bans
from p2pd.swarm.dial_queue import DialQueue
from p2pd.swarm.preference import Distance, Preferences

LIMIT = 1000
PER_HOST = 8
"""Addresses kept of one host, save our own: one host in disguise must not fill the pool."""

FIRST_RETRY = 10.0
"""After a first failure, which is often a peer that checks its data or still has our last link."""
LONGEST_RETRY = 3600.0
RECONNECT = 30.0
LOSES_ITS_NAME = 3
"""Failures in a row after which it no longer counts that a peer was good."""

ATTEMPT_SECONDS = 120.0
"""An attempt to connect of which nothing was heard for so long is over."""

SELVES_LIMIT = 64

IDLE, DIALLING, CONNECTED = range(3)

_SOURCE_RANK: Mapping[str, int] = {"lsd": 0, "tracker": 1, "manual": 1, "pex": 2, "dht": 2}
_OTHER_RANK = 3


def rank(failures: int, worth: int, distance: Distance, source: int, priority: int) -> int:
    """The lowest is dialled first. One number, for a pool may hold a great many of them."""
    high = min(failures, 255) << 8 | 255 - min(worth, 255)
    return (high << 4 | distance << 2 | source) << 32 | 0xFFFFFFFF - priority


class _Candidate:
    """One address: `due` is when it may be dialled."""

    __slots__ = ("due", "failures", "seed", "source", "source_rank", "sources", "state", "worth")

    def __init__(self, source: str, due: float) -> None:
        self.source = source
        self.sources = 0
        self.source_rank = _OTHER_RANK
        self.state = IDLE
        self.due = due
        self.failures = 0
        self.worth = 0
        """0, or one more for each doubling of the rate that it was good for."""
        self.seed = False


class KeepsAway(Protocol):
    """Who knows whom to keep away from: swarm.bans.Bans for one."""

    def covers(self, host: str, port: int = 0, peer_id: bytes = b"", node_key: bytes = b"") -> bool:
        """Whether that is everybody at the host, the peer there with this port or id, or the node
        with this key.
        """


class PeerPool:
    """The candidates of one torrent, at most `limit`."""

    __slots__ = (
        "_bans",
        "_bits",
        "_by_address",
        "_failing",
        "_hosts",
        "_idle",
        "_limit",
        "_preferences",
        "_queue",
        "_ranked_at",
        "_rng",
        "_seeding",
        "_selves",
        "_told",
    )

    def __init__(
        self,
        rng: random.Random,
        limit: int = LIMIT,
        preferences: Preferences | None = None,
        bans: KeepsAway | None = None,
    ) -> None:
        self._rng = rng
        self._limit = limit
        self._preferences = preferences or Preferences(rng)
        self._ranked_at = self._preferences.version
        self._queue = DialQueue(self._rank)
        self._by_address: dict[PeerAddress, _Candidate] = {}
        self._bits: dict[str, int] = {}
        self._hosts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._failing: dict[PeerAddress, None] = {}
        self._idle: dict[str, dict[PeerAddress, None]] = {}
        self._bans: KeepsAway = Bans() if bans is None else bans
        self._selves: dict[PeerAddress, None] = {}
        self._seeding = False

    # -- addresses come and go ----------------------------------------------------------------

    def add(self, address: PeerAddress, source: str, now: float, *, seed: bool = False) -> bool:
        """An address from a source ("tracker", "dht", "pex"); whether it is a new candidate.

        One that a person names ("manual") is due at once, whatever became of it before.
        """
        known = self._by_address.get(address)
        if known is not None:
            self._told_again(address, known, source, now)
            return False
        if not self._acceptable(address):
            return False
        if len(self._by_address) >= self._limit and not self._make_room(source):
            return False
        self._insert(address, source, now, seed=seed)
        return True

    def remember(self, address: PeerAddress, rate: float, now: float) -> bool:
        """A peer that was good, at `rate` bytes per second, before we were restarted."""
        new = self.add(address, "resume", now)
        candidate = self._by_address.get(address)
        if candidate is not None:
            candidate.worth = max(candidate.worth, _worth(rate))
            self._set_state(address, candidate.state, candidate.due)
        return new

    def next_candidates(self, count: int, now: float) -> list[PeerAddress]:
        """Up to `count` addresses to dial now; they count as being dialled until heard of.

        Never one that is connected, being dialled, banned or not due, nor a seed while we seed.
        """
        if self._ranked_at != self._preferences.version:
            self._ranked_at = self._preferences.version
            self._queue.rank_again()
        chosen: list[PeerAddress] = []
        while len(chosen) < count and (due := self._queue.take(count - len(chosen), now)):
            for address in due:
                if self._bans.covers(*address):
                    self._remove(address)  # since it came in a new blocklist may have come in force
                else:
                    self._set_state(address, DIALLING, now + ATTEMPT_SECONDS)
                    chosen.append(address)
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
            if candidate.failures >= LOSES_ITS_NAME:
                candidate.worth = 0
            self._set_state(address, IDLE, now + wait * self._rng.uniform(0.75, 1.25))

    def closed(
        self,
        address: PeerAddress,
        now: float,
        *,
        useful: bool,
        rate: float = 0.0,
        seed: bool = False,
    ) -> None:
        """A connection ended; a useful peer is tried again soon, another one waits.

        `rate` is what it was good for, in bytes per second; `seed` says that it wants nothing.
        """
        if address in self._by_address or (useful and self._known(address)):
            self._by_address[address].seed = seed
        if not useful:
            self.failed(address, now)
        elif address in self._by_address:
            candidate = self._by_address[address]
            candidate.worth = max(_worth(rate), 1)
            candidate.failures = 0
            self._set_state(address, IDLE, now + RECONNECT * self._rng.uniform(1.0, 2.0))

    def forgive(self, now: float) -> None:
        """We hung up ourselves, and start again: nobody has to wait for that."""
        for address, candidate in self._by_address.items():
            if candidate.state == IDLE and candidate.due > now:
                candidate.due = now
                self._place(address, candidate)

    def set_seeding(self, seeding: bool) -> None:
        """Whether we want nothing any more: then seeds are of no use to us, nor we to them."""
        if seeding != self._seeding:
            self._seeding = seeding
            for address, candidate in self._by_address.items():
                if candidate.seed:
                    self._place(address, candidate)

    def visit_seeds(self, count: int, now: float) -> int:
        """Have up to `count` seeds that wait dialled once more, though we seed: there is something
        to tell them, or to hear. How many there are.
        """
        seeds = [
            address
            for address, candidate in self._by_address.items()
            if candidate.seed and candidate.state == IDLE
        ]
        chosen = self._rng.sample(seeds, min(count, len(seeds)))
        for address in chosen:
            self._by_address[address].seed = False
            self._set_state(address, IDLE, now)
        return len(chosen)

    def drop_banned(self, hosts: Container[str | bytes]) -> None:
        """Somebody at these hosts is banned: he is dialled no more."""
        for address in [address for address in self._by_address if address.host in hosts]:
            if self._bans.covers(*address):
                self._remove(address)

    def drop_untold(self, sources: frozenset[str]) -> None:
        """Only of these we may know peers: whoever waits of whom none of them told is forgotten."""
        for address, candidate in list(self._by_address.items()):
            if candidate.state == IDLE and not self.sources_of(address) & sources:
                self._remove(address)

    def drop_if_only(self, address: PeerAddress, source: str) -> bool:
        """Forget an address if nobody else told of it; whether that was so."""
        only = self.sources_of(address) == {source}
        if only:
            self._remove(address)
        return only

    def mark_self(self, address: PeerAddress) -> None:
        """The address turned out to be our own."""
        self._selves[address] = None
        if len(self._selves) > SELVES_LIMIT:
            del self._selves[next(iter(self._selves))]
        if address in self._by_address:
            self._remove(address)

    # -- what is known ------------------------------------------------------------------------

    def is_banned(
        self, host: str, port: int = 0, peer_id: bytes = b"", node_key: bytes = b""
    ) -> bool:
        """Whether the host is banned, the peer there that has this port or this id, or its node."""
        return self._bans.covers(host, port, peer_id, node_key)

    def source_of(self, address: PeerAddress) -> str:
        """Where the address came from first; "incoming" when nobody told of it."""
        candidate = self._by_address.get(address)
        return "incoming" if candidate is None else candidate.source

    def sources_of(self, address: PeerAddress) -> frozenset[str]:
        """All that told of the address."""
        candidate = self._by_address.get(address)
        told = 0 if candidate is None else candidate.sources
        return frozenset(name for name, bit in self._bits.items() if told & bit)

    def source_counts(self) -> dict[str, int]:
        """How many of the known addresses each source told of; one may count for several."""
        return {name: count for name, count in self._told.items() if count}

    def next_due(self, now: float) -> float | None:
        """When the next candidate may be dialled, not before `now`; None when there is none."""
        return self._queue.next_due(now)

    def __len__(self) -> int:
        return len(self._by_address)

    def __contains__(self, address: object) -> bool:
        return address in self._by_address

    # -- bounds -------------------------------------------------------------------------------

    def _acceptable(self, address: PeerAddress) -> bool:
        host, port = address
        if not 0 < port < 65536 or address in self._selves or self._bans.covers(host, port):
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
            return self.add(address, "incoming", float("-inf"))
        return True

    def _make_room(self, source: str) -> bool:
        """Drop what failed; or of the source that has most, unless that is the new one's too."""
        if self._failing:
            self._remove(next(iter(self._failing)))
            return True
        largest = max(self._idle, key=lambda name: len(self._idle[name]), default=source)
        if largest == source or not self._idle[largest]:
            return False
        idle = self._idle[largest]
        plain = (address for address in idle if not self._by_address[address].worth)
        self._remove(next(plain, next(iter(idle))))
        return True

    def _insert(self, address: PeerAddress, source: str, now: float, *, seed: bool = False) -> None:
        candidate = self._by_address[address] = _Candidate(source, now)
        candidate.seed = seed
        self._hosts[address.host] += 1
        self._note_source(candidate, source)
        self._set_state(address, IDLE, now)

    def _told_again(self, address: PeerAddress, known: _Candidate, source: str, now: float) -> None:
        better = self._note_source(known, source)
        if source == "manual" and known.state == IDLE:
            known.failures = 0
            known.seed = False
            self._set_state(address, IDLE, min(known.due, now))
        elif better:
            self._place(address, known)

    def _note_source(self, candidate: _Candidate, source: str) -> bool:
        """Whether the candidate is to be dialled sooner for it."""
        bit = self._bits.setdefault(source, 1 << len(self._bits))
        self._told[source] += not candidate.sources & bit
        candidate.sources |= bit
        rank = _SOURCE_RANK.get(source, _OTHER_RANK)
        better = rank < candidate.source_rank
        candidate.source_rank = min(rank, candidate.source_rank)
        return better

    def _remove(self, address: PeerAddress) -> None:
        candidate = self._by_address.pop(address)
        for name, bit in self._bits.items():
            self._told[name] -= bool(candidate.sources & bit)
        self._queue.remove(address)
        self._failing.pop(address, None)
        self._idle.get(candidate.source, {}).pop(address, None)
        self._hosts[address.host] -= 1
        if not self._hosts[address.host]:
            del self._hosts[address.host]

    def _set_state(self, address: PeerAddress, state: int, due: float = 0.0) -> None:
        candidate = self._by_address[address]
        candidate.state = state
        candidate.due = due
        idle = self._idle.setdefault(candidate.source, {})
        idle.pop(address, None)
        self._failing.pop(address, None)
        if state == IDLE:
            idle[address] = None
            if candidate.failures and not candidate.worth:
                self._failing[address] = None
        self._place(address, candidate)

    # -- the order ----------------------------------------------------------------------------

    def _place(self, address: PeerAddress, candidate: _Candidate) -> None:
        if candidate.state == CONNECTED or (candidate.seed and self._seeding):
            self._queue.remove(address)
        else:
            self._queue.put(address, candidate.due)

    def _rank(self, address: PeerAddress) -> int:
        one = self._by_address[address]
        distance, against = self._preferences.of(address)
        return rank(one.failures, one.worth, distance, one.source_rank, -against)


def _worth(rate: float) -> int:
    return int(max(rate, 0.0)).bit_length()
