"""What a torrent has while it has to do with others: peers, addresses, trust, what is exchanged.

It is made when it is asked for first, and let go when the torrent rests.
"""

from __future__ import annotations

from typing import Any

from p2pd.protocols.peerwire.extensions.ut_metadata import MetadataAssembly
from p2pd.session.revoking.torrent_revocations import TorrentRevocations
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_dialling import TorrentDialling
from p2pd.session.torrents.torrent_exchange import TorrentExchange
from p2pd.session.torrents.torrent_holepunch import TorrentHolepunch
from p2pd.session.torrents.torrent_layers import PieceLayerExchange
from p2pd.session.torrents.torrent_metadata import MetadataExchange
from p2pd.session.torrents.torrent_outcomes import TorrentOutcomes
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.session.torrents.torrent_pex import TorrentPex
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.session.web_seeds.torrent_web_seeds import TorrentWebSeeds
from p2pd.swarm.choker import Choker
from p2pd.swarm.peer_pool import PeerPool


class TorrentSwarm:
    """The parts that know peers. `owner` is the torrent, by which they find each other."""

    __slots__ = (
        "_owner", "dialling", "exchange", "holepunch", "layers", "metadata", "outcomes", "peers",
        "pex", "revocations", "trust", "web_seeds",
    )  # fmt: skip

    def __init__(self, owner: Any) -> None:
        host = owner.host
        self._owner = owner
        self.exchange = TorrentExchange(owner)
        self.trust = TorrentTrust(owner)
        self.outcomes = TorrentOutcomes(owner)
        pool = PeerPool(rng=host.rng, preferences=host.preferences, bans=host.kept_away)
        self.peers = TorrentPeers(owner, pool, Choker(rng=host.rng))
        self.dialling = TorrentDialling(owner)
        self.pex = TorrentPex(owner)
        self.holepunch = TorrentHolepunch(owner)
        self.revocations = TorrentRevocations(owner, host.tls.revoking.lists)
        self.web_seeds = TorrentWebSeeds(owner)
        self.metadata = MetadataExchange(owner, MetadataAssembly(owner.info_hashes), None)
        self.layers: PieceLayerExchange | None = None
        if owner.content is not None:
            self.content_built(owner.content)

    def content_built(self, content: TorrentContent) -> None:
        """The metadata is known: make what needs it."""
        owner = self._owner
        assembly = MetadataAssembly(owner.info_hashes)
        self.metadata = MetadataExchange(owner, assembly, content.metainfo.info_bytes)
        self.layers = PieceLayerExchange(owner, content)
        self.exchange.content = content

    def tick(self, now: float, *, running: bool) -> None:
        """Once a second while the torrent is busy."""
        self.exchange.moved = False
        if not running:
            return
        self.peers.tick(now)
        self.exchange.super_seeding.tick(now)
        self.pex.tick(now)
        self.revocations.tick(now)
        self.metadata.tick(now, list(self.peers))
        if self.layers is not None:
            self.layers.tick(now, list(self.peers))
        self.exchange.hurry(now)
        self.exchange.feed_starving()
        self.web_seeds.tick(now)
        self.dialling.wake()

    @property
    def is_busy(self) -> bool:
        """Whether anybody has to be looked at every second."""
        return self.peers.is_busy or self.web_seeds.is_busy

    def next_due(self, now: float) -> float | None:
        """When anybody may be dialled or asked, if it waits for that alone."""
        due = (self.dialling.next_dial(now), self.web_seeds.next_due(now))
        return min((each for each in due if each is not None), default=None)

    def close(self) -> None:
        """The torrent rests."""
        self.dialling.stopped()
        self.web_seeds.stop()
        self.peers.disconnect_all("the torrent rests")
