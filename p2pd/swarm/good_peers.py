"""The peers of one torrent that proved good: when, and how good. They are dialled first next time.

What counts is what passed between us: what they gave while we lacked something, what they took
when we seed. A node that proved its key is one peer, at the address where it was last; which key
that was is not kept. Bounded; refuses to know where it is kept. `wall` is Unix seconds.
"""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

from p2pd.base.addresses import PeerAddress

LIMIT = 50
KEPT_SECONDS = 30 * 86_400.0
"""A peer that was not met for so long is forgotten."""

LEAST_BYTES = 16_384
"""Less than a block makes nobody good."""

HALF_LIFE = 3600.0
"""Seconds of connections after which what was before counts half."""


class GoodPeer(NamedTuple):
    """What we had of a peer, and it of us, over `seconds` of connections."""

    address: PeerAddress
    seen_at: float
    received: int
    sent: int
    seconds: float
    node_key: bytes = b""
    """The one that it proved to have; empty: none, or it was not met in this run."""

    def rate(self, *, seeding: bool) -> float:
        """Bytes per second in the direction that counts."""
        return (self.sent if seeding else self.received) / max(self.seconds, 1.0)

    def and_then(self, later: GoodPeer) -> GoodPeer:
        """The same peer after another connection, at its address."""
        age = 0.5 if self.seconds > HALF_LIFE else 1.0
        return GoodPeer(
            later.address,
            max(self.seen_at, later.seen_at),
            int(self.received * age) + later.received,
            int(self.sent * age) + later.sent,
            self.seconds * age + later.seconds,
            later.node_key or self.node_key,
        )


class GoodPeers:
    """At most `limit` of them, the best. `changed` says whether they are as they were kept."""

    __slots__ = ("_limit", "_peers", "changed")

    def __init__(self, limit: int = LIMIT) -> None:
        self.changed = False
        self._limit = limit
        self._peers: dict[PeerAddress, GoodPeer] = {}

    def recall(self, peers: Iterable[GoodPeer], wall: float) -> None:
        """Those of an earlier run; what is known by now stays."""
        for peer in peers:
            if wall - peer.seen_at <= KEPT_SECONDS:
                self._peers.setdefault(peer.address, peer)
        self._peers = {peer.address: peer for peer in self._best(self._peers.values())}

    def met(self, peer: GoodPeer) -> None:
        """A connection with a peer is over."""
        if peer.received + peer.sent >= LEAST_BYTES:
            self._peers = {each.address: each for each in self._best(self._with([peer]))}
            self.changed = True

    def forget(self, addresses: Iterable[PeerAddress]) -> None:
        """These are good no more."""
        for address in addresses:
            if self._peers.pop(address, None) is not None:
                self.changed = True

    def to_keep(self, connected: Iterable[GoodPeer] = ()) -> list[GoodPeer]:
        """What to keep if we ended now, with these connections as they are."""
        passed = [peer for peer in connected if peer.received + peer.sent >= LEAST_BYTES]
        return self._best(self._with(passed))

    def best(self, *, seeding: bool) -> list[tuple[PeerAddress, float]]:
        """Those worth dialling, the best first, each with its rate in bytes per second."""
        rated = [(peer.address, peer.rate(seeding=seeding)) for peer in self._peers.values()]
        return sorted((each for each in rated if each[1] > 0), key=lambda each: -each[1])

    def _with(self, met: Iterable[GoodPeer]) -> Iterable[GoodPeer]:
        known = dict(self._peers)
        for peer in met:
            before = known.pop(_moved_from(peer, known.values()) or peer.address, None)
            known[peer.address] = peer if before is None else before.and_then(peer)
        return known.values()

    def _best(self, peers: Iterable[GoodPeer]) -> list[GoodPeer]:
        """By the better of the two directions: which one counts may change."""

        def worth(peer: GoodPeer) -> float:
            return max(peer.rate(seeding=False), peer.rate(seeding=True))

        return sorted(peers, key=worth, reverse=True)[: self._limit]

    def __iter__(self) -> Iterator[PeerAddress]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self._peers)


def _moved_from(peer: GoodPeer, known: Iterable[GoodPeer]) -> PeerAddress | None:
    """Where the same node was before, if it was somewhere else."""
    if not peer.node_key:
        return None
    return next((each.address for each in known if each.node_key == peer.node_key), None)
