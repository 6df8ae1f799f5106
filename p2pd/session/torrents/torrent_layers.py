"""Piece layers from peers, and hashes to peers (BEP 52, hash request, hashes, hash reject).

A magnet's metadata has no piece layers, and some torrent files lack them: without them a v2 piece
cannot be verified. They are asked of peers that speak v2, every answer is proven against the
file's root, and until then the pieces concerned are not asked for.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from twisted.internet.defer import Deferred

from p2pd.base.errors import FormatError, StorageError
from p2pd.formats.merkle_tree import HashRange, MerkleTree
from p2pd.protocols.peerwire.messages import Hashes, HashReject, HashRequest
from p2pd.session.peers.peer_session import PeerSession
from p2pd.session.peers.send_queues import ANSWERS_AHEAD
from p2pd.session.torrents.torrent_content import TorrentContent

ASKED_PER_PEER = 4
ANSWER_SECONDS = 20.0
"""Seconds after which an unanswered hash request goes to another peer."""

ASK_AGAIN_SECONDS = 10.0
"""Seconds after which a peer that could not answer is asked again: it may know more by then."""

ANSWERS_AT_ONCE = 8
"""Hash requests that may wait for the disk, over all peers; more are rejected."""

Wanted = tuple[bytes, HashRange]


class LayersOwner(Protocol):
    """The torrent whose layers they are."""

    def seconds(self) -> float: ...
    def layers_arrived(self) -> None:
        """More pieces can be verified."""

    def leaf_hashes(self, pieces: Sequence[int]) -> Deferred[list[bytes]]:
        """The block hashes of these pieces' file bytes, read and hashed in a thread."""


class PieceLayerExchange:
    """The Merkle trees of one torrent's files: asked for where incomplete, served where known."""

    def __init__(self, owner: LayersOwner, content: TorrentContent) -> None:
        self._owner = owner
        self._content = content
        self._trees: dict[bytes, tuple[MerkleTree, int]] = {}
        self._incomplete: dict[bytes, MerkleTree] = {}
        self._asked: dict[Wanted, tuple[PeerSession, float]] = {}
        self._refused: dict[Wanted, dict[PeerSession, float]] = {}
        self._answering = 0
        metainfo = content.metainfo
        for root in metainfo.missing_piece_layers():
            self._incomplete[root] = self._tree(root)[0]

    def peer_ready(self, peer: PeerSession) -> None:
        """A v2 peer can be asked."""
        if self._incomplete and peer.v2:
            self._ask(peer)

    def tick(self, now: float, peers: list[PeerSession]) -> None:
        """Once a second while layers are missing: overdue requests go to somebody else."""
        if not self._incomplete:
            return
        for wanted, (peer, since) in list(self._asked.items()):
            if peer.closed or now - since > ANSWER_SECONDS:
                self._refuse(wanted, peer)
        for peer in peers:
            if peer.v2:
                self._ask(peer)
                peer.flush()

    def peer_gone(self, peer: PeerSession) -> None:
        """Its requests are free again."""
        for wanted in [w for w, (asked, _) in self._asked.items() if asked is peer]:
            del self._asked[wanted]
        for refused in self._refused.values():
            refused.pop(peer, None)

    def received(self, peer: PeerSession, message: HashRequest | Hashes | HashReject) -> None:
        """A message about hashes. Raises FormatError."""
        if isinstance(message, HashRequest):
            self._answer(peer, message)
            return
        wanted = (
            message.pieces_root,
            HashRange(message.base_layer, message.index, message.length, message.proof_layers),
        )
        asked = self._asked.get(wanted)
        if asked is None or asked[0] is not peer:
            return
        if isinstance(message, Hashes):
            del self._asked[wanted]
            self._take(wanted, message.hashes)
            self._ask(peer)
        else:
            self._refuse(wanted, peer)

    # -- asking --------------------------------------------------------------------------------

    def _ask(self, peer: PeerSession) -> None:
        room = ASKED_PER_PEER - sum(asked is peer for asked, _ in self._asked.values())
        now = self._owner.seconds()
        for root, tree in self._incomplete.items():
            for range_ in tree.missing_ranges():
                if room <= 0:
                    return
                wanted = (root, range_)
                again_at = self._refused.get(wanted, {}).get(peer, now)
                if wanted in self._asked or now < again_at:
                    continue
                self._asked[wanted] = (peer, now)
                peer.send(
                    HashRequest(
                        root, range_.base_layer, range_.index, range_.length, range_.proof_layers
                    )
                )
                room -= 1

    def _take(self, wanted: Wanted, hashes: bytes) -> None:
        root, range_ = wanted
        tree = self._incomplete.get(root)
        if tree is None:
            return
        tree.add_hashes(range_, hashes)
        if tree.complete:
            layer = tree.piece_layer()
            assert layer is not None
            del self._incomplete[root]
            self._content.learn_layer(root, layer)
            self._owner.layers_arrived()

    def _refuse(self, wanted: Wanted, peer: PeerSession) -> None:
        self._asked.pop(wanted, None)
        again_at = self._owner.seconds() + ASK_AGAIN_SECONDS
        self._refused.setdefault(wanted, {})[peer] = again_at

    # -- answering -----------------------------------------------------------------------------

    def _answer(self, peer: PeerSession, asked: HashRequest) -> None:
        """Give the hashes; what we do not have, and what no tree has, is rejected."""
        if peer.send_pending > ANSWERS_AHEAD:
            peer.send(HashReject(*asked))
            return
        range_ = HashRange(asked.base_layer, asked.index, asked.length, asked.proof_layers)
        try:
            tree, first_piece = self._tree(asked.pieces_root)
            pieces = [first_piece + piece for piece in tree.pieces_for(range_)]
            if not pieces:
                self._send(peer, asked, tree.answer(range_))
                return
        except (KeyError, FormatError):
            peer.send(HashReject(*asked))
            return
        flags = self._content.have.flags
        if self._answering >= ANSWERS_AT_ONCE or not all(flags[piece] for piece in pieces):
            peer.send(HashReject(*asked))
            return
        self._answering += 1
        Deferred.fromCoroutine(self._answer_from_disk(peer, asked, tree, pieces))

    async def _answer_from_disk(
        self, peer: PeerSession, asked: HashRequest, tree: MerkleTree, pieces: list[int]
    ) -> None:
        range_ = HashRange(asked.base_layer, asked.index, asked.length, asked.proof_layers)
        try:
            hashes = tree.answer(range_, await self._owner.leaf_hashes(pieces))
        except (StorageError, FormatError):
            hashes = None
        finally:
            self._answering -= 1
        self._send(peer, asked, hashes)

    def _send(self, peer: PeerSession, asked: HashRequest, hashes: bytes | None) -> None:
        if peer.closed:
            return
        if hashes is None:
            peer.send(HashReject(*asked))
        else:
            peer.send(Hashes(*asked, hashes))
        peer.flush()

    def _tree(self, root: bytes) -> tuple[MerkleTree, int]:
        """The tree of the file with this root, and the file's first piece. Raises KeyError."""
        known = self._trees.get(root)
        if known is None:
            metainfo, layout = self._content.metainfo, self._content.layout
            index = self._content.file_with_root(root)
            file = layout.files[index]
            tree = MerkleTree(root, file.length, metainfo.piece_length)
            layer = self._content.piece_layer(root)
            if layer is not None:
                tree.load_piece_layer(layer)
            known = self._trees[root] = (tree, file.first_piece)
        return known
