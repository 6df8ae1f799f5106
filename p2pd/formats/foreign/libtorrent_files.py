"""Which file a number stands for in libtorrent's lists of a torrent's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from p2pd.formats.file_layout import FileLayout

T = TypeVar("T")


def of_files(values: Sequence[T], layout: FileLayout, default: T) -> list[T]:
    """One value for each file that users see, of libtorrent's list of files.

    In that list a v2 torrent has padding, too, behind each file that does not end with a piece.
    """
    chosen, position = [], 0
    for file in layout.files:
        if not file.pad:
            chosen.append(values[position] if position < len(values) else default)
        position += 1
        if layout.aligned and file.length % layout.piece_length:
            position += 1
    return chosen
