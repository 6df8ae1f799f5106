"""Whether a piece is right: SHA-1 for v1, Merkle tree for v2, both for hybrid (BEP 3, 52)."""

from __future__ import annotations

from hashlib import sha1
from typing import Protocol

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.merkle import BLOCK, HASH_SIZE, block_hashes, root_of
from p2pd.formats.metainfo import Metainfo

V1_HASH = 20


class PieceCheck(Protocol):
    """One piece that is hashed bit by bit, so that it need not be in memory as a whole."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """The next bytes of the piece, padding included: whole blocks of 16 KiB, but for the last.

        Nothing of `data` is kept: its memory may be used again.
        """

    def passed(self) -> bool:
        """Whether the piece is right, asked once and after all its bytes."""


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
        check = self.start(piece)
        check.update(data)
        return check.passed()

    def start(self, piece: int) -> PieceCheck:
        """For a piece whose bytes come in parts."""
        merkle = self._start_v2(piece) if piece in self._roots else None
        if self._v1 is None:
            return merkle or _Unknown()
        whole = _Whole(self._v1[piece * V1_HASH : (piece + 1) * V1_HASH])
        return whole if merkle is None else _Both(whole, merkle)

    def _start_v2(self, piece: int) -> _Merkle | None:
        root, file_length, first_piece = self._roots[piece]
        length = self._layout.piece_length
        content = self._layout.data_size(piece)
        if file_length <= length:
            # No layer: its one piece is compared with the root, over fewer leaves (BEP 52).
            return _Merkle(root, content, None)
        layer = self._layers.get(root)
        if layer is None:
            return None
        at = (piece - first_piece) * HASH_SIZE
        return _Merkle(layer[at : at + HASH_SIZE], content, length // BLOCK)


class _Whole:
    """The SHA-1 of all bytes, padding included (BEP 3)."""

    __slots__ = ("_expected", "_hash", "update")

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._hash = sha1()
        self.update = self._hash.update

    def passed(self) -> bool:
        return self._hash.digest() == self._expected


class _Merkle:
    """The tree over the blocks of a file's own bytes, never of padding (BEP 52)."""

    __slots__ = ("_expected", "_hashes", "_leaves", "_left")

    def __init__(self, expected: bytes, content: int, leaves: int | None) -> None:
        self._expected = expected
        self._left = content
        self._leaves = leaves
        self._hashes: list[bytes] = []

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        if self._left:
            content = memoryview(data)[: self._left]
            self._left -= len(content)
            self._hashes += block_hashes(content)

    def passed(self) -> bool:
        return root_of(self._hashes, pad_to=self._leaves) == self._expected


class _Both:
    """A hybrid's piece: right only if it is so both ways, found in one pass over its bytes."""

    __slots__ = ("_merkle", "_whole")

    def __init__(self, whole: _Whole, merkle: _Merkle) -> None:
        self._whole = whole
        self._merkle = merkle

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self._whole.update(data)
        self._merkle.update(data)

    def passed(self) -> bool:
        return self._whole.passed() and self._merkle.passed()


class _Unknown:
    """A v2 piece whose layer nobody has sent yet: it cannot be told, and so it is not right."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        pass

    def passed(self) -> bool:
        return False
