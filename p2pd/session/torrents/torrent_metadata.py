"""Fetching a magnet's metadata from its peers, and giving ours to others (BEP 9)."""

from __future__ import annotations

from typing import Protocol

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions import ut_metadata
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MetadataAssembly,
    MetadataContradictionError,
    MetadataData,
    MetadataMismatchError,
    MetadataReject,
    MetadataRequest,
)
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.send_queues import ANSWERS_AHEAD
from p2pd.session.torrents.torrent_trust import TorrentTrust
from p2pd.swarm.metadata_requests import MetadataRequests

NAME = "ut_metadata"

SERVED_PER_PEER = 4096
"""Metadata pieces one connection may take from us: many times any honest need."""


class MetadataOwner(Protocol):
    """The torrent whose metadata it is."""

    @property
    def trust(self) -> TorrentTrust:
        """Who hears of liars."""

    def seconds(self) -> float: ...
    def fail(self, sentence: str) -> None: ...
    def metadata_complete(self, info_bytes: bytes) -> None:
        """The info dictionary came and its hash is right."""


class MetadataExchange:
    """One torrent's metadata: what is missing is asked of all, what is there is given to all."""

    def __init__(
        self, owner: MetadataOwner, assembly: MetadataAssembly, info: bytes | None
    ) -> None:
        self._owner = owner
        self._assembly = assembly
        self._info = info
        self._requests = MetadataRequests(assembly)
        self._served: dict[PeerSession, int] = {}

    @property
    def progress(self) -> float:
        """How much of the metadata is here, 0 to 1."""
        return 1.0 if self._info is not None else self._assembly.progress

    def peer_ready(self, peer: PeerSession) -> None:
        """A peer told its extensions: ask it, if it has the metadata."""
        if self._info is None and _has_metadata(peer):
            try:
                self._assembly.set_size(peer.extensions.metadata_size, peer)
            except FormatError:
                self._requests.refuse(peer, self._owner.seconds())
                return
            self._ask(peer)

    def received(self, peer: PeerSession, payload: bytes) -> None:
        """A ut_metadata message. Raises FormatError."""
        message = ut_metadata.parse(payload)
        if isinstance(message, MetadataRequest):
            self._answer(peer, message.piece)
        elif isinstance(message, MetadataData):
            self._take(peer, message)
        elif isinstance(message, MetadataReject):
            self._requests.rejected(peer, message.piece, self._owner.seconds())

    def tick(self, now: float, peers: list[PeerSession]) -> None:
        """Once a second while metadata is missing: what is late is asked of somebody else."""
        if self._info is not None:
            return
        self._requests.give_up(now)
        for peer in self._requests.in_turn(peers):
            if _has_metadata(peer) and self._ask(peer):
                peer.flush()

    def peer_gone(self, peer: PeerSession) -> None:
        """Its requests are free again."""
        self._served.pop(peer, None)
        self._assembly.forget(peer)
        self._requests.left(peer)

    def _ask(self, peer: PeerSession) -> bool:
        pieces = self._requests.next_for(peer, self._owner.seconds())
        for piece in pieces:
            peer.extensions.send(NAME, MetadataRequest(piece).encode())
        return bool(pieces)

    def _take(self, peer: PeerSession, message: MetadataData) -> None:
        if self._info is not None or not self._requests.answered(peer, message.piece):
            return
        try:
            info = self._assembly.add(peer, message)
        except MetadataMismatchError:
            self._owner.trust.lied_of_metadata(peer)
            raise
        except MetadataContradictionError as problem:
            self._owner.fail(str(problem))
            return
        if info is not None:
            self._info = info
            self._requests.clear()
            self._owner.metadata_complete(info)
        else:
            self._ask(peer)

    def _answer(self, peer: PeerSession, piece: int) -> None:
        served = self._served[peer] = self._served.get(peer, 0) + 1
        start = piece * ut_metadata.PIECE_SIZE
        behind = peer.send_pending > ANSWERS_AHEAD
        if self._info is None or start >= len(self._info) or served > SERVED_PER_PEER or behind:
            peer.extensions.send(NAME, MetadataReject(piece).encode())
            return
        data = self._info[start : start + ut_metadata.PIECE_SIZE]
        peer.extensions.send(NAME, MetadataData(piece, len(self._info), data).encode())
        peer.flush()  # so that the next question of the same packet sees whether it is read


def _has_metadata(peer: PeerSession) -> bool:
    return bool(peer.extensions.speaks(NAME) and peer.extensions.metadata_size)
