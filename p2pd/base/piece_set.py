"""A set of piece indices that knows its size, and its wire form, the bitfield (BEP 3)."""

from __future__ import annotations

from typing import Iterator

from p2pd.base.errors import FormatError

_TO_FLAGS = bytes.maketrans(b"01", b"\x00\x01")
_TO_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


class PieceSet:
    """Which of `size` pieces somebody has.

    `flags` is one byte a piece, 0 or 1: the hot path reads it by index. Do not write into `flags`
    from outside, `count` would go wrong.
    """

    __slots__ = ("size", "count", "flags")

    def __init__(
        self, size: int, members: Iterator[int] | range | list[int] | tuple[int, ...] = ()
    ) -> None:
        self.size = size
        self.flags = bytearray(size)
        self.count = 0
        for piece in members:
            self.add(piece)

    @classmethod
    def full(cls, size: int) -> PieceSet:
        """The set of all pieces."""
        new = cls(0)
        new.size, new.count, new.flags = size, size, bytearray(b"\x01") * size
        return new

    @classmethod
    def from_bitfield(cls, data: bytes | memoryview, size: int) -> PieceSet:
        """Read a bitfield (BEP 3). Raises FormatError on a wrong length or a set spare bit."""
        if len(data) != (size + 7) // 8:
            raise FormatError(f"a bitfield of {len(data)} bytes for {size} pieces")
        if size % 8 and data[-1] & (0xFF >> size % 8):
            raise FormatError("spare bits are set at the end of a bitfield")
        new = cls(0)
        new.size = size
        if size:
            digits = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}"[:size]
            new.flags = bytearray(digits.encode().translate(_TO_FLAGS))
            new.count = new.flags.count(1)
        return new

    def to_bitfield(self) -> bytes:
        """The bitfield of this set (BEP 3): first piece in the highest bit, spare bits zero."""
        length = (self.size + 7) // 8
        if not length:
            return b""
        digits = self.flags.translate(_TO_DIGITS).ljust(length * 8, b"0")
        return int(digits, 2).to_bytes(length, "big")

    def add(self, piece: int) -> bool:
        """Put a piece in; whether it was new. Raises IndexError outside 0..size-1."""
        if piece < 0:
            raise IndexError(piece)
        if self.flags[piece]:
            return False
        self.flags[piece] = 1
        self.count += 1
        return True

    def discard(self, piece: int) -> bool:
        """Take a piece out; whether it was in."""
        if not self.flags[piece]:
            return False
        self.flags[piece] = 0
        self.count -= 1
        return True

    def copy(self) -> PieceSet:
        """An independent copy."""
        new = PieceSet(0)
        new.size, new.count, new.flags = self.size, self.count, self.flags[:]
        return new

    def missing(self) -> Iterator[int]:
        """The pieces that are not in the set, ascending."""
        return self._positions(0)

    @property
    def is_full(self) -> bool:
        """Whether every piece is in."""
        return self.count == self.size

    def __contains__(self, piece: object) -> bool:
        return isinstance(piece, int) and 0 <= piece < self.size and self.flags[piece] == 1

    def __iter__(self) -> Iterator[int]:
        return self._positions(1)

    def __len__(self) -> int:
        return self.count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PieceSet):
            return NotImplemented
        return self.flags == other.flags

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<PieceSet {self.count}/{self.size}>"

    def _positions(self, value: int) -> Iterator[int]:
        position = self.flags.find(value)
        while position >= 0:
            yield position
            position = self.flags.find(value, position + 1)
