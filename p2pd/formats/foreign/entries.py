"""A dictionary of foreign bencode, read without trusting what is in it.

A value of another type than was asked for counts as absent; numbers out of their bounds, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.foreign.model import ForeignStateError

MOST = 2**62
MAX_TEXT = 4096
LATEST = 2**40


class Entries:
    """The values by name."""

    def __init__(self, values: Mapping[bytes, Any]) -> None:
        self._values = values

    @classmethod
    def decoded(cls, data: bytes, what: str, *, max_size: int = bencode.MAX_SIZE) -> Entries:
        """The dictionary in a file. Raises ForeignStateError, which says of what."""
        try:
            values = bencode.decode(data, strict_order=False, max_size=max_size)
        except FormatError as problem:
            raise ForeignStateError(f"{what} cannot be read: {problem}") from None
        if not isinstance(values, dict):
            raise ForeignStateError(f"{what} holds no dictionary")
        return cls(values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def names(self) -> list[bytes]:
        """Of all values."""
        return list(self._values)

    def get(self, name: bytes) -> Any:
        """The value as it is; None if there is none."""
        return self._values.get(name)

    def number(self, name: bytes, default: int = 0, *, least: int = 0, most: int = MOST) -> int:
        """A whole number within bounds."""
        value = self._values.get(name)
        return value if isinstance(value, int) and least <= value <= most else default

    def date(self, name: bytes) -> int:
        """Unix seconds, 0 for never."""
        return self.number(name, most=LATEST)

    def flag(self, name: bytes, default: bool = False) -> bool:
        """Whether a number is not 0."""
        value = self._values.get(name)
        return bool(value) if isinstance(value, int) else default

    def raw(self, name: bytes) -> bytes:
        """Bytes."""
        value = self._values.get(name)
        return value if isinstance(value, bytes) else b""

    def text(self, name: bytes) -> str:
        """A string; what is no UTF-8 in it is replaced."""
        return in_words(self._values.get(name))

    def items(self, name: bytes) -> list[Any]:
        """A list."""
        value = self._values.get(name)
        return value if isinstance(value, list) else []

    def inner(self, name: bytes) -> Entries:
        """A dictionary in this one."""
        value = self._values.get(name)
        return Entries(value if isinstance(value, dict) else {})


def in_words(value: Any) -> str:
    """The text that bytes are, or nothing."""
    if not isinstance(value, bytes) or len(value) > MAX_TEXT:
        return ""
    return value.decode("utf-8", "replace")
