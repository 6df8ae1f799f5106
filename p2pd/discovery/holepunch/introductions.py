"""Who could introduce us to peers that cannot be dialled (BEP 55): those who told of them by PEX.

Only where a transport can punch holes does anybody keep any of this. A relay is asked for a peer
when an attempt to dial that failed; another one if it says no. Each question is for one relay, and
none is asked for the same peer, or much, again soon.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Hashable, TypeVar

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.allowances import Allowances

KNOWN = 1000
"""Peers of which it is kept who could introduce them."""
RELAYS = 4
"""That are kept of each, the latest."""

ANSWER_SECONDS = 30.0
AGAIN_SECONDS = 600.0
"""After which the relays of a peer are asked for it again."""

ASKED_AT_ONCE = 5
ASK_SECONDS = 5.0
"""A relay is asked so much at once, and then one question in so many seconds."""

TOLD_AT_ONCE = 10
TOLD_SECONDS = 10.0
"""So often may a relay have us dial whom we did not ask for."""

P = TypeVar("P", bound=Hashable)


class _Peer(Generic[P]):
    """One that could be introduced. `asked` is the relay whose answer is waited for."""

    __slots__ = ("asked", "asked_at", "relays", "untried")

    def __init__(self) -> None:
        self.relays: dict[P, None] = {}
        self.untried: list[P] = []
        self.asked: P | None = None
        self.asked_at = float("-inf")


class Introductions(Generic[P]):
    """Of one torrent. Relays are any hashable keys: the connected peers that told."""

    __slots__ = ("_may_ask", "_may_tell", "_peers")

    def __init__(self) -> None:
        self._peers: OrderedDict[PeerAddress, _Peer[P]] = OrderedDict()
        self._may_ask: Allowances[P] = Allowances(ASKED_AT_ONCE, ASK_SECONDS)
        self._may_tell: Allowances[P] = Allowances(TOLD_AT_ONCE, TOLD_SECONDS)

    def offered(self, relay: P, address: PeerAddress) -> None:
        """A peer that can relay is connected to that address, which takes part in this."""
        peer = self._peers.pop(address, None) or _Peer()
        self._peers[address] = peer
        peer.relays.pop(relay, None)
        peer.relays[relay] = None
        if len(peer.relays) > RELAYS:
            del peer.relays[next(iter(peer.relays))]
        if len(self._peers) > KNOWN:
            self._peers.popitem(last=False)

    def withdrawn(self, relay: P, address: PeerAddress) -> None:
        """It is not connected to that address any more."""
        peer = self._peers.get(address)
        if peer is not None:
            self._without(relay, address, peer)

    def left(self, relay: P) -> None:
        """It is not connected to us any more."""
        for address, peer in list(self._peers.items()):
            self._without(relay, address, peer)
        self._may_ask.forget(relay)
        self._may_tell.forget(relay)

    def __len__(self) -> int:
        return len(self._peers)

    # -- asking --------------------------------------------------------------------------------

    def whom_to_ask(self, address: PeerAddress, now: float) -> P | None:
        """Dialling it failed: the relay to ask for it, which counts as asked; None: nobody."""
        peer = self._peers.get(address)
        if peer is None or now - peer.asked_at < AGAIN_SECONDS:
            return None
        peer.untried = list(peer.relays)
        return self._next(peer, now)

    def refused(self, relay: P, address: PeerAddress, now: float) -> P | None:
        """A relay says no, which counts if it was asked: another one to ask; None: nobody."""
        peer = self._peers.get(address)
        if peer is None or peer.asked != relay:
            return None
        return self._next(peer, now)

    def may_connect(self, relay: P, address: PeerAddress, now: float) -> bool:
        """A relay has us dial an address: whether to do so."""
        peer = self._peers.get(address)
        if peer is not None and peer.asked == relay:
            peer.asked = None
            if now - peer.asked_at <= ANSWER_SECONDS:
                return True
        return self._may_tell.take(relay, now)

    def _next(self, peer: _Peer[P], now: float) -> P | None:
        peer.asked = None
        while peer.untried:
            relay = peer.untried.pop()
            if relay in peer.relays and self._may_ask.take(relay, now):
                peer.asked, peer.asked_at = relay, now
                return relay
        return None

    def _without(self, relay: P, address: PeerAddress, peer: _Peer[P]) -> None:
        peer.relays.pop(relay, None)
        if peer.asked == relay:
            peer.asked = None
        if not peer.relays:
            del self._peers[address]
