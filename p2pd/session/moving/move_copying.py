"""The files of one torrent on their way from one folder to another, in the threads of their disks.

What is read is read by the threads of the old device, what is written is written by those of the
new one: a disk that hangs holds up nobody else. Each step is short, so that other work of the
devices has its turn, and the next part is read while one is written. On one device a file gets a
second name, and nothing is copied; where it cannot have one it is copied all the same.

A piece counts as moved when it was read back from the copy and its hash was right.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence, TypeVar

from twisted.internet.defer import Deferred

from p2pd.base.errors import StorageError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout, FileSpan
from p2pd.session.disks.devices import Device
from p2pd.storage.interfaces import Storage
from p2pd.storage.new_place import NewPlace
from p2pd.storage.old_place import OldFile, OldPlace, Part
from p2pd.storage.verifier import PieceVerifier

T = TypeVar("T")

STEP_BYTES = 4 * 1024 * 1024
"""Read, written or hashed in one go."""

SYNC_BYTES = 16 * 1024 * 1024
"""Written before the disk has to have it: a sync takes long when there is much to sync."""


class MoveCopying:
    """Copies and verifies; `check` is called after every step, and raises when it is to end."""

    def __init__(
        self,
        old: OldPlace,
        new: NewPlace,
        old_device: Device,
        new_device: Device,
        staged: Storage,
        layout: FileLayout,
        verifier: PieceVerifier,
        check: Callable[[], None],
    ) -> None:
        self.old = old
        self.new = new
        self.total = 0
        """Bytes of both passes: those to copy, and those to read back."""
        self.good = PieceSet(layout.piece_count)
        """Pieces that need not be looked at again."""
        self._old_device = old_device
        self._new_device = new_device
        self._staged = staged
        self._layout = layout
        self._verifier = verifier
        self._check = check
        self._files: dict[int, OldFile] = {}
        """As they were when they were copied or linked."""
        self._linked: set[int] = set()
        self._part = 0
        """Bytes copied of the file that is copied now."""

    @property
    def done(self) -> int:
        """Bytes copied, and bytes read back."""
        copied = sum(file.held for file in self._files.values())
        return copied + self._part + self._layout.bytes_had(self.good)

    @property
    def files(self) -> list[OldFile]:
        """Those that are at the new place, under whatever name."""
        return list(self._files.values())

    def is_between(self, old_device: Device, new_device: Device) -> bool:
        """Whether these are still the devices: a volume may have come back as another."""
        return self._old_device is old_device and self._new_device is new_device

    async def take_back(self) -> None:
        """Those that have their names already are ours to change again."""
        files = await self._run_old(self.old.files, ())
        await self.run_new(self.new.take_back, files)

    async def copy(self, have: PieceSet) -> None:
        """Every file that is there; of those that were here before what is new in them."""
        files = await self._run_old(self.old.files, needed_files(self._layout, have))
        self.total = self.total or sum(file.held for file in files) + self._layout.bytes_had(have)
        for file in files:
            before = self._files.get(file.index)
            if before is not None and before.identity == file.identity:
                if before != file and file.index not in self._linked:
                    await self.run_new(self.new.finish, file)
            elif await self._link(file):
                self._linked.add(file.index)
            else:
                self._linked.discard(file.index)
                for piece in self._layout.pieces_of_file(file.index):
                    self.good.discard(piece)
                await self._copy(file)
            self._files[file.index] = file
            self._part = 0

    async def verify(self, have: PieceSet) -> None:
        """Read back what is had and was not yet; what is wrong is copied once more."""
        self._believe_linked(have)
        wrong = await self._wrong(self._left(have))
        if not wrong:
            return
        await self.copy_pieces(wrong)
        if not (wrong := await self._wrong(wrong)):
            return
        if await self._run_old(self._is_wrong_at_source, wrong[0]):
            raise StorageError(
                f"{self.old.root}: piece {wrong[0]} is damaged there; verify the torrent"
            )
        raise StorageError(f"{self.new.root}: {len(wrong)} pieces do not read as they were written")

    def left(self, have: PieceSet) -> list[int]:
        """The pieces that are had and are not known to be right in the copy."""
        self._believe_linked(have)
        return self._left(have)

    async def copy_pieces(self, pieces: Sequence[int]) -> None:
        """Copy these, whatever was there."""
        changed: set[int] = set()
        for piece in pieces:
            for index, offset, length in self._layout.spans(
                piece, 0, self._layout.piece_size(piece)
            ):
                if index in self._files and index not in self._linked:
                    await self._copy_range(index, offset, length)
                    changed.add(index)
        for index in sorted(changed):
            await self.run_new(self.new.finish, self._files[index])

    async def place(self) -> None:
        """Give the files their names."""
        await self.run_new(self._staged.close)
        await self.run_new(self.new.place, self.files)

    async def clean(self) -> None:
        """It comes to nothing; nobody is asked whether to go on."""
        await self._new_device.run("move", self._staged.close)

    async def run_new(self, job: Callable[..., T], *args: Any) -> T:
        """A step in the new device's threads."""
        return await self._run(self._new_device, job, *args)

    # -- steps ---------------------------------------------------------------------------------

    async def _run_old(self, job: Callable[..., T], *args: Any) -> T:
        return await self._run(self._old_device, job, *args)

    async def _run(self, device: Device, job: Callable[..., T], *args: Any) -> T:
        self._check()
        result = await device.run("move", job, *args)
        self._check()
        return result

    async def _link(self, file: OldFile) -> bool:
        if self._old_device is not self._new_device:
            return False
        return await self.run_new(self.new.link, file, self.old)

    async def _copy(self, file: OldFile) -> None:
        offset = await self.run_new(self.new.copied, file)
        self._part = min(offset, file.held)
        unsynced = 0
        part = await self._read(file.index, offset)
        while part.data:
            reading = self._read(file.index, part.end)
            unsynced += len(part.data)
            sync = unsynced >= SYNC_BYTES
            try:
                await self.run_new(
                    self.new.write, file.index, part.offset, part.data, file.sparse, sync
                )
            except BaseException:
                reading.addErrback(lambda _: None)
                raise
            unsynced = 0 if sync else unsynced
            self._part = min(self._part + len(part.data), file.held)
            part = await reading
        # Also of one that was copied before: whether a kill left it on the disk nobody knows.
        await self.run_new(self.new.finish, file)

    def _read(self, index: int, offset: int) -> Deferred[Part]:
        return Deferred.fromCoroutine(self._run_old(self.old.read, index, offset, STEP_BYTES))

    async def _copy_range(self, index: int, offset: int, length: int) -> None:
        for at in range(0, length, STEP_BYTES):
            size = min(STEP_BYTES, length - at)
            part = await self._run_old(self.old.read_range, index, offset + at, size)
            await self.run_new(self.new.write, index, part.offset, part.data, False, False)

    # -- pieces --------------------------------------------------------------------------------

    def _spans(self, piece: int) -> list[FileSpan]:
        return self._layout.spans(piece, 0, self._layout.piece_size(piece))

    def _believe_linked(self, have: PieceSet) -> None:
        """A file with a second name is one file: there is nothing to read back."""
        if not self._linked:
            return
        for piece in self._left(have):
            indices = self._layout.files_of_piece(piece)
            if all(i < 0 or i in self._linked or self._layout.files[i].pad for i in indices):
                self.good.add(piece)

    def _left(self, have: PieceSet) -> list[int]:
        good = self.good.flags
        return [piece for piece, had in enumerate(have.flags) if had and not good[piece]]

    async def _wrong(self, pieces: Iterable[int]) -> list[int]:
        wrong: list[int] = []
        for batch in self._batches(pieces):
            found = await self.run_new(self.new.wrong, self._staged, self._verifier, batch)
            wrong += found
            for piece in set(batch).difference(found):
                self.good.add(piece)
        return wrong

    def _is_wrong_at_source(self, piece: int) -> bool:
        """In a thread of the old device."""
        check = self._verifier.start(piece)
        for index, offset, length in self._spans(piece):
            if index < 0 or self._layout.files[index].pad:
                check.update(bytes(length))
            else:
                check.update(self.old.read_range(index, offset, length).data)
        return not check.passed()

    def _batches(self, pieces: Iterable[int]) -> Iterable[list[int]]:
        batch: list[int] = []
        size = 0
        for piece in pieces:
            batch.append(piece)
            size += self._layout.piece_size(piece)
            if size >= STEP_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


def needed_files(layout: FileLayout, have: PieceSet) -> set[int]:
    """The files that have to be there, for pieces in them are had."""
    return {
        index
        for index, file in enumerate(layout.files)
        if not file.pad and have.flags.find(1, file.first_piece, file.end_piece) >= 0
    }


def take_over(storage: Storage, lacking: set[int], running: bool) -> None:
    """In a thread: it is to know its folder and its files: one that goes is not made anew."""
    storage.locate(lacking, None)
    if running:
        storage.prepare()
    storage.file_states()
