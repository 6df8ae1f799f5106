"""Whether a piece is right: SHA-1 for v1, Merkle tree for v2, both for hybrid (BEP 3, 52)."""

from __future__ import annotations

from hashlib import sha1

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.merkle import HASH_SIZE, piece_root
from p2pd.formats.metainfo import Metainfo

V1_HASH = 20


class PieceVerifier:
    """The expected hashes of one torrent. `verify` is called in worker threads."""

    def __init__(self, metainfo: Metainfo, layout: FileLayout) -> None:
        self._layout = layout
        self._v1 = metainfo.piece_hashes
        self._roots: dict[int, tuple[bytes, int, int]] = {}
        self._layers = dict(metainfo.piece_layers)
        self._missing = set(metainfo.missing_piece_layers())
        if metainfo.info_hashes.v2 is not None:
            for entry, file in zip(metainfo.files, layout.files, strict=True):
                if entry.pieces_root is not None and file.length:
                    of = (entry.pieces_root, file.length, file.first_piece)
                    pieces = range(file.first_piece, file.end_piece)
                    self._roots.update(dict.fromkeys(pieces, of))

    @property
    def complete(self) -> bool:
        """Whether every piece can be verified."""
        return not self._missing or self._v1 is not None

    def known(self, piece: int) -> bool:
        """Whether this piece can be verified: a hybrid's always can, by its v1 hash."""
        if self._v1 is not None or not self._missing:
            return True
        return self._roots[piece][0] not in self._missing

    def set_piece_layer(self, root: bytes, layer: bytes) -> None:
        """A piece layer that was proven against its root."""
        self._layers[root] = layer
        self._missing.discard(root)

    def verify(self, piece: int, data: bytes | bytearray | memoryview) -> bool:
        """Whether `data`, the whole piece with its padding, is right."""
        if self._v1 is not None:
            expected = self._v1[piece * V1_HASH : (piece + 1) * V1_HASH]
            if sha1(data).digest() != expected:
                return False
        found = self._roots.get(piece)
        return found is None or self._verify_v2(piece, data, found)

    def _verify_v2(
        self, piece: int, data: bytes | bytearray | memoryview, of: tuple[bytes, int, int]
    ) -> bool:
        root, file_length, first_piece = of
        length = self._layout.piece_length
        expected = root
        if file_length > length:
            layer = self._layers.get(root)
            if layer is None:
                # A hybrid whose layer nobody has sent yet is judged by its v1 hash alone.
                return self._v1 is not None
            at = (piece - first_piece) * HASH_SIZE
            expected = layer[at : at + HASH_SIZE]
        content = memoryview(data)[: self._layout.data_size(piece)]
        return piece_root(content, length, file_length) == expected
