"""Which files of a torrent are wanted, and how urgently: the user's choice, turned into pieces."""

from __future__ import annotations

from typing import Iterable, Sequence

from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.session.api import FileView

LOW, NORMAL, HIGH = 1, 4, 7


class FileSelection:
    """The choice for every file that the user sees; pad files are not among them.

    `levels` holds one byte a visible file: 0 low, 1 normal, 2 high, plus 4 when unwanted, so that
    a file that is switched off and on again keeps its priority.
    """

    def __init__(self, layout: FileLayout, levels: bytes | None = None) -> None:
        self._layout = layout
        self.visible = [i for i, file in enumerate(layout.files) if not file.pad]
        usable = levels is not None and len(levels) == len(self.visible)
        self.levels = (
            bytearray(levels) if usable and levels else bytearray(b"\x01") * len(self.visible)
        )

    def renamed(self, layout: FileLayout) -> None:
        """The same files have other names."""
        self._layout = layout

    def set_wanted(self, indices: Iterable[int], wanted: bool) -> None:
        """Want these files or not. Raises IndexError for an index out of range."""
        for index in self._checked(indices):
            self.levels[index] = self.levels[index] & 3 | (0 if wanted else 4)

    def set_priority(self, indices: Iterable[int], priority: int) -> None:
        """-1 low, 0 normal, 1 high. Raises IndexError for an index out of range."""
        for index in self._checked(indices):
            self.levels[index] = self.levels[index] & 4 | (priority + 1)

    def wanted(self, index: int) -> bool:
        """Whether the visible file `index` is wanted."""
        return self.levels[index] < 4

    def piece_priorities(self) -> bytearray:
        """One priority a piece, 0 (unwanted) to 7: the highest of the files that it holds."""
        priorities = bytearray(self._layout.piece_count)
        for index, position in enumerate(self.visible):
            level = self.levels[index]
            if level >= 4:
                continue
            urgency = (LOW, NORMAL, HIGH)[level]
            file = self._layout.files[position]
            first, end = file.first_piece, file.end_piece
            if end <= first:
                continue
            for edge in {first, end - 1}:
                priorities[edge] = max(priorities[edge], urgency)
            priorities[first + 1 : end - 1] = bytes([urgency]) * max(0, end - first - 2)
        return priorities

    def wanted_size(self) -> int:
        """Bytes of the wanted files."""
        files = self._layout.files
        return sum(files[p].length for i, p in enumerate(self.visible) if self.levels[i] < 4)

    def views(self, have: PieceSet) -> list[FileView]:
        """Every visible file with its progress."""
        completed = self._layout.file_progress(have)
        return [self._view(index, p, completed) for index, p in enumerate(self.visible)]

    def left(self, have: PieceSet) -> int:
        """Bytes of wanted files that are not yet verified."""
        if have.is_full:
            return 0
        if have.count == 0:
            return self.wanted_size()
        completed, files = self._layout.file_progress(have), self._layout.files
        return sum(
            files[p].length - completed[p] for i, p in enumerate(self.visible) if self.levels[i] < 4
        )

    def _view(self, index: int, position: int, completed: Sequence[int]) -> FileView:
        file, level = self._layout.files[position], self.levels[index]
        return FileView(
            index=index,
            path="/".join(file.path),
            length=file.length,
            completed=completed[position],
            wanted=level < 4,
            priority=(level & 3) - 1,
            first_piece=file.first_piece,
            end_piece=file.end_piece,
        )

    def _checked(self, indices: Iterable[int]) -> list[int]:
        wanted = list(indices)
        for index in wanted:
            if not 0 <= index < len(self.visible):
                raise IndexError(index)
        return wanted
