"""What storage is to its users. All methods block and may be called from several threads."""

from __future__ import annotations

from typing import Collection, Iterable, NamedTuple, Protocol, Sequence

from p2pd.base.requests import Request
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.safe_paths import Path


class FileState(NamedTuple):
    """What a file looks like from outside: bytes, and nanoseconds of its last change."""

    size: int
    mtime_ns: int


class Presence(NamedTuple):
    """How many of so many files are there, and why the first of the others is not, in words."""

    asked: int
    there: int
    problem: str


class Storage(Protocol):
    """The files of one torrent, addressed by piece. Every method may raise StorageError."""

    root: str
    """The download folder. Torrents that share it are on one device."""

    layout: FileLayout
    """With the names that the files have on the disk."""

    def prepare(self) -> None:
        """Make the folders, and files that hold nothing (length 0), before downloading.

        From then on new files are made in that download folder alone: MissingError if another is at
        its path, as when its volume is unmounted.
        """

    def read(self, piece: int, begin: int, length: int) -> bytes | bytearray:
        """Bytes of a piece; padding reads as zeros."""

    def read_into(self, piece: int, begin: int, buffer: memoryview) -> None:
        """Fill `buffer` with bytes of a piece: for who reads much, and has memory to reuse."""

    def read_many(self, requests: Sequence[Request]) -> list[bytes | bytearray | memoryview]:
        """The bytes of each request, in order."""

    def read_now(
        self, requests: Sequence[Request], buffer: memoryview
    ) -> list[bytes | bytearray | memoryview] | None:
        """The bytes of each request, in `buffer` or elsewhere, if that needs no waiting.

        This alone may be called in the reactor's thread, and never raises.
        """

    def write_piece(self, piece: int, data: bytes | bytearray | memoryview) -> None:
        """Write a whole piece; padding is left out."""

    def device(self) -> int:
        """Which device the files are on, or will be: what shares one has to share its speed."""

    def with_data(self, pieces: Sequence[int]) -> list[int]:
        """Those of the pieces that the disk may hold something of: no holes, no absent files."""

    def found(self, pieces: Iterable[int]) -> None:
        """These were read and are right, but perhaps in memory only: a sync is to cover them.

        Whoever wrote them may have ended before it could sync them.
        """

    def sync(self) -> None:
        """Bring everything written or found so far to the disk itself."""

    def file_states(self) -> list[FileState | None]:
        """Each regular file of the layout as it is now, None for one that is not there.

        A file that is there now and is gone at a later write is an error, and is not made anew:
        pieces counted as had would be in it no more.
        """

    def presence(self, least: Sequence[tuple[int, int]]) -> Presence:
        """Which of these files, by index, are there, with so many bytes at least. Never raises."""

    def allocated(self, indices: Sequence[int]) -> bool:
        """Whether these files have blocks for all their bytes. Never raises."""

    def same_folder(self) -> bool:
        """Whether the download folder is the one that `prepare` found. Never raises."""

    @property
    def partial(self) -> frozenset[int]:
        """The files that have `.part` behind their names, or get it when they are made."""

    def locate(self, begun: Collection[int], known: Sequence[FileState | None] | None) -> None:
        """See which of its two names each file has.

        `begun`: something is recorded of these files, and not all; `known`: how each looked when it
        was recorded. See file_naming.is_partial for who has both.
        """

    def give_names(
        self,
        complete: Collection[int],
        partial: Collection[int],
        keep: Collection[Path] | None = (),
    ) -> list[str]:
        """Have these files under their names, and those with `.part`: what went wrong, in words.

        What others have (`keep`, None: nobody knows) gets no `.part`. Whoever reads or writes goes
        on.
        """

    def entry(self, old: Path, new: Path, named: FileLayout) -> tuple[Path, Path]:
        """What is renamed on the disk when `old` becomes `new`, and `named` are the names then."""

    def rename(self, old: Path, new: Path, named: FileLayout, entry: tuple[Path, Path]) -> None:
        """Give a file, or a folder with all that is in it, another name: `named` has it.

        `entry` is what `entry` said. Whoever reads or writes goes on. Nothing is replaced:
        StorageError if the name is taken.
        """

    def delete_files(self) -> None:
        """Remove the torrent's files, and the folders that this leaves empty."""

    def close(self) -> None:
        """Give open files back."""
