"""Whole pieces that cannot be written now: their disk has no room, or their files are being moved.

They stay in memory, where the budget bounds them, and are stored when they can be.
"""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from p2pd.session.devices import Device


class KeptPieces:
    """Those of one torrent; `store` is called with pieces to store, room or not.

    While they are `held` nothing is stored.
    """

    def __init__(self, device: Device, store: Callable[[Sequence[int]], None]) -> None:
        self.held = False
        self._device = device
        self._store = store
        self._pieces: dict[int, None] = {}

    def keep(self, whole: Iterable[int]) -> None:
        """These have to wait."""
        self._pieces.update(dict.fromkeys(whole))
        if self._pieces and not self.held:
            self._device.filled(self._retry)

    def forget(self, piece: int) -> None:
        """It is stored, or not wanted any more."""
        self._pieces.pop(piece, None)

    def go_on(self) -> None:
        """They are held no more."""
        self.held = False
        self._retry(None)

    def move_to(self, device: Device) -> None:
        """They are for another device now."""
        before, self._device = self._device, device
        before.left(self._retry)

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
