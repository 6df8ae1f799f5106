"""Whole pieces that cannot be written now: the disk takes nothing, or their files are being moved.

They stay in memory, where the budget bounds them, and are stored when they can be. That there is
no room is the trouble of all torrents on the device, which tries for them (devices.py). That a
volume is read only, or fails, or cannot hold a whole file, one torrent finds out for itself: it
tries one piece, later and later. A disk that fails each time is given up.
"""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from p2pd.base.clock import DelayedCall
from p2pd.base.errors import (
    DiskFaultError,
    DiskFullError,
    FileRoomError,
    ReadOnlyError,
    StorageError,
)
from p2pd.session.disks.devices import FAULT_SECONDS, Device

REFUSED_SECONDS = 10.0
"""Between two attempts to write to a volume that is read only, or lacks the room for a file."""

TRIED_AGAIN = (DiskFullError, ReadOnlyError, DiskFaultError)
"""What the disk says that may be otherwise the next time."""


class KeptPieces:
    """Those of one torrent; `store` is called with pieces to store, whatever was said before.

    While they are `held` nothing is stored.
    """

    def __init__(
        self,
        device: Device,
        store: Callable[[Sequence[int]], None],
        *,
        give_up: Callable[[StorageError], None],
        abandon_but: Callable[[int], None],
    ) -> None:
        """`abandon_but` gives back the memory of all pieces but one."""
        self.held = False
        self.problem: StorageError | None = None
        """Why nothing of this torrent is written now, if that is not for want of room."""
        self._device = device
        self._store = store
        self._give_up = give_up
        self._abandon_but = abandon_but
        self._pieces: dict[int, None] = {}
        self._tried = 0
        self._trying: int | None = None
        self._timer: DelayedCall | None = None

    @property
    def waiting(self) -> bool:
        """Whether whole pieces are to be kept, and not to be tried."""
        return self.held or self.problem is not None or self._device.full

    def keep(self, whole: Iterable[int]) -> None:
        """These have to wait."""
        self._pieces.update(dict.fromkeys(whole))
        if self._pieces and self._device.full and not self.held:
            self._device.filled(self._retry)

    def refused(self, piece: int, problem: StorageError) -> None:
        """The disk did not take this one; `problem` is one of TRIED_AGAIN."""
        self._pieces = {piece: None, **self._pieces}  # it is what the disk is tried with
        if isinstance(problem, DiskFullError) and not isinstance(problem, FileRoomError):
            self._trying = None
            if not self.held:
                self._device.filled(self._retry)
            return
        self.problem = problem
        if self._trying == piece:
            self._trying = None
            self._tried += 1
        if self._trying is None and self._timer is None:
            self._wait(piece, problem)

    def passed(self, piece: int) -> None:
        """This one was written."""
        self._pieces.pop(piece, None)
        if self._device.full:
            self._device.has_room()
        if self._trying == piece:
            self._begin_anew()
            self._retry(None)

    def ended(self, piece: int) -> None:
        """It came to an end without the disk, which has to be tried with another one."""
        if self._trying == piece:
            self._trying = None
            self._try_one()

    def forget(self, piece: int) -> None:
        """It is not wanted any more."""
        self._pieces.pop(piece, None)
        if not self._pieces and self._trying is None:
            self._begin_anew()

    def try_now(self) -> None:
        """The volume may be well again."""
        if self._timer is not None:
            self._timer.cancel()
            self._try_one()

    def go_on(self) -> None:
        """They are held no more."""
        self.held = False
        self._begin_anew()
        self._retry(None)

    def move_to(self, device: Device) -> None:
        """They are for another device now."""
        before, self._device = self._device, device
        before.left(self._retry)

    def _wait(self, piece: int, problem: StorageError) -> None:
        seconds = REFUSED_SECONDS
        if isinstance(problem, DiskFaultError):
            if self._tried == len(FAULT_SECONDS):
                self._give_up(problem)
                return
            seconds = FAULT_SECONDS[self._tried]
        elif self._tried == 1:
            # This may take days: the memory is better used for torrents on other disks.
            self._abandon_but(piece)
        self._timer = self._device.later(seconds, self._try_one)

    def _try_one(self) -> None:
        self._timer = None
        if self.held:
            return
        self._trying = next(iter(self._pieces), None)
        if self._trying is None:
            self._begin_anew()
            return
        del self._pieces[self._trying]
        self._store([self._trying])

    def _retry(self, count: int | None) -> None:
        """There may be room now for so many of them, or for all."""
        pieces = list(self._pieces)[:count]
        if self.held:
            return
        for piece in pieces:
            del self._pieces[piece]
        if pieces:
            self._store(pieces)
        elif count is not None:
            self._device.has_room()  # what waited is not wanted any more

    def _begin_anew(self) -> None:
        self.problem = self._trying = None
        self._tried = 0
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
