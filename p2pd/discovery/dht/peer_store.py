"""Peers that other nodes announced here (BEP 5, 33, 51): bounded in hashes, peers and bytes.

Nothing is ever searched through: peers of a swarm and swarms of the store stand in the order of
their last announce, so what is too old, or gives way, is at the front. An IP address is in a swarm
once, whatever its port (BEP 33); only of our own network, where one machine may have many clients,
each port counts. One network (:mod:`hosts`) has a bounded share of the store.
IPv4 and IPv6 are different networks (BEP 32): whoever asks says which of them it means.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import NamedTuple, Sequence

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.discovery.dht.bloom_filter import filter_of
from p2pd.discovery.dht.hosts import V4_SIZE, V6_SIZE, address_of, network_of, packed_host

SWARM_BYTES = 1900
PEER_BYTES = 280
"""What one of each takes of memory, with its share of all tables, at most."""

LOOKED_AT = 8
"""Of this many swarms that were announced longest ago the smallest gives way."""


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """How much is kept, and for how many seconds after its announce."""

    info_hashes: int = 10_000
    peers_of_one: int = 500
    memory: int = 24 * 1024 * 1024
    of_one_network: int = 300
    ipv6_network_in_swarm: int = 8
    seconds: float = 45 * 60.0


class _Announced:
    __slots__ = ("at", "compact", "seed")

    def __init__(self, compact: bytes, seed: bool, at: float) -> None:
        self.compact = compact
        self.seed = seed
        self.at = at


class _Listed(NamedTuple):
    """All peers of a swarm that are of interest, as a bencoded list; it holds until then."""

    text: bytes
    peers: int
    until: float


class _Swarm:
    """The peers of one info-hash, the latest last, and answers that still hold."""

    __slots__ = ("answers", "filters", "lists", "networks", "peers", "place")

    def __init__(self, place: int) -> None:
        self.place = place
        self.peers: dict[bytes, _Announced] = {}
        self.networks: dict[bytes, int] = {}
        self.answers: dict[tuple[bool, bool], list[bytes]] = {}
        self.lists: dict[tuple[bool, bool], _Listed] = {}
        self.filters: dict[bool, tuple[bytes, bytes]] = {}

    def changed(self) -> None:
        if self.answers:
            self.answers = {}
            self.lists = {}
        if self.filters:
            self.filters = {}

    def compact(self, ipv6: bool, noseed: bool) -> list[bytes]:
        answer = self.answers.get((ipv6, noseed))
        if answer is None:
            size = (V6_SIZE if ipv6 else V4_SIZE) + 2
            answer = self.answers[ipv6, noseed] = [
                peer.compact
                for peer in self.peers.values()
                if len(peer.compact) == size and not (noseed and peer.seed)
            ]
        return answer

    def scrape(self, ipv6: bool) -> tuple[bytes, bytes]:
        filters = self.filters.get(ipv6)
        if filters is None:
            peers = self.compact(ipv6, False)
            others = self.compact(ipv6, True)
            filters = self.filters[ipv6] = (
                filter_of({peer[:-2] for peer in peers}.difference(peer[:-2] for peer in others)),
                filter_of({peer[:-2] for peer in others}),
            )
        return filters


class PeerStore:
    """Swarms by their 20-byte info-hash. `refused` counts announces that were not taken."""

    def __init__(self, rng: random.Random, limits: PeerLimits | None = None) -> None:
        self._rng = rng
        self._limits = limits or PeerLimits()
        self._swarms: OrderedDict[bytes, _Swarm] = OrderedDict()
        self._places: list[bytes] = []
        self._of_network: dict[bytes, int] = {}
        self._expires_at = -inf
        self.peer_count = 0
        self.refused = 0

    @property
    def info_hashes(self) -> int:
        """How many swarms there are (BEP 51's ``num``)."""
        return len(self._swarms)

    @property
    def memory(self) -> int:
        """About how many bytes all this takes."""
        return len(self._swarms) * SWARM_BYTES + self.peer_count * PEER_BYTES

    def add(self, info_hash: bytes, address: PeerAddress, seed: bool, now: float) -> bool:
        """Keep a peer, or hear of it again; False when its network has its share already."""
        self.expire(now)
        host = packed_host(address.host)
        compact = host + address.port.to_bytes(2, "big")
        key = compact if is_local(address.host) else host
        swarm = self._swarms.get(info_hash)
        known = swarm.peers.pop(key, None) if swarm is not None else None
        if known is None and not self._may_enter(swarm, network_of(host)):
            self.refused += 1
            return False
        if swarm is None:
            swarm = self._new_swarm(info_hash)
        self._swarms.move_to_end(info_hash)
        if known is not None and known.seed is seed and known.compact == compact:
            known.at = now
            swarm.peers[key] = known
            return True
        swarm.changed()
        swarm.peers[key] = _Announced(compact, seed, now)
        if known is None:
            self._entered(swarm, host)
            self._make_room(swarm)
        return True

    def peers(
        self, info_hash: bytes, count: int, now: float, noseed: bool = False, *, ipv6: bool = False
    ) -> list[PeerAddress]:
        """At most `count` peers of one family, others each time; no seeds with `noseed`."""
        found = self.compact_peers(info_hash, count, now, noseed, ipv6=ipv6)
        return [address_of(compact) for compact in found]

    def compact_peers(
        self, info_hash: bytes, count: int, now: float, noseed: bool = False, *, ipv6: bool = False
    ) -> Sequence[bytes]:
        """The same in compact form, 6 or 18 bytes each, as ``values`` has them."""
        self.expire(now)
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            return []
        self._trim(swarm, now)
        known = swarm.compact(ipv6, noseed)
        if len(known) <= count:
            return known
        # A run from anywhere: neighbours have nothing in common but when they announced.
        start = int(self._rng.random() * len(known))
        run = known[start : start + count]
        return run if len(run) == count else run + known[: count - len(run)]

    def listed_peers(
        self, info_hash: bytes, count: int, now: float, noseed: bool = False, *, ipv6: bool = False
    ) -> bytes:
        """The same as a bencoded list, which is kept where all peers fit; empty bytes for none."""
        swarm, of = self._swarms.get(info_hash), (ipv6, noseed)
        if swarm is None:
            return b""
        kept = swarm.lists.get(of)
        if kept is not None and kept.peers <= count and now < kept.until:
            return kept.text
        found = self.compact_peers(info_hash, count, now, noseed, ipv6=ipv6)
        if not found:
            return b""
        prefix = b"18:" if ipv6 else b"6:"
        text = b"l%b%be" % (prefix, prefix.join(found))
        if len(found) == len(swarm.answers[of]):
            oldest = next(iter(swarm.peers.values())).at
            swarm.lists[of] = _Listed(text, len(found), oldest + self._limits.seconds)
        return text

    def scrape(self, info_hash: bytes, *, ipv6: bool = False) -> tuple[bytes, bytes] | None:
        """The Bloom filters of seeds and of other peers, 256 bytes each; None if unknown."""
        swarm = self._swarms.get(info_hash)
        return None if swarm is None else swarm.scrape(ipv6)

    def sample(self, count: int) -> list[bytes]:
        """At most `count` info-hashes, chosen by chance (BEP 51)."""
        return self._rng.sample(self._places, min(count, len(self._places)))

    def expire(self, now: float) -> None:
        """Forget swarms where nobody announced for long; old peers of others go when asked for."""
        if now < self._expires_at:
            return
        seconds = self._limits.seconds
        while self._swarms:
            info_hash, swarm = next(iter(self._swarms.items()))
            newest = next(reversed(swarm.peers.values())).at
            if newest > now - seconds:
                # Whatever is announced until then is newer.
                self._expires_at = newest + seconds
                return
            self._remove(info_hash)

    def _may_enter(self, swarm: _Swarm | None, network: bytes) -> bool:
        if self._of_network.get(network, 0) >= self._limits.of_one_network:
            return False
        of_swarm = 0 if swarm is None else swarm.networks.get(network, 0)
        return of_swarm < self._limits.ipv6_network_in_swarm

    def _new_swarm(self, info_hash: bytes) -> _Swarm:
        swarm = self._swarms[info_hash] = _Swarm(len(self._places))
        self._places.append(info_hash)
        return swarm

    def _entered(self, swarm: _Swarm, host: bytes) -> None:
        self.peer_count += 1
        network = network_of(host)
        self._of_network[network] = self._of_network.get(network, 0) + 1
        if len(host) == V6_SIZE:
            swarm.networks[network] = swarm.networks.get(network, 0) + 1

    def _left(self, swarm: _Swarm, peer: _Announced) -> None:
        self.peer_count -= 1
        host = peer.compact[:-2]
        network = network_of(host)
        _one_less(self._of_network, network)
        if len(host) == V6_SIZE:
            _one_less(swarm.networks, network)

    def _make_room(self, newest: _Swarm) -> None:
        if len(newest.peers) > self._limits.peers_of_one:
            self._forget_oldest(newest)
        while len(self._swarms) > self._limits.info_hashes or self.memory > self._limits.memory:
            if len(self._swarms) == 1:
                if len(newest.peers) == 1:
                    return
                self._forget_oldest(newest)
                continue
            old = islice(self._swarms.items(), min(LOOKED_AT, len(self._swarms) - 1))
            self._remove(min(old, key=lambda each: len(each[1].peers))[0])

    def _trim(self, swarm: _Swarm, now: float) -> None:
        """Forget the old peers of a swarm that has a newer one."""
        oldest = now - self._limits.seconds
        while next(iter(swarm.peers.values())).at <= oldest:
            self._forget_oldest(swarm)

    def _forget_oldest(self, swarm: _Swarm) -> None:
        peer = swarm.peers.pop(next(iter(swarm.peers)))
        swarm.changed()
        self._left(swarm, peer)

    def _remove(self, info_hash: bytes) -> None:
        swarm = self._swarms.pop(info_hash)
        for peer in swarm.peers.values():
            self._left(swarm, peer)
        last = self._places.pop()
        if last != info_hash:
            self._places[swarm.place] = last
            self._swarms[last].place = swarm.place


def _one_less(counts: dict[bytes, int], key: bytes) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]
