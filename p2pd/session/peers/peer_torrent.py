"""What a peer session needs of the torrent that its peer is one of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Hashable, Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.base.piece_set import PieceSet
from p2pd.base.requests import Request
from p2pd.session.pieces.piece_buffers import PieceBuffers
from p2pd.session.rate_limits import PeerChains, RateLimits
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.swarm.request_pipeline import RequestWindow
from p2pd.transports.interfaces import Buffer

if TYPE_CHECKING:
    from p2pd.session.peers.peer_node import PeerNode
    from p2pd.session.peers.peer_session import PeerSession


class PeerTorrent(Protocol):
    """The torrent, as its peer sessions see it."""

    content: TorrentContent | None

    def seconds(self) -> float: ...
    def new_window(self) -> RequestWindow: ...
    def rate_limits(self) -> RateLimits: ...
    def chains(self, host: str) -> PeerChains:
        """The speed limits for a peer at this IP address."""

    def have(self) -> PieceSet | None:
        """What we have; None while there is no metadata."""

    def greet(self, peer: PeerSession) -> PieceSet | None:
        """What we say to a new peer that we have: less, if it is shown one piece at a time."""

    def peer_told(self, peer: PeerSession, piece: int | None) -> None:
        """A peer said what it has, or that it has one piece more."""

    def newcomers(self) -> int:
        """Choked peers that may be living on the pieces we offered them (BEP 6)."""

    def is_complete(self) -> bool: ...
    def has_news(self, peer: PeerSession) -> bool:
        """Whether we and this peer may have something to tell each other, data or not."""

    def wants_any_of(self, pieces: PieceSet) -> bool: ...
    def wants_piece(self, piece: int) -> bool: ...
    def spare_buffers(self) -> PieceBuffers: ...
    def read_blocks_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> Sequence[Buffer] | None: ...
    def read_blocks(self, requests: Sequence[Request]) -> Deferred[Sequence[Buffer]]: ...
    def cannot_read(self, problem: BaseException | None) -> None: ...
    def cancel(self, peer: Hashable, request: Request) -> None:
        """What was asked of a peer, or of a web seed, is not wanted any more."""

    def payload_received(self, size: int, now: float) -> None: ...
    def payload_wasted(self, size: int) -> None: ...
    def payload_sent(self, size: int, now: float) -> None: ...
    def starved(self, peer: PeerSession) -> None: ...
    def timed_out(self, peer: PeerSession) -> None: ...
    def interest_changed(self, peer: PeerSession) -> None: ...
    def peer_ready(self, peer: PeerSession, our_host: str | None) -> None:
        """The extension handshake is through; it may tell as whom the peer sees us."""

    def extended(self, peer: PeerSession, name: str, payload: bytes) -> None:
        """A message of an extension that the torrent handles."""

    def node_of(self, peer: PeerSession) -> PeerNode:
        """What will be known of a new peer's node."""

    def node_proved(self, peer: PeerSession) -> None:
        """It is known which node a peer is."""

    def dht_port(self, peer: PeerSession) -> int:
        """Of our DHT node, for peers to know; 0: it is none of their business."""

    def dht_node(self, address: PeerAddress) -> None:
        """A peer says where its DHT node is (BEP 5)."""

    def hash_message(self, peer: PeerSession, message: Any) -> None:
        """A hash request, hashes or reject (BEP 52)."""

    def reads_too_little(self) -> None:
        """A peer is dropped for that."""

    def peer_gone(self, peer: PeerSession, reason: str, *, misbehaved: bool) -> None: ...
