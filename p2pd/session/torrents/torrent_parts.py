"""A torrent's parts by name: content and swarm, which are made when they are needed.

To name a part of the swarm makes it; whoever only wants to know what there is asks for `connected`
and the like, which do not. At rest a torrent has neither.
"""

from __future__ import annotations

from typing import Any, Collection, Container, Coroutine, Sequence

from cryptography import x509
from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.source_report import HAS_SECRET, IS_PRIVATE, SourceReport
from p2pd.formats.x509.revocation import RevocationList
from p2pd.session.connecting.admission import Way
from p2pd.session.peers.partings import NOT_TRUSTED
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.revoking.swarm_revoking import certificate_of
from p2pd.session.revoking.torrent_revocations import VISITS, TorrentRevocations
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_dialling import TorrentDialling
from p2pd.session.torrents.torrent_exchange import TorrentExchange
from p2pd.session.torrents.torrent_holepunch import TorrentHolepunch
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_layers import PieceLayerExchange
from p2pd.session.torrents.torrent_link import TorrentLink
from p2pd.session.torrents.torrent_metadata import MetadataExchange
from p2pd.session.torrents.torrent_outcomes import TorrentOutcomes
from p2pd.session.torrents.torrent_peers import TorrentPeers
from p2pd.session.torrents.torrent_pex import TorrentPex
from p2pd.session.torrents.torrent_swarm import TorrentSwarm
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.session.web_seeds.seed_report import Kind, SeedReport
from p2pd.session.web_seeds.torrent_web_seeds import TorrentWebSeeds
from p2pd.session.web_seeds.web_seed import urls_of
from p2pd.state.resume import TorrentRecord

_OPEN, _SECRET, _TLS = Way.OPEN, Way.SECRET, Way.TLS  # a member of an enum takes long to look up


class TorrentParts:
    """What a torrent is made of."""

    __slots__ = ("_swarm", "content", "host", "record")

    link: TorrentLink
    running: bool

    def __init__(self, host: TorrentHost, record: TorrentRecord) -> None:
        self.host = host
        self.record = record
        self.content: TorrentContent | None = None
        """What there is once the metadata is known, but for a torrent at rest."""
        self._swarm: TorrentSwarm | None = None

    # -- what there is -------------------------------------------------------------------------

    @property
    def private(self) -> bool:
        """Whether its tracker alone may tell of peers (BEP 27)."""
        if self.content is not None:
            return self.content.metainfo.private
        return self.record.summary is not None and self.record.summary.private

    @property
    def may_be_private(self) -> bool:
        """The same, also of one whose torrent file was not read yet."""
        known = self.content is not None or self.record.is_whole
        return self.private if known else self.record.magnet is None

    @property
    def why_untold(self) -> str:
        """Why strangers are neither told of it nor asked for it, in words; empty: they are."""
        return HAS_SECRET if self.record.secret else IS_PRIVATE if self.may_be_private else ""

    @property
    def uses_dht(self) -> bool:
        """Whether its peers may know that we have a DHT node (BEP 5)."""
        return self.host.dht.is_for(self)

    @property
    def way(self) -> Way:
        """How its peers are reached."""
        if self.record.secret:
            return _SECRET
        return _TLS if self.wants_certificates else _OPEN

    @property
    def wants_certificates(self) -> bool:
        """Whether its peers are to have certificates: then it has none without, nor by a secret."""
        record, content = self.record, self.content
        if content is not None:
            has_ca = content.metainfo.tls_ca is not None
        else:
            has_ca = record.summary is not None and record.summary.tls
        return has_ca or record.by_tls or self.host.tls.has_ca(self)

    @property
    def has_unreadable_ca(self) -> bool:
        """Whether its metadata has a CA that is none: nobody can ever be its peer."""
        content, summary = self.content, self.record.summary
        if content is not None:
            return content.has_unreadable_ca
        return summary is not None and summary.unreadable_ca

    @property
    def listen_port(self) -> int:
        """The port by which its peers reach us, as trackers and the DHT are told."""
        return self.host.reaching.tls_port if self.way is Way.TLS else self.host.listen_port

    def port_for(self, host: str) -> int:
        """The same for who is at that IP address."""
        reaching = self.host.reaching
        return reaching.tls_port_for(host) if self.way is Way.TLS else reaching.port_for(host)

    @property
    def peer_limit(self) -> int:
        """Connections it may have."""
        return self.record.peer_limit or self.host.settings.peer_limit_per_torrent

    @property
    def has_parts(self) -> bool:
        """Whether it has content or a swarm."""
        return self.content is not None or self._swarm is not None

    def drop_parts(self) -> None:
        """It rests from now on: what is let go can be made anew."""
        self.content = None
        if self._swarm is not None:
            self._swarm.close()
            self._swarm = None

    def seconds(self) -> float:
        """Monotonic time."""
        return self.host.clock.seconds()

    def hang_up_on_all(self, reason: str, but: Way | None = None) -> None:
        """Nobody who is connected stays so, but for who came by that way."""
        for peer in list(self.connected):
            if peer.way is not but:
                peer.disconnect(reason)
        if self._swarm is not None:
            self._swarm.web_seeds.hang_up()

    def hang_up_on_untrusted(self) -> None:
        """Who is connected may have to be a trusted node from now on."""
        for peer in list(self.connected) if self.record.trusted_only else ():
            if not self.host.nodes.is_trusted(peer.node_key):
                peer.disconnect(NOT_TRUSTED)

    @property
    def connected(self) -> Collection[PeerSession]:
        """The connected peers."""
        return () if self._swarm is None else self._swarm.peers.connected

    def banned(self, places: Container[str | bytes]) -> None:
        """Hosts, or somebody there, or nodes by their keys are banned from the session."""
        if self._swarm is not None:
            self._swarm.peers.banned(places)
            self._swarm.web_seeds.banned(places)

    def limits_changed(self) -> None:
        """Other speed limits may hold for it."""
        if self._swarm is not None:
            for peer in self._swarm.peers.connected:
                peer.limits_changed()
            self._swarm.web_seeds.limits_changed()

    def rechoke_soon(self) -> None:
        """Whom to serve is to be decided anew."""
        if self._swarm is not None:
            self._swarm.peers.rechoke_soon()

    def add_peers(self, addresses: Sequence[PeerAddress], source: str) -> int:
        """New addresses: how many nobody had told of."""
        return self.dialling.add_peers(addresses, source)

    def _found(self, addresses: Sequence[PeerAddress], source: str) -> None:
        """A source has addresses (announcer.PeersFound)."""
        if addresses:
            self.add_peers(addresses, source)

    def found_by(self, source: str) -> int:
        """How many of the addresses that it knows a source told of."""
        return 0 if self._swarm is None else self._swarm.peers.pool.source_counts().get(source, 0)

    def finds_nobody(self, seconds: float) -> bool:
        """Whether nobody is connected or dialled, nor may be for so long."""
        if self._swarm is None:
            return True
        due = self._swarm.peers.next_due(self.seconds())
        later = due is None or due - self.seconds() > seconds
        return later and not self._swarm.peers.is_busy

    def told_at(self, source: str) -> float | None:
        """When a source told of addresses last, in Unix seconds."""
        return None if self._swarm is None else self._swarm.peers.told_at.get(source)

    def sources(self) -> list[SourceReport]:
        """What each source of peers says of itself for this torrent."""
        return [source.report(self) for source in self.host.discovery]

    def discovery_changed(self) -> None:
        """A source says something else than before."""
        self.host.activity.noted(self)

    def next_dial(self, now: float) -> float | None:
        """When somebody may be dialled or asked, if it waits for that alone."""
        return None if self._swarm is None else self._swarm.next_due(now)

    def rates(self) -> tuple[float, float]:
        """Bytes per second down and up."""
        if self._swarm is None:
            return (0.0, 0.0)
        now, exchange = self.seconds(), self._swarm.exchange
        return exchange.rate_download.per_second(now), exchange.rate_upload.per_second(now)

    def leaf_hashes(self, pieces: Sequence[int]) -> Deferred[list[bytes]]:
        """Block hashes of pieces on disk (BEP 52)."""
        assert self.content is not None
        return self.content.device.run("read", self.content.leaf_hashes, pieces)

    @property
    def will_seed(self) -> bool:
        """Whether it would seed if it ran, also while it is opened: as far as is recorded."""
        return self.record.is_whole if self.content is None else self.content.is_complete()

    def writable(self, yes: bool) -> None:
        """Whether anything in its folder can be changed: a download waits, or goes on."""
        if self.content is not None:
            self.content.set_writable(yes)
            self.host.activity.changed(self)

    # -- the swarm -----------------------------------------------------------------------------

    @property
    def swarm(self) -> TorrentSwarm:
        """What it has while it has to do with others; made if it has none."""
        if self._swarm is None:
            self._swarm = TorrentSwarm(self)
            # Nobody else would see that it can be let go again.
            self.host.activity.wake(self)
        return self._swarm

    @property
    def peers(self) -> TorrentPeers:
        """Who is connected, and who may be."""
        return self.swarm.peers

    @property
    def exchange(self) -> TorrentExchange:
        """The torrent, as its peers see it."""
        return self.swarm.exchange

    @property
    def trust(self) -> TorrentTrust:
        """Which peers are to be trusted."""
        return self.swarm.trust

    @property
    def outcomes(self) -> TorrentOutcomes:
        """What becomes of pieces."""
        return self.swarm.outcomes

    @property
    def web_seeds(self) -> TorrentWebSeeds:
        """Servers that have its data."""
        return self.swarm.web_seeds

    def seed_reports(self) -> list[SeedReport]:
        """How each of its web seeds is doing."""
        if self._swarm is not None:
            return self._swarm.web_seeds.reports()
        return [SeedReport(url, kind) for kind, url in self.seed_urls()]

    def seed_urls(self) -> list[tuple[Kind, str]]:
        """Those that it has: chosen by a user, or else its own."""
        return urls_of(self.record, self.content, self.link.web_seeds)

    def keep_http_seeds(self, urls: tuple[str, ...]) -> None:
        """Its metadata has these (BEP 17), of which the summary of one at rest knows nothing."""
        if urls and self.record.http_seeds is None:
            self.record.http_seeds = urls
            self._background(self.host.store.save(self.record))

    def web_seeds_changed(self) -> None:
        """It has others, or is to ask them in another way."""
        if self._swarm is not None:
            self._swarm.web_seeds.changed()
        else:
            self.host.activity.wake(self)

    @property
    def dialling(self) -> TorrentDialling:
        """Whom it dials, and when."""
        return self.swarm.dialling

    @property
    def pex(self) -> TorrentPex:
        """What its peers are told of each other, and tell us of others (BEP 11)."""
        return self.swarm.pex

    @property
    def revocations(self) -> TorrentRevocations:
        """What its peers tell each other of certificates that were taken back."""
        return self.swarm.revocations

    @property
    def ca(self) -> x509.Certificate | None:
        """Whose certificates its peers have; None: they need none, or it is not known whose."""
        kept = self.host.tls.given_to(self)
        return None if kept is None else certificate_of(kept.ca)

    def revocation_list_changed(self, found: RevocationList, *, leaving: bool, dial: bool) -> None:
        """A list of its CA is in force from now on; `leaving`: our own certificate is on it.
        `dial`: whom it met is to hear of it, also if it rests.
        """
        if self._swarm is not None:
            self._swarm.revocations.list_changed(found, leaving=leaving)
            self._swarm.web_seeds.hang_up()
        elif self.running and dial and not leaving:
            self.dialling.call_on_seeds(VISITS)

    @property
    def holepunch(self) -> TorrentHolepunch:
        """What it relays, and whom it meets through others (BEP 55)."""
        return self.swarm.holepunch

    @property
    def metadata(self) -> MetadataExchange:
        """What peers ask of the metadata, and are asked."""
        return self.swarm.metadata

    @property
    def layers(self) -> PieceLayerExchange | None:
        """The same of piece layers (BEP 52)."""
        return self.swarm.layers

    def selection_changed(self) -> None:
        """Other files are wanted now: ask for them, or be done."""
        if self.content is not None and not self.content.is_complete():
            for peer in self.peers:
                peer.download_goes_on()
        self.exchange.feed_all()
        self.outcomes.settle_completion(downloaded=False)
        self.host.queues.changed_sides(self)
        self.host.catcher.selection_changed(self)
        self.dialling.wake()

    def layers_arrived(self) -> None:
        """Pieces can be verified that could not before."""
        content = self.content
        assert content is not None
        content.apply_selection()
        if content.verifier.complete:
            self.record.torrent = content.torrent_bytes()
            self._background(self.host.store.save(self.record))
            self.record.torrent = None
        self.exchange.feed_all()

    def _background(self, work: Coroutine[Any, Any, Any] | Deferred[Any]) -> None:
        self.host.background(work, self.record.name)
