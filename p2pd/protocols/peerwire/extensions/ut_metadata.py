"""The ut_metadata messages (BEP 9), and the assembly of metadata that many peers send in pieces.

Whom to ask and when is not known here, nor what the metadata says: only whether it has the hash.
"""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any, Collection, Hashable, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.formats import bencode
from p2pd.protocols.peerwire.extensions.registry import MAX_METADATA

NAME = "ut_metadata"
PIECE_SIZE = 16 * 1024
"""Bytes in a piece of metadata; the last one may be shorter."""
MAX_HEADER = 4096
"""Bytes in the longest dictionary of a message; three small keys need 50."""
MAX_ATTEMPTS = 64
_REQUEST, _DATA, _REJECT = 0, 1, 2


class MetadataRequest(NamedTuple):
    """Ask for a piece of the metadata."""

    piece: int

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return bencode.encode({b"msg_type": _REQUEST, b"piece": self.piece})


class MetadataData(NamedTuple):
    """A piece of the metadata; `total_size` is the bytes of all of it."""

    piece: int
    total_size: int
    data: bytes

    def encode(self) -> bytes:
        """The payload of the extended message: a dictionary, and the bytes right behind it."""
        header = {b"msg_type": _DATA, b"piece": self.piece, b"total_size": self.total_size}
        return bencode.encode(header) + self.data


class MetadataReject(NamedTuple):
    """The sender does not have, or not give, this piece."""

    piece: int

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return bencode.encode({b"msg_type": _REJECT, b"piece": self.piece})


MetadataMessage = MetadataRequest | MetadataData | MetadataReject


class MetadataMismatchError(FormatError):
    """Metadata that `sources`, and nobody else, sent does not have the info-hash."""

    def __init__(self, sources: Collection[Hashable]) -> None:
        super().__init__("the metadata it sent does not have the info-hash")
        self.sources = sources


class MetadataContradictionError(FormatError):
    """Metadata that has one of the two hashes of a link, and not the other."""

    def __init__(self) -> None:
        super().__init__("the link names two different torrents by its btih and its btmh")


def parse(payload: bytes) -> MetadataMessage | None:
    """Read a message; None for a type that BEP 9 does not know. Raises FormatError."""
    header, end = bencode.decode_prefix(payload[:MAX_HEADER])
    if not isinstance(header, dict):
        raise FormatError("the metadata message is not a dictionary")
    kind = header.get(b"msg_type")
    if kind == _REQUEST:
        return MetadataRequest(_number(header, b"piece", 2**31))
    if kind == _REJECT:
        return MetadataReject(_number(header, b"piece", 2**31))
    if kind == _DATA:
        return _data(header, bytes(payload[end:]))
    if not isinstance(kind, int):
        raise FormatError("the metadata message does not say its type")
    return None


def _data(header: dict[bytes, Any], data: bytes) -> MetadataData:
    size = _number(header, b"total_size", MAX_METADATA)
    piece = _number(header, b"piece", MAX_METADATA // PIECE_SIZE)
    if len(data) != max(0, min(PIECE_SIZE, size - piece * PIECE_SIZE)) or not data:
        raise FormatError(f"piece {piece} of {size} bytes of metadata cannot have {len(data)}")
    return MetadataData(piece, size, data)


def _number(header: dict[bytes, Any], key: bytes, largest: int) -> int:
    value = header.get(key)
    if not isinstance(value, int) or not 0 <= value <= largest:
        raise FormatError(f"the metadata message has no valid {key.decode()}")
    return value


class _Attempt:
    """Pieces of metadata of one size, with who sent each."""

    __slots__ = ("count", "pieces", "size", "sources")

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = -(-size // PIECE_SIZE)
        self.pieces: dict[int, bytes] = {}
        self.sources: dict[int, Hashable] = {}

    def missing(self) -> list[int]:
        return [piece for piece in range(self.count) if piece not in self.pieces]


class MetadataAssembly:
    """Puts metadata together from several peers' pieces, and believes nothing but the info-hash.

    Pieces that claim different sizes are never mixed. Peers work together at first; once that gave
    a wrong result each peer's pieces are kept apart, so that one honest peer is enough whatever
    the others send, and a wrong result has one culprit. Peers are any hashable keys. All that is
    held is bounded by `MAX_METADATA` bytes.
    """

    def __init__(self, expected: InfoHashes) -> None:
        self.suspects: frozenset[Hashable] = frozenset()
        """Who contributed to the last wrong result: at least one of them lied."""
        self._expected = expected
        self._apart = False
        self._attempts: dict[tuple[int, Hashable], _Attempt] = {}
        self._claims: dict[Hashable, int] = {}
        self._liars: set[Hashable] = set()
        self._held = 0

    def set_size(self, size: int, peer: Hashable = None) -> None:
        """A peer claims that the metadata has `size` bytes. Raises FormatError."""
        if not 0 < size <= MAX_METADATA:
            raise FormatError(f"metadata of {size} bytes, between 1 and {MAX_METADATA} may be")
        if peer is not None:
            self._claims[peer] = size
        key = self._key(size, peer)
        if key not in self._attempts:
            if len(self._attempts) >= MAX_ATTEMPTS:
                self._drop_least()
            self._attempts[key] = _Attempt(size)

    @property
    def progress(self) -> float:
        """How much of the metadata is here, 0 to 1, as far as the attempts' sizes are true."""
        parts = (len(attempt.pieces) / attempt.count for attempt in self._attempts.values())
        return max(parts, default=0.0)

    def missing(self, peer: Hashable = None) -> list[int]:
        """The pieces to ask this peer for, in order; without a peer, those that anyone lacks."""
        if peer is None:
            lacking = (attempt.missing() for attempt in self._attempts.values())
            return sorted(set[int]().union(*lacking))
        size = self._claims.get(peer, 0)
        if peer in self._liars:
            return []
        attempt = self._attempts.get(self._key(size, peer))
        return (attempt or _Attempt(size)).missing()

    def add(self, peer: Hashable, message: MetadataData) -> bytes | None:
        """Take a piece; the whole metadata when this was the last and the hash is right.

        Raises MetadataMismatchError when all of a wrong result is this peer's work. If others had
        a part in it the answer is None, and `suspects` names them all. Raises
        MetadataContradictionError when no metadata can be right.
        """
        if peer in self._liars:
            raise MetadataMismatchError({peer})
        self.set_size(message.total_size, peer)
        attempt = self._attempts[self._key(message.total_size, peer)]
        if message.piece in attempt.pieces:
            return None
        while self._held + len(message.data) > MAX_METADATA:
            self._drop_least(but=attempt)
        attempt.pieces[message.piece] = message.data
        attempt.sources[message.piece] = peer
        self._held += len(message.data)
        return self._finish(attempt) if len(attempt.pieces) == attempt.count else None

    def group(self, peer: Hashable) -> Hashable:
        """The same for peers whose pieces are put together."""
        return self._key(self._claims.get(peer, 0), peer)

    def forget(self, peer: Hashable) -> None:
        """The peer is gone; what it gave to the others stays."""
        size = self._claims.pop(peer, 0)
        self._liars.discard(peer)
        if self._apart:
            self._drop((size, peer))

    def _key(self, size: int, peer: Hashable) -> tuple[int, Hashable]:
        return (size, peer if self._apart else None)

    def _finish(self, attempt: _Attempt) -> bytes | None:
        info = b"".join(attempt.pieces[piece] for piece in range(attempt.count))
        if self._fits(info):
            self._clear()
            return info
        self.suspects = frozenset(attempt.sources.values())
        if len(self.suspects) == 1:
            self._liars |= self.suspects
            self._start_again(attempt)
            raise MetadataMismatchError(self.suspects)
        self._work_apart()
        return None

    def _fits(self, info: bytes) -> bool:
        v1, v2 = self._expected.v1, self._expected.v2
        fits = []
        if v1 is not None:
            fits.append(sha1(info, usedforsecurity=False).digest() == v1)
        if v2 is not None:
            fits.append(sha256(info).digest() == v2)
        if any(fits) and not all(fits):
            raise MetadataContradictionError
        return all(fits)

    def _work_apart(self) -> None:
        """Start again, with an attempt for each peer; what one sent alone need not come again."""
        shared, claims = list(self._attempts.values()), dict(self._claims)
        self._clear()
        self._apart = True
        for peer, size in claims.items():
            self.set_size(size, peer)
        for attempt in shared:
            for piece, data in attempt.pieces.items():
                peer = attempt.sources[piece]
                own = self._attempts.get((attempt.size, peer))
                if own is not None:
                    own.pieces[piece] = data
                    own.sources[piece] = peer
                    self._held += len(data)

    def _clear(self) -> None:
        self._attempts.clear()
        self._claims.clear()
        self._held = 0

    def _drop_least(self, but: _Attempt | None = None) -> None:
        """Make room: give up the attempt that came least far."""
        others = [(len(a.pieces), key) for key, a in self._attempts.items() if a is not but]
        self._drop(min(others, key=lambda entry: entry[0])[1])

    def _start_again(self, attempt: _Attempt) -> None:
        self._held -= sum(map(len, attempt.pieces.values()))
        attempt.pieces.clear()
        attempt.sources.clear()

    def _drop(self, key: tuple[int, Hashable]) -> None:
        dropped = self._attempts.pop(key, None)
        if dropped is not None:
            self._held -= sum(map(len, dropped.pieces.values()))
