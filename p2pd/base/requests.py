"""A request for a block: the one value that the wire, the picker and the disk all speak of."""

from __future__ import annotations

from typing import NamedTuple

BLOCK_SIZE = 16 * 1024
"""Bytes in a block: what one request asks for, except at the end of a piece (BEP 3)."""


class Request(NamedTuple):
    """A block within a piece: `begin` and `length` in bytes (BEP 3, request)."""

    piece: int
    begin: int
    length: int
