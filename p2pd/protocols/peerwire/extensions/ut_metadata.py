"""ut_metadata (BEP 9): the info dictionary in pieces of 16 KiB, and putting it together."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any, Collection, Hashable, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.formats import bencode

PIECE_SIZE = 16 * 1024
MAX_METADATA = 32 * 1024 * 1024
MAX_PIECES = MAX_METADATA // PIECE_SIZE
_REQUEST, _DATA, _REJECT = 0, 1, 2


class MetadataRequest(NamedTuple):
    """A request for one piece of the metadata."""

    piece: int

    def encode(self) -> bytes:
        """The payload of the message."""
        return bencode.encode({b"msg_type": _REQUEST, b"piece": self.piece})


class MetadataData(NamedTuple):
    """One piece of the metadata; `total_size` is that of all of it."""

    piece: int
    total_size: int
    data: bytes

    def encode(self) -> bytes:
        """The payload of the message: a dictionary, and the bytes right behind it."""
        head = {b"msg_type": _DATA, b"piece": self.piece, b"total_size": self.total_size}
        return bencode.encode(head) + self.data


class MetadataReject(NamedTuple):
    """The sender does not give that piece."""

    piece: int

    def encode(self) -> bytes:
        """The payload of the message."""
        return bencode.encode({b"msg_type": _REJECT, b"piece": self.piece})


MetadataMessage = MetadataRequest | MetadataData | MetadataReject


def parse(payload: bytes) -> MetadataMessage | None:
    """Read a message; None for a type that BEP 9 does not know. Raises FormatError."""
    head, end = bencode.decode_prefix(payload)
    if not isinstance(head, dict):
        raise FormatError("a metadata message that is no dictionary")
    kind = head.get(b"msg_type")
    piece = _number(head, b"piece", MAX_PIECES)
    if kind == _REQUEST:
        return MetadataRequest(piece)
    if kind == _REJECT:
        return MetadataReject(piece)
    if kind != _DATA:
        return None
    data = bytes(payload[end:])
    if not 0 < len(data) <= PIECE_SIZE:
        raise FormatError(f"a metadata piece of {len(data)} bytes")
    return MetadataData(piece, _number(head, b"total_size", MAX_METADATA), data)


def _number(head: dict[bytes, Any], key: bytes, largest: int) -> int:
    value = head.get(key)
    if not isinstance(value, int) or not 0 <= value <= largest:
        raise FormatError(f"a metadata message with a bad {key.decode()}")
    return value


class MetadataAssembly:
    """Puts metadata together from several peers' pieces, and believes only the info-hash.

    The size is what the first peer claimed; when the result does not fit the hash everything is
    thrown away and the next claim is tried.
    """

    def __init__(self, expected: InfoHashes) -> None:
        self._expected = expected
        self._pieces: dict[int, bytes] = {}
        self._from: dict[int, Hashable] = {}
        self.size = 0

    def set_size(self, size: int) -> None:
        """A peer claims this size (bytes); the first claim holds. Raises FormatError."""
        if not 0 < size <= MAX_METADATA:
            raise FormatError(f"metadata of {size} bytes")
        self.size = self.size or size

    @property
    def piece_count(self) -> int:
        """How many pieces there are, 0 while no size is known."""
        return -(-self.size // PIECE_SIZE)

    @property
    def progress(self) -> float:
        """0 to 1."""
        return len(self._pieces) / self.piece_count if self.size else 0.0

    def missing(self) -> list[int]:
        """Pieces that are not here."""
        return [piece for piece in range(self.piece_count) if piece not in self._pieces]

    def add(self, source: Hashable, message: MetadataData) -> bytes | None:
        """Take a piece; the whole info dictionary when this was the last and the hash is right.

        Raises MetadataMismatchError, naming who contributed, when the hash is wrong. A piece that
        does not fit the size is ignored.
        """
        length = min(PIECE_SIZE, self.size - message.piece * PIECE_SIZE)
        if message.total_size != self.size or len(message.data) != length:
            return None
        self._pieces[message.piece] = message.data
        self._from[message.piece] = source
        if len(self._pieces) < self.piece_count:
            return None
        info = b"".join(self._pieces[piece] for piece in range(self.piece_count))
        if self._fits(info):
            return info
        sources = set(self._from.values())
        self._pieces.clear()
        self._from.clear()
        self.size = 0
        raise MetadataMismatchError(sources)

    def _fits(self, info: bytes) -> bool:
        expected = self._expected
        v1_fits = expected.v1 is None or sha1(info).digest() == expected.v1
        return v1_fits and (expected.v2 is None or sha256(info).digest() == expected.v2)


class MetadataMismatchError(FormatError):
    """The metadata is not what the info-hash names; `sources` sent it."""

    def __init__(self, sources: Collection[Hashable]) -> None:
        super().__init__("the metadata does not have the info-hash")
        self.sources = sources
