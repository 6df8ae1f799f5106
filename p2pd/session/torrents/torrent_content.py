"""What a torrent has once its metadata is known: layout, storage, verifier, files, pieces."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.merkle import block_hashes
from p2pd.formats.metainfo import Metainfo, to_torrent
from p2pd.formats.x509.pem import PemError, read_certificate
from p2pd.session.disks.devices import Device
from p2pd.session.pieces.pieces_listener import PiecesListener
from p2pd.session.pieces.torrent_pieces import TorrentPieces
from p2pd.session.torrents.file_selection import FileSelection
from p2pd.session.torrents.torrent_resume import encode_states
from p2pd.state.summaries import TorrentSummary
from p2pd.storage.interfaces import Storage
from p2pd.storage.verifier import PieceVerifier
from p2pd.swarm.piece_picker import PiecePicker


class TorrentContent:
    """Metadata and everything built on it; `set_have` begins it anew with other pieces."""

    def __init__(
        self,
        metainfo: Metainfo,
        layout: FileLayout,
        storage: Storage,
        *,
        rng: random.Random,
        device: Device,
        listener: PiecesListener,
        levels: bytes | None,
        sequential: bool,
        sequential_from: int,
    ) -> None:
        self.metainfo = metainfo
        self.layout = layout
        self.storage = storage
        self.device = device
        self.verifier = PieceVerifier(metainfo, layout)
        self.selection = FileSelection(layout, levels)
        self.has_unreadable_ca = not _is_readable(metainfo.tls_ca)
        """Whether nobody can ever be shown to be a peer: its CA's certificate is none."""
        self._sequence = (sequential, sequential_from)
        self.missing_wanted = 0
        self._read_only = False
        self.partial: frozenset[int] = frozenset()
        """Files that have `.part` behind their names."""
        self.as_recorded = False
        """Whether the files are still as the record says that they were at the last clean stop."""
        self._rng = rng
        self._listener = listener
        self._roots: dict[bytes, int] | None = None
        self._learned: dict[bytes, bytes] = {}
        self.pieces = self._new_pieces(PieceSet(layout.piece_count))

    @property
    def have(self) -> PieceSet:
        """The pieces that are verified and on disk."""
        return self.pieces.have

    @property
    def may_go(self) -> bool:
        """Whether it can be made anew as it is: all is here, and nothing is on its way."""
        whole = self.have.is_full and self.verifier.complete
        return whole and not (self.device.silent or self.device.full or self.partial)

    def summary(self) -> TorrentSummary:
        """What lists show of it."""
        metainfo, layout = self.metainfo, self.layout
        return TorrentSummary(
            total=layout.total_length,
            wanted=self.selection.wanted_size(),
            piece_length=layout.piece_length,
            pieces=layout.piece_count,
            files=len(self.selection.visible),
            private=metainfo.private,
            comment=metainfo.comment,
            created_by=metainfo.created_by,
            created_at=metainfo.creation_date,
            web_seeds=metainfo.web_seeds,
            tls=metainfo.tls_ca is not None,
            unreadable_ca=self.has_unreadable_ca,
        )

    def set_have(self, have: PieceSet) -> None:
        """Start with these pieces; only while no peer is connected."""
        self.pieces.close()
        self.pieces = self._new_pieces(have)

    def relocate(self, storage: Storage, device: Device) -> None:
        """The files are elsewhere: from now on they are read and written there.

        Nothing is on its way to the old ones.
        """
        self.storage, self.device = storage, device
        self.as_recorded = False
        self.pieces.relocate(storage, device, self.verifier)

    def renamed(self, layout: FileLayout) -> None:
        """The files have other names; all else is as it was."""
        self.layout = layout
        self.selection.renamed(layout)

    def set_writable(self, yes: bool) -> None:
        """Whether anything can be written; what was refused before is tried now."""
        self.pieces.read_only = self._read_only = not yes
        if yes:
            self.pieces.kept.try_now()

    def is_complete(self) -> bool:
        """Whether every wanted piece is had."""
        return not self.missing_wanted

    def would_be_complete(self, have: PieceSet) -> bool:
        """Whether these would be all the pieces that are wanted."""
        return not any(w and not h for w, h in zip(self._wanted, have.flags, strict=True))

    @property
    def wants_any(self) -> bool:
        """Whether any file is wanted; of one that has no bytes there is nothing to want."""
        return any(self._wanted) or not self._wanted

    def wants(self, piece: int) -> bool:
        """Whether some wanted file lies in the piece, and it is not had."""
        return self._wanted[piece] > 0 and not self.have.flags[piece]

    def unfinished_files(self) -> list[int]:
        """The wanted files that are not complete, by their index in the layout."""
        flags, files, selection = self.have.flags, self.layout.files, self.selection
        return [
            index
            for number, index in enumerate(selection.visible)
            if selection.wanted(number)
            and flags.find(0, files[index].first_piece, files[index].end_piece) >= 0
        ]

    def lacking_files(self) -> set[int]:
        """The files that are not complete, wanted or not, by their index in the layout."""
        flags, files = self.have.flags, self.layout.files
        return {
            index
            for index, file in enumerate(files)
            if not file.pad and flags.find(0, file.first_piece, file.end_piece) >= 0
        }

    def completed_by(self, piece: int) -> list[int]:
        """The files that this piece completed, of those that have `.part` behind their names."""
        if not self.partial:
            return []
        flags, files = self.have.flags, self.layout.files
        return [
            index
            for index in self.layout.files_of_piece(piece)
            if index in self.partial
            and flags.find(0, files[index].first_piece, files[index].end_piece) < 0
        ]

    def stored(self, piece: int) -> None:
        """A piece came to be had."""
        self.as_recorded = False
        if self._wanted[piece]:
            self.missing_wanted -= 1

    def apply_selection(self) -> None:
        """The files' priorities changed, or a piece layer came: tell the picker.

        A piece whose hash is still unknown (BEP 52, piece layers) cannot be verified, so it is
        not asked for yet.
        """
        self._apply(self.pieces)

    def file_with_root(self, root: bytes) -> int:
        """The position of a file with this pieces root (BEP 52). Raises KeyError."""
        if self._roots is None:
            self._roots = {}
            for index, file in enumerate(self.metainfo.files):
                if file.pieces_root is not None and file.length:
                    self._roots.setdefault(file.pieces_root, index)
        return self._roots[root]

    def piece_layer(self, root: bytes) -> bytes | None:
        """The piece layer of the file with this root, if it is known."""
        return self._learned.get(root) or self.metainfo.piece_layers.get(root)

    def learn_layer(self, root: bytes, layer: bytes) -> None:
        """A piece layer came from a peer, and was proven."""
        self._learned[root] = layer
        self.verifier.set_piece_layer(root, layer)

    def known_metainfo(self) -> Metainfo:
        """Its metainfo, with every piece layer that is known."""
        layers = {**self.metainfo.piece_layers, **self._learned}
        return replace(self.metainfo, piece_layers=layers)

    def torrent_bytes(self) -> bytes:
        """A .torrent file of it, with every piece layer that is known."""
        return to_torrent(self.known_metainfo())

    def set_sequence(self, sequential: bool, first: int) -> None:
        """One piece after the other from the first on, or the rarest first."""
        self._sequence = (sequential, first)
        self._apply_sequence(self.pieces.picker)

    def _apply_sequence(self, picker: PiecePicker) -> None:
        sequential, first = self._sequence
        # A magnet's may have been chosen before anybody knew how many pieces there are.
        picker.set_sequence(sequential, first if first < self.layout.piece_count else 0)

    def sync_and_look(self) -> str:
        """In a thread: bring everything to disk and note what the files look like."""
        self.storage.sync()
        return encode_states(self.storage.file_states())

    def leaf_hashes(self, pieces: Sequence[int]) -> list[bytes]:
        """In a thread: the block hashes of pieces on disk (BEP 52)."""
        return [
            leaf
            for piece in pieces
            for leaf in block_hashes(self.storage.read(piece, 0, self.layout.data_size(piece)))
        ]

    def _new_pieces(self, have: PieceSet) -> TorrentPieces:
        picker = PiecePicker(self.layout, rng=self._rng, have=have)
        self._apply_sequence(picker)
        pieces = TorrentPieces(
            layout=self.layout,
            picker=picker,
            storage=self.storage,
            verifier=self.verifier,
            device=self.device,
            listener=self._listener,
        )
        pieces.read_only = self._read_only
        self._apply(pieces)
        return pieces

    def _apply(self, pieces: TorrentPieces) -> None:
        wanted = self.selection.piece_priorities()
        self._wanted = bytes(wanted)
        flags = pieces.have.flags
        self.missing_wanted = sum(1 for w, h in zip(wanted, flags, strict=True) if w and not h)
        if not self.verifier.complete:
            for piece in pieces.have.missing():
                if not self.verifier.known(piece):
                    wanted[piece] = 0
        pieces.picker.set_priorities(wanted)
        pieces.abandon(pieces.picker.unwanted_open_pieces())


def _is_readable(ca: bytes | None) -> bool:
    if ca is not None:
        try:
            read_certificate(ca)
        except PemError:
            return False
    return True
