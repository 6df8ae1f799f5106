"""Which peers of one torrent are to be trusted: what became of the pieces they had a part in.

A peer that is proven to have sent a bad block is banned; all else only counts in its rating
(swarm.reputation). A peer is known by its host and peer id, so that hanging up mends nothing, and
by the key of its node once that is proved: what it did before counts under both.
"""

from __future__ import annotations

from typing import Collection, Hashable, Iterable, Protocol, Sequence

from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.session_bans import name_of
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.web_seeds.seed_lane import SeedLane
from p2pd.session.web_seeds.torrent_web_seeds import TorrentWebSeeds
from p2pd.session.web_seeds.web_seed import WebSeed
from p2pd.state.resume import TorrentRecord
from p2pd.swarm.bans import PeerName
from p2pd.swarm.reputation import POOR, Rating, Reputation
from p2pd.swarm.smart_ban import SmartBan

REMEMBERED = 1000
"""Peers of a torrent whose deeds are remembered; those met last."""


class TrustOwner(Protocol):
    """The torrent whose peers they are."""

    host: TorrentHost
    record: TorrentRecord

    @property
    def peers(self) -> Iterable[PeerSession]:
        """Those that are connected."""

    @property
    def web_seeds(self) -> TorrentWebSeeds:
        """Servers that have its data."""

    def seconds(self) -> float:
        """Monotonic time."""


class TorrentTrust:
    """What is known of the peers of one torrent."""

    def __init__(self, owner: TrustOwner) -> None:
        self.smart_ban = SmartBan()
        self._owner = owner
        self._reputations: dict[tuple[str, bytes] | bytes, Reputation] = {}
        self._nodes: dict[tuple[str, bytes], bytes] = {}
        """The keys that peers proved to have, of as many of them."""

    # -- what they did -------------------------------------------------------------------------

    def piece_passed(self, piece: int, contributors: Collection[Hashable], digests: bytes) -> None:
        """A piece is right: good for who sent it, and perhaps it tells who lied before."""
        now = self._owner.seconds()
        for peer in contributors:
            if isinstance(peer, PeerSession):
                self.of(name_of(peer)).good_piece(now)
        if digests:
            verdict = self.smart_ban.passed(piece, digests)
            for name in verdict.cleared:
                if isinstance(name, PeerName):
                    self.of(name).cleared()
            self._ban(verdict.guilty, piece, f"it sent bad blocks of piece {piece}")

    def piece_failed(self, piece: int, senders: Sequence[Hashable | None], digests: bytes) -> None:
        """A piece is wrong: of several who sent it, it will be seen who lied."""
        names: dict[Hashable | None, PeerName] = {
            peer: name_of(peer) for peer in set(senders) if isinstance(peer, PeerSession)
        }
        seeds: dict[Hashable | None, Hashable] = {
            lane: lane.seed for lane in set(senders) if isinstance(lane, SeedLane)
        }
        known: dict[Hashable | None, Hashable] = {**names, **seeds}
        verdict = self.smart_ban.failed(piece, [known.get(peer) for peer in senders], digests)
        self._ban(verdict.guilty, piece, f"it sent the whole of piece {piece}, which is wrong")
        if not verdict.guilty:
            now = self._owner.seconds()
            for name in names.values():
                self.of(name).suspected(now)

    def wants_digests(self, piece: int) -> bool:
        """Of pieces that failed before, to see who was to blame."""
        return self.smart_ban.remembers(piece)

    def timed_out(self, peer: PeerSession) -> None:
        """It did not send what it was asked for."""
        self.of(name_of(peer)).timed_out(self._owner.seconds())

    def lied_of_metadata(self, peer: PeerSession) -> None:
        """All of what it sent as the metadata is wrong: it is not asked a second time."""
        self._ban({name_of(peer)}, -1, "it sent wrong metadata")

    def abused(self, peer: PeerSession) -> None:
        """It was dropped for what it did."""
        self.of(name_of(peer)).abused(self._owner.seconds())

    # -- what that makes of them ---------------------------------------------------------------

    def of(self, name: PeerName) -> Reputation:
        """The reputation of a peer."""
        key = name.node_key or (name.host, name.peer_id)
        known = self._reputations.pop(key, None) or Reputation(self._owner.seconds())
        self._reputations[key] = known  # at the end: the one not met for longest is forgotten
        if len(self._reputations) > REMEMBERED:
            del self._reputations[next(iter(self._reputations))]
        return known

    def known_as(self, peer: PeerSession) -> None:
        """A peer proved which node it is: what either is known for is one from now on."""
        name = name_of(peer)
        place = (name.host, name.peer_id)
        self._nodes[place] = name.node_key
        if len(self._nodes) > REMEMBERED:
            del self._nodes[next(iter(self._nodes))]
        before = self._reputations.get(place)
        known = self.of(name)
        if before is not None and before is not known:
            known.absorb(before, self._owner.seconds())
        self._reputations[place] = known

    def on_parole(self, peer: Hashable) -> bool:
        """Whether it is yet to be seen if a peer spoiled a piece that it shared with others."""
        if not self.smart_ban or not isinstance(peer, PeerSession):
            return False
        return self.of(name_of(peer)).suspect

    def rating(self, peer: PeerSession) -> Rating:
        """What a connected peer is worth."""
        now, download = self._owner.seconds(), peer.download
        return self.of(name_of(peer)).rating(
            now, rate=download.rate.per_second(now), delay=download.window.response_time
        )

    def is_poor(self, peer: PeerSession) -> bool:
        """Whether anybody else is preferred to it; costs little for who never did wrong."""
        known = self._reputations.get(peer.node_key or (peer.address.host, peer.peer_id))
        return known is not None and known.blemished and self.rating(peer).score < POOR

    def _ban(self, guilty: Collection[Hashable], piece: int, what: str) -> None:
        for name in guilty:
            if isinstance(name, WebSeed):
                self._owner.web_seeds.sent_wrong(name, piece)
                continue
            assert isinstance(name, PeerName)
            reason = f"{what} of {self._owner.record.name}"
            key = name.node_key or self._nodes.get((name.host, name.peer_id), b"")
            # Whom the user trusts does not answer for everybody at its address.
            shared = self._is_shared(name) or self._owner.host.nodes.is_trusted(key)
            self._owner.host.bans.ban_peer(name._replace(node_key=key), reason, shared=shared)

    def _is_shared(self, name: PeerName) -> bool:
        """Whether a peer that proved good has the same address."""
        return any(
            peer.address.host == name.host
            and peer.peer_id != name.peer_id
            and self.of(name_of(peer)).proved
            for peer in self._owner.peers
        )
