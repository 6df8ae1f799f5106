"""A torrent's data in memory: for tests and simulations."""

from __future__ import annotations

from typing import Collection, Iterable, Sequence

from p2pd.base.errors import StorageError
from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.safe_paths import Path
from p2pd.storage.interfaces import FileState, Presence


class MemoryStorage:
    """See interfaces.Storage. When set, writes raise `fault` and syncs `sync_fault`."""

    def __init__(self, layout: FileLayout) -> None:
        self.root = ""
        self.layout = layout
        self.pieces: dict[int, bytes] = {}
        self.fault: StorageError | None = None
        self.sync_fault: StorageError | None = None
        self.synced = 0
        self.same = True

    def prepare(self) -> None:
        """Nothing to make."""

    def read(self, piece: int, begin: int, length: int) -> bytes:
        """Bytes of a piece that was written."""
        if piece not in self.pieces:
            raise StorageError(f"piece {piece} was never written")
        return self.pieces[piece][begin : begin + length].ljust(length, b"\0")

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        """Fill `buffer`."""
        buffer[:] = self.read(piece, begin, len(buffer))

    def read_many(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview]:
        """Each request's bytes."""
        return [self.read(*request) for request in requests]

    def read_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> list[bytes | bytearray | memoryview] | None:
        """Nothing: it stands for a disk, which takes its time."""
        return None

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        """Keep a piece."""
        if self.fault is not None:
            raise self.fault
        self.pieces[piece] = bytes(data)

    def device(self) -> int:
        """All memory is one."""
        return 0

    def with_data(self, pieces: Sequence[int]) -> list[int]:
        """Those that were written."""
        return [piece for piece in pieces if piece in self.pieces]

    def found(self, pieces: Iterable[int]) -> None:
        """Nothing to do: there is no disk below."""

    def sync(self) -> None:
        """Count the call."""
        if self.sync_fault is not None:
            raise self.sync_fault
        self.synced += 1

    def file_states(self) -> list[FileState | None]:
        """Every file looks complete once anything was written."""
        return [FileState(file.length, 1) if self.pieces else None for file in self.layout.files]

    def presence(self, least: Sequence[tuple[int, int]]) -> Presence:
        """All or nothing, as `file_states`."""
        there = len(least) if self.pieces else 0
        return Presence(len(least), there, "" if there else "nothing was ever written")

    def allocated(self, indices: Sequence[int]) -> bool:
        """Memory is taken piece by piece."""
        return False

    def same_folder(self) -> bool:
        """As a test says."""
        return self.same

    @property
    def partial(self) -> frozenset[int]:
        """None: nothing in memory has a name."""
        return frozenset()

    def locate(self, begun: Collection[int], known: Sequence[FileState | None] | None) -> None:
        """Nothing to see."""

    def give_names(
        self,
        complete: Collection[int],
        partial: Collection[int],
        keep: Collection[Path] | None = (),
    ) -> list[str]:
        """Nothing to rename."""
        return []

    def entry(self, old: Path, new: Path, named: FileLayout) -> tuple[Path, Path]:
        """As the names are."""
        return old, new

    def rename(self, old: Path, new: Path, named: FileLayout, entry: tuple[Path, Path]) -> None:
        """All that there is to it."""
        self.layout = named

    def delete_files(self) -> None:
        """Forget everything."""
        self.pieces.clear()

    def close(self) -> None:
        """Nothing is open."""
