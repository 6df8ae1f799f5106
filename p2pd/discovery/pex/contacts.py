"""What the peers of one torrent are told of each other (BEP 11): deltas, batched and bounded.

A contact is a peer that is connected and whose address others could dial. It has a place, a bit;
what is connected, and what each listener was told, are numbers with these bits, so that a delta
costs two operations on numbers however many peers there are. A place is given to another address
once nobody was told of the one that had it.

Where a family of addresses has few contacts, peers that we parted from in peace are told of too,
once to each listener, and dropped with its next message ("Filling underpopulated lists").
"""

from __future__ import annotations

import heapq
import random
from typing import Callable, Generic, Hashable, Iterator, NamedTuple, TypeVar

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.pex.scopes import Scope, scope_of
from p2pd.protocols.peerwire.extensions.ut_pex import SEED, PexMessage, PexPeer

INTERVAL = 60.0
"""Seconds between two messages to one peer, at least."""
JITTER = 10.0
FIRST_AFTER = 3.0
"""Seconds from a peer's handshake to its first message: others may just be connecting."""
LOOK_AGAIN = 10.0
"""Seconds until somebody is told who could be told nothing when it was time."""

MOST = 50
"""Added, and as many dropped, in one message."""
MOST_AT_FIRST = 100
"""Added in a peer's first message."""

FEW = 25
"""With fewer contacts of a family those are told of that left lately, as many at most."""
LATELY = 1800.0

PLACES = 8192
"""Contacts, and gone ones that are still to be told to be; nobody is told of more."""
SWEEP_AT = 64
"""Places of gone contacts that are worth a look whether they are free."""

P = TypeVar("P", bound=Hashable)


class _Place(Generic[P]):
    """An address, and who is connected from it: behind a NAT several may claim the same."""

    __slots__ = ("address", "bit", "flags", "peers")

    def __init__(self, address: PeerAddress, bit: int) -> None:
        self.address = address
        self.bit = bit
        self.flags = 0
        self.peers: list[P] = []


class _Listener(Generic[P]):
    """What one peer was told. `given` are those told of after they had left, so once.

    `peer` is None once it is gone: nothing is to hold on to a peer that is not connected.
    """

    __slots__ = ("given", "peer", "scope", "spoken", "told")

    def __init__(self, peer: P, scope: Scope) -> None:
        self.peer: P | None = peer
        self.scope = scope
        self.told = 0
        self.given = 0
        self.spoken = False


class Due(NamedTuple, Generic[P]):
    """A message that is to be sent to a peer now."""

    peer: P
    message: PexMessage


class Contacts(Generic[P]):
    """Of one torrent. Peers are any hashable keys; `flags_of` tells a connected one's flags."""

    def __init__(self, rng: random.Random, flags_of: Callable[[P], int]) -> None:
        self._rng = rng
        self._flags_of = flags_of
        self._places: list[_Place[P]] = []
        self._by_address: dict[PeerAddress, _Place[P]] = {}
        self._by_peer: dict[P, _Place[P]] = {}
        self._free: list[int] = []
        self._gone = 0
        self._live = 0
        self._of_family = {False: 0, True: 0}
        self._near_enough = {scope: 0 for scope in Scope}
        """For listeners of each scope: the contacts that they could reach."""
        self._lately: dict[bool, dict[_Place[P], float]] = {False: {}, True: {}}
        self._seeds = 0
        self._seeds_at = float("-inf")
        self._listeners: dict[P, _Listener[P]] = {}
        self._queue: list[tuple[float, int, _Listener[P]]] = []
        self._turns = 0

    # -- contacts ------------------------------------------------------------------------------

    def joined(self, peer: P, address: PeerAddress) -> None:
        """A connected peer can be dialled at this address."""
        if peer in self._by_peer:
            return
        place = self._by_address.get(address) or self._new_place(address)
        if place is None:
            return
        self._by_peer[peer] = place
        place.peers.append(peer)
        if not self._live & place.bit:
            self._lately[address.is_ipv6].pop(place, None)
            self._live |= place.bit

    def left(self, peer: P, now: float, *, in_peace: bool) -> None:
        """It is not connected any more; `in_peace`: it may be of use to others all the same."""
        self.silence(peer)
        place = self._by_peer.pop(peer, None)
        if place is None:
            return
        flags = self._flags_of(peer)
        place.peers.remove(peer)
        if place.peers:
            return
        self._live &= ~place.bit
        self._seeds &= ~place.bit
        self._gone += 1
        if in_peace:
            place.flags = flags
            lately = self._lately[place.address.is_ipv6]
            lately[place] = now
            if len(lately) > FEW:
                del lately[next(iter(lately))]

    def __len__(self) -> int:
        return self._live.bit_count()

    # -- listeners -----------------------------------------------------------------------------

    def listens(self, peer: P, host: str, now: float) -> None:
        """A connected peer takes messages; its IP address says which addresses it could reach."""
        if peer not in self._listeners:
            listener = self._listeners[peer] = _Listener(peer, scope_of(host))
            self._enqueue(listener, now + FIRST_AFTER * self._rng.uniform(1.0, 2.0))

    def silence(self, peer: P) -> None:
        """It takes no more messages."""
        listener = self._listeners.pop(peer, None)
        if listener is not None:
            listener.peer = None

    def due(self, now: float) -> Iterator[Due[P]]:
        """What is to be sent now. They count as sent."""
        while self._queue and self._queue[0][0] <= now:
            listener = heapq.heappop(self._queue)[2]
            peer = listener.peer
            if peer is None:
                continue
            message = self._message(peer, listener, now)
            if message is None:
                self._enqueue(listener, now + LOOK_AGAIN)
            else:
                listener.spoken = True
                self._enqueue(listener, now + INTERVAL + self._rng.uniform(0.0, JITTER))
                yield Due(peer, message)

    def _enqueue(self, listener: _Listener[P], due: float) -> None:
        self._turns += 1
        heapq.heappush(self._queue, (due, self._turns, listener))

    # -- deltas --------------------------------------------------------------------------------

    def _message(self, peer: P, listener: _Listener[P], now: float) -> PexMessage | None:
        most = MOST if listener.spoken else MOST_AT_FIRST
        gone = self._some(listener.told & ~self._live, MOST)
        new = self._some(self._new_to(peer, listener, now), most)
        if not gone and not new:
            return None
        for place in gone:
            listener.told &= ~place.bit
        for place in new:
            listener.told |= place.bit
            if not place.peers:
                listener.given |= place.bit
        added = tuple(PexPeer(place.address, self._flags(place)) for place in new)
        return PexMessage(added, tuple(place.address for place in gone))

    def _new_to(self, peer: P, listener: _Listener[P], now: float) -> int:
        """Whom it could be told of: not itself, and no seeds if it asks for nothing either."""
        new = self._live | (self._left_lately(now) & ~listener.given)
        new &= self._near_enough[listener.scope] & ~listener.told
        own = self._by_peer.get(peer)
        if own is not None:
            new &= ~own.bit
        if new and self._flags_of(peer) & SEED:
            new &= ~self._seeds_now(now)
        return new

    def _left_lately(self, now: float) -> int:
        bits = 0
        for ipv6, lately in self._lately.items():
            while lately and next(iter(lately.values())) < now - LATELY:
                del lately[next(iter(lately))]
            if lately and (self._live & self._of_family[ipv6]).bit_count() < FEW:
                for place in lately:
                    bits |= place.bit
        return bits

    def _seeds_now(self, now: float) -> int:
        """Peers become seeds: looked at every few seconds, for all of them together."""
        if now - self._seeds_at >= LOOK_AGAIN:
            self._seeds_at = now
            self._seeds = 0
            for peer, place in self._by_peer.items():
                if self._flags_of(peer) & SEED:
                    self._seeds |= place.bit
        left = (place for lately in self._lately.values() for place in lately)
        return self._seeds | sum(place.bit for place in left if place.flags & SEED)

    def _flags(self, place: _Place[P]) -> int:
        return self._flags_of(place.peers[0]) if place.peers else place.flags

    def _some(self, bits: int, most: int) -> list[_Place[P]]:
        """At most so many of the places; which, a lot decides, so that not all hear the same."""
        numbers = _numbers(bits)
        if len(numbers) > most:
            numbers = self._rng.sample(numbers, most)
        return [self._places[number] for number in numbers]

    # -- places --------------------------------------------------------------------------------

    def _new_place(self, address: PeerAddress) -> _Place[P] | None:
        if not self._free and self._gone >= SWEEP_AT:
            self._sweep()
        if self._free:
            place: _Place[P] = _Place(address, 1 << self._free.pop())
            self._places[place.bit.bit_length() - 1] = place
        elif len(self._places) < PLACES:
            place = _Place(address, 1 << len(self._places))
            self._places.append(place)
        else:
            return None
        self._by_address[address] = place
        self._of_family[address.is_ipv6] |= place.bit
        nearest = scope_of(address.host)
        for scope in Scope:
            if scope >= nearest:
                self._near_enough[scope] |= place.bit
        return place

    def _sweep(self) -> None:
        """Free the places of which nobody was told, or was told that they are gone."""
        used = self._live
        for listener in self._listeners.values():
            used |= listener.told
        for lately in self._lately.values():
            for place in lately:
                used |= place.bit
        self._gone = 0
        everything = (1 << len(self._places)) - 1
        for number in _numbers(everything & ~used):
            unused = self._places[number]
            if self._by_address.get(unused.address) is unused:
                del self._by_address[unused.address]
                self._free.append(number)
        for ipv6 in self._of_family:
            self._of_family[ipv6] &= used
        for scope in self._near_enough:
            self._near_enough[scope] &= used
        for listener in self._listeners.values():
            listener.given &= used


def _numbers(bits: int) -> list[int]:
    """The places of the bits that are set, from the lowest."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
