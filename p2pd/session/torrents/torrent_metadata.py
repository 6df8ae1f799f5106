"""Fetching a magnet's metadata from its peers, and giving ours to others (BEP 9)."""

from __future__ import annotations

from typing import Protocol

from p2pd.base.errors import FormatError
from p2pd.protocols.peerwire.extensions import ut_metadata
from p2pd.protocols.peerwire.extensions.ut_metadata import (
    MetadataAssembly,
    MetadataData,
    MetadataReject,
    MetadataRequest,
)
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.send_queues import ANSWERS_AHEAD

NAME = "ut_metadata"
REQUESTS_PER_PEER = 4
ANSWER_SECONDS = 15.0
"""Seconds after which an unanswered request goes to another peer."""

SERVED_PER_PEER = 4096
"""Metadata pieces one connection may take from us: many times any honest need."""


class MetadataOwner(Protocol):
    """The torrent whose metadata it is."""

    def seconds(self) -> float: ...
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
        self._asked: dict[int, tuple[PeerSession, float]] = {}
        self._refused: dict[PeerSession, int] = {}
        self._served: dict[PeerSession, int] = {}

    @property
    def progress(self) -> float:
        """How much of the metadata is here, 0 to 1."""
        return 1.0 if self._info is not None else self._assembly.progress

    def peer_ready(self, peer: PeerSession) -> None:
        """A peer told its extensions: ask it, if it has the metadata."""
        if self._info is None and peer.extensions.speaks(NAME) and peer.extensions.metadata_size:
            try:
                self._assembly.set_size(peer.extensions.metadata_size, peer)
            except FormatError:
                self._refused[peer] = 1
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
            self._refused[peer] = self._refused.get(peer, 0) + 1
            if self._is_asked(peer, message.piece):
                del self._asked[message.piece]

    def tick(self, now: float, peers: list[PeerSession]) -> None:
        """Once a second while metadata is missing: overdue requests go to somebody else."""
        if self._info is not None:
            return
        for piece, (peer, since) in list(self._asked.items()):
            if peer.closed or now - since > ANSWER_SECONDS:
                del self._asked[piece]
                self._refused[peer] = self._refused.get(peer, 0) + 1
        for peer in sorted(peers, key=lambda p: self._refused.get(p, 0)):
            if peer.extensions.speaks(NAME) and peer.extensions.metadata_size:
                self._ask(peer)
                peer.flush()

    def peer_gone(self, peer: PeerSession) -> None:
        """Its requests are free again."""
        self._refused.pop(peer, None)
        self._served.pop(peer, None)
        self._assembly.forget(peer)
        for piece in [p for p, (asked, _) in self._asked.items() if asked is peer]:
            del self._asked[piece]

    def _ask(self, peer: PeerSession) -> None:
        room = REQUESTS_PER_PEER - sum(asked is peer for asked, _ in self._asked.values())
        for piece in self._assembly.missing(peer):
            if room <= 0:
                return
            if piece not in self._asked:
                self._asked[piece] = (peer, self._owner.seconds())
                peer.extensions.send(NAME, MetadataRequest(piece).encode())
                room -= 1

    def _is_asked(self, peer: PeerSession, piece: int) -> bool:
        """Whether it is this peer's turn: nobody may end what was asked of another."""
        asked = self._asked.get(piece)
        return asked is not None and asked[0] is peer

    def _take(self, peer: PeerSession, message: MetadataData) -> None:
        if self._info is not None:
            return
        if not self._is_asked(peer, message.piece):
            return
        del self._asked[message.piece]
        info = self._assembly.add(peer, message)
        if info is not None:
            self._info = info
            self._asked.clear()
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
