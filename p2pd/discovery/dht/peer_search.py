"""Lookups for the peers of a torrent (BEP 5), to announce ourselves and to count them (BEP 33)."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.discovery.dht.lookup import AskingNode, Candidate, Lookup
from p2pd.discovery.dht.outcomes import Announce, Found, LookupOutcome
from p2pd.discovery.dht.storing import Storing
from p2pd.discovery.dht.swarm_count import SwarmCount
from p2pd.protocols.krpc.arguments import MAX_TOKEN, taken_bytes, taken_peers
from p2pd.protocols.krpc.messages import ANNOUNCE_PEER, GET_PEERS, Response


class PeerSearch:
    """Tells of each peer once, when it is found; at the end it announces, if that is wished."""

    method = GET_PEERS
    satisfied = False

    def __init__(
        self,
        node: AskingNode,
        info_hash: bytes,
        *,
        found: Found,
        done: Callable[[LookupOutcome], None],
        announce: Announce | None,
        scrape: bool,
        noseed: bool,
    ) -> None:
        self.target = info_hash
        self._node = node
        self._found = found
        self._done = done
        self._announce = announce
        self._count = SwarmCount() if scrape else None
        self._peers: set[PeerAddress] = set()
        self._storing: Storing | None = None
        self._args: dict[bytes, Any] = {b"info_hash": info_hash}
        if scrape:
            self._args[b"scrape"] = 1
        if noseed:
            self._args[b"noseed"] = 1

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question."""
        return self._args

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """Peers, the token to announce with, and filters to count with."""
        values = response.values
        peers = taken_peers(values)
        token = taken_bytes(values, b"token", MAX_TOKEN)
        if self._count is not None:
            self._count.add(values, peers)
        candidate.token = token
        room = self._node.options.peers_of_a_lookup - len(self._peers)
        teller_is_local = is_local(candidate.address.host)
        new = {
            peer: None
            for peer in peers
            if peer not in self._peers and (teller_is_local or not is_local(peer.host))
        }
        fresh = list(new)[: max(room, 0)]
        if fresh:
            self._peers.update(fresh)
            self._found(fresh)

    def finish(self, lookup: Lookup, now: float) -> None:
        """Announce to the closest that gave a token, or be done."""
        announce = self._announce
        if announce is None:
            self._done(self._outcome(lookup, 0, (), now))
            return
        self._storing = Storing(
            ANNOUNCE_PEER, lambda candidate: self._announced(announce, candidate)
        )
        self._storing.start(
            self._node,
            lookup.closest(with_token=True),
            lambda storing, then: self._done(
                self._outcome(lookup, storing.accepted, tuple(storing.refusals), then)
            ),
            now,
        )

    def cancel(self) -> None:
        """Nobody waits any more."""
        if self._storing is not None:
            self._storing.cancel()

    def _announced(self, announce: Announce, candidate: Candidate) -> dict[bytes, Any]:
        args: dict[bytes, Any] = {
            b"info_hash": self.target,
            b"port": announce.port,
            b"token": candidate.token,
            b"implied_port": int(announce.implied_port),
        }
        if announce.seed:
            args[b"seed"] = 1
        return args

    def _outcome(
        self, lookup: Lookup, stored: int, refusals: tuple[tuple[int, str], ...], now: float
    ) -> LookupOutcome:
        seeds, peers = (None, None) if self._count is None else self._count.estimates()
        return lookup.outcome(
            now,
            peers=len(self._peers),
            announced_to=stored,
            refusals=refusals,
            seeds_estimate=seeds,
            peers_estimate=peers,
        )
