"""The speed limits of one peer: put on, changed and taken off while it is connected.

A peer that is under no limit has no meter, and its reads are as they are without this module.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.session.peers.metered_reads import MeteredPeer, MeteredReads
from p2pd.session.peers.peer_inbox import PeerInbox
from p2pd.session.peers.peer_upload import PeerUpload
from p2pd.session.rate_limits import PeerChains, RateLimits
from p2pd.swarm.bandwidth.meter import Meter
from p2pd.swarm.bandwidth.token_bucket import TokenBucket
from p2pd.swarm.bandwidth.wire_cost import wire_cost
from p2pd.transports.interfaces import PeerStream


class LimitingTorrent(Protocol):
    """Who knows the limits."""

    def rate_limits(self) -> RateLimits:
        """The session's."""

    def chains(self, host: str) -> PeerChains:
        """Those for a peer of the torrent at this IP address."""


class LimitablePeer(MeteredPeer, Protocol):
    """What limits need of the peer session."""

    address: PeerAddress
    stream: PeerStream
    upload: PeerUpload

    @property
    def torrent(self) -> LimitingTorrent: ...
    def flush(self) -> None: ...


class PeerLimits:
    """What holds one peer back in either direction."""

    __slots__ = ("_inbox", "_peer", "_reads")

    def __init__(self, peer: LimitablePeer, inbox: PeerInbox) -> None:
        self._peer = peer
        self._inbox = inbox
        self._reads: MeteredReads | None = None

    def apply(self) -> None:
        """Bring it under the limits that hold now."""
        chains = self._peer.torrent.chains(self._peer.address.host)
        self._limit_upload(chains.up)
        self._limit_download(chains.down)
        for meter in (self._peer.upload.meter, self._reads.meter if self._reads else None):
            if meter is not None:
                meter.weight = chains.weight

    def tick(self) -> None:
        """Once a second."""
        if self._reads is not None:
            self._reads.tick()

    def close(self) -> None:
        """The peer is gone."""
        if self._reads is not None:
            self._reads.close()
        if self._peer.upload.meter is not None:
            self._peer.upload.meter.close()

    def _limit_upload(self, chain: Sequence[TokenBucket]) -> None:
        upload = self._peer.upload
        meter = upload.meter
        if not chain:
            upload.meter = None
            if meter is not None:
                meter.close()
                upload.serve()
        elif meter is None:
            turns, cost = self._peer.torrent.rate_limits().up, wire_cost(self._peer.address.host)
            upload.meter = Meter(turns, chain, upload.serve, cost=cost)
        else:
            meter.set_chain(chain)

    def _limit_download(self, chain: Sequence[TokenBucket]) -> None:
        peer, reads = self._peer, self._reads
        if not chain:
            self._reads = None
            if reads is not None:
                reads.close()
                peer.stream.landing = self._inbox.landing
                peer.download.limit_rate(None)
                self._inbox.limit_allows()
            return
        if reads is None:
            reads = self._reads = MeteredReads(peer, self._inbox, self._inbox.landing)
            turns, cost = peer.torrent.rate_limits().down, wire_cost(peer.address.host)
            reads.meter = Meter(turns, chain, reads.resume, cost=cost)
            peer.stream.landing = reads
        else:
            reads.meter.set_chain(chain)
        peer.download.limit_rate(reads.meter.rate)
        peer.flush()
        if not reads.meter.rate:
            self._inbox.limit_allows()
